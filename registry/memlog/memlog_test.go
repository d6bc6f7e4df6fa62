package memlog_test

import (
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/registrytest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	registrytest.TestLog(t, func(*testing.T) func(*testing.T) registry.Log {
		log := memlog.New()
		return func(*testing.T) registry.Log { return log }
	})
}

func TestRace(t *testing.T) {
	t.Parallel()
	registrytest.TestRace(t, func(*testing.T) func(*testing.T) registry.Log {
		log := memlog.New()
		return func(*testing.T) registry.Log { return log }
	}, 0)
}
