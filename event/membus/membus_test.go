package membus_test

import (
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/membus"
)

func TestConformance(t *testing.T) {
	eventtest.Run(t, eventtest.Bus{
		New:        func(*testing.T) event.Bus { return membus.New() },
		KeyOrder:   true,
		Partitions: true,
	})
}
