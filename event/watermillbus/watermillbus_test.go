package watermillbus_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/watermillbus"
)

// kept is a bus that outlives the publishers and subscribers of a test, as a broker
// does.
type kept struct{ event.Bus }

func (kept) Close(context.Context) error { return nil }

// universal runs Watermill's own suite over buses that connect returns, each time
// another connection to the same broker.
func universal(t *testing.T, f tests.Features, connect func(t *testing.T) event.Bus) {
	f.ForceShort = os.Getenv("WIREPROOF_SOAK") == ""
	inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		// The suite closes some publishers while their subscribers go on.
		bus := connect(t)
		t.Cleanup(func() { _ = bus.Close(context.Background()) })
		return watermillbus.NewPublisher(connect(t)),
			watermillbus.NewSubscriber(bus.Group(group), watermillbus.SubscriberConfig{Drain: 200 * time.Millisecond})
	}
	tests.TestPubSub(t, f, func(t *testing.T) (message.Publisher, message.Subscriber) {
		return inGroup(t, "everyone")
	}, inGroup)
}

// TestUniversalSuite is Watermill's suite over the bus in memory: with several
// partitions, and with one, which is in order whatever the keys.
func TestUniversalSuite(t *testing.T) {
	for _, partitions := range []int{1, 8} {
		t.Run(fmt.Sprintf("partitions=%d", partitions), func(t *testing.T) {
			bus := kept{membus.New(membus.Partitions(partitions))}
			universal(t, tests.Features{
				ConsumerGroups: true, Persistent: true, GuaranteedOrder: partitions == 1,
			}, func(*testing.T) event.Bus { return bus })
		})
	}
}

// shared is a subscriber that does not close what others use too; its subscriptions
// end with it.
type shared struct{ message.Subscriber }

func (shared) Close() error { return nil }

// TestConformance is our suite over Watermill's bus in memory, which has no groups:
// it repeats everything for each subscriber, and is in no order.
func TestConformance(t *testing.T) {
	eventtest.Run(t, eventtest.Bus{
		New: func(*testing.T) event.Bus {
			ch := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
			return watermillbus.NewBus(ch, func(string) (message.Subscriber, error) { return shared{ch}, nil })
		},
		Late:      true,
		Forgetful: true,
	})
}
