package amqpbus

import (
	"math/rand/v2"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

// TestAcks settles tags in random orders against a broker that, as RabbitMQ does,
// refuses a tag that is not outstanding, also as the end of many.
func TestAcks(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var a acks
		next := uint64(1)
		outstanding, settled := map[uint64]bool{}, map[uint64]bool{}
		var open []uint64
		told := func() {
			upTo, single := a.take()
			for _, tag := range single {
				if !outstanding[tag] || !settled[tag] {
					t.Fatalf("seed %d: tag %d is acknowledged; outstanding %v, settled %v", seed, tag, outstanding[tag], settled[tag])
				}
				delete(outstanding, tag)
			}
			if upTo == 0 {
				return
			}
			if !outstanding[upTo] {
				t.Fatalf("seed %d: everything up to %d is acknowledged, which is not outstanding", seed, upTo)
			}
			for tag := range outstanding {
				if tag <= upTo && !settled[tag] {
					t.Fatalf("seed %d: everything up to %d is acknowledged, and %d is not settled", seed, upTo, tag)
				}
				if tag <= upTo {
					delete(outstanding, tag)
				}
			}
		}
		for next < 300 || len(open) > 0 {
			switch k := r.IntN(5); {
			case k < 2 && next < 300:
				a.received(next)
				outstanding[next] = true
				open = append(open, next)
				next++
			case k < 4 && len(open) > 0:
				i := r.IntN(len(open))
				settled[open[i]] = true
				a.settled(open[i])
				open = append(open[:i], open[i+1:]...)
			default:
				told()
			}
		}
		told()
		if len(outstanding) > 0 || len(a.state) > 0 {
			t.Fatalf("seed %d: all is settled, and %v is not acknowledged", seed, outstanding)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for id, want := range map[string]offsets.Place{
		"wp-1-1f": {Partition: 1, Offset: 31}, "wp-": offsets.Of("wp-"), "wp-1--1": offsets.Of("wp-1--1"), "order-17": offsets.Of("order-17"),
	} {
		if got := placeOf(id); got != want {
			t.Errorf("placeOf(%q) = %v, want %v", id, got, want)
		}
	}
}

func TestQueueArguments(t *testing.T) {
	for _, tt := range []struct {
		name    string
		q       Queue
		topic   string
		version int
		want    amqp.Table
		err     string
	}{
		{"default", Queue{}, "t", 3, amqp.Table{"x-queue-type": "quorum"}, ""},
		{"no limit on 4", Queue{}, "t", 4, amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": int64(-1)}, ""},
		{"limit", Queue{DeliveryLimit: 5}, "t", 4, amqp.Table{
			"x-queue-type": "quorum", "x-delivery-limit": int64(5), "x-dead-letter-exchange": "t.g.dlq",
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		}, ""},
		{"a retry is never given up", Queue{DeliveryLimit: 5}, "t.g.retry.1", 3, amqp.Table{"x-queue-type": "quorum"}, ""},
		{"classic", Queue{
			Type: "classic", MaxPriority: 9, SingleActive: true, DeadLetters: "d", Arguments: map[string]any{"x-max-length": int64(7)},
		}, "t", 4, amqp.Table{
			"x-queue-type": "classic", "x-max-priority": int64(9), "x-single-active-consumer": true,
			"x-dead-letter-exchange": "d", "x-max-length": int64(7),
		}, ""},
		{"type", Queue{Type: "stream"}, "t", 3, nil, `type is "stream"; expected quorum or classic`},
		{"priorities", Queue{MaxPriority: 3}, "t", 3, nil, "a quorum queue has no priorities"},
		{"limit of classic", Queue{Type: "classic", DeliveryLimit: 3}, "t", 3, nil, "delivery limit of a classic queue is 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Queue: func(string, string) Queue { return tt.q }}
			q, err := c.queue(tt.topic, "g")
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error is %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := q.arguments(tt.version)
			for k, v := range tt.want {
				if got[k] != v {
					t.Errorf("%s is %v, want %v", k, got[k], v)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("arguments are %v, want %v", got, tt.want)
			}
		})
	}
}

// The names that the runtime gives are known for what they are.
func TestAsides(t *testing.T) {
	if g, ok := retryGroup(event.RetryTopic("a.b", "c.d", 12), "a.b"); !ok || g != "c.d" {
		t.Errorf("group of the retry topic is %q, %v", g, ok)
	}
	for topic, want := range map[string]bool{
		event.RetryTopic("t", "g", 1): true, event.DeadLetterTopic("t", "g"): true, event.DeadLetterTopic("t", "g") + ".replayed": true,
		"t": false, "t.retry": false, "t.retry.": false, "t.retry.x": false, ".retry.1": false, "t.dlq.x": false,
	} {
		if isAside(topic) != want {
			t.Errorf("isAside(%q) = %v, want %v", topic, !want, want)
		}
	}
}
