package endtoend_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/decimal"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/gen/orders"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	"github.com/wireproof/wireproof/gen/payments"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// A service is what the tests work with.
type service struct {
	t        *testing.T
	bus      *membus.Bus
	registry *client.Client
}

func newService(t *testing.T) service {
	return service{t, membus.New(), client.New(registrytest.New(t).URL)}
}

// publisher registers what it needs, as the development option does.
func (s service) publisher() *orders.Publisher {
	s.t.Helper()
	p, err := orders.NewPublisher(s.t.Context(), s.bus, s.registry, codec.RegisterSchemas())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// subscribe runs a subscription until n messages have an outcome.
func (s service) subscribe(n int, h orders.Handler, opts ...event.ConsumerOption) *event.Counts {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	var counts event.Counts
	var mu sync.Mutex
	seen := 0
	observe := event.Observe(func(o event.Outcome, d *event.Delivery, err error) {
		counts.Observe(o, d, err)
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen == n {
			cancel()
		}
	})
	if err := orders.Subscribe(ctx, s.bus.Group("g"), s.registry, h, append(opts, observe)...); err != nil {
		s.t.Fatal(err)
	}
	if ctx.Err() == context.DeadlineExceeded {
		s.t.Fatalf("%d of %d messages had an outcome", seen, n)
	}
	return &counts
}

func cancelled(id string) *ordersv1.OrderCancelled {
	return &ordersv1.OrderCancelled{OrderID: id, CancelledAt: time.UnixMilli(7).UTC(), Reason: ordersv1.CancelReasonOutOfStock}
}

// An onlyCancelled handles one event of the topic and ignores the others.
type onlyCancelled struct {
	orders.Ignore
	mu  sync.Mutex // guards the fields below
	got []string
}

func (h *onlyCancelled) OrderCancelled(_ context.Context, e *ordersv1.OrderCancelled, m event.Meta) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Reason != ordersv1.CancelReasonOutOfStock || !e.CancelledAt.Equal(time.UnixMilli(7)) || string(m.Key) != e.OrderID || m.Topic != orders.Topic {
		return event.Permanent(errors.New("not what was published"))
	}
	h.got = append(h.got, e.OrderID)
	return nil
}

func TestPublishAndSubscribe(t *testing.T) {
	s := newService(t)
	pub := s.publisher()
	if err := pub.OrderCancelled(t.Context(), cancelled("a")); err != nil {
		t.Fatal(err)
	}
	if err := pub.OrderCancelledBatch(t.Context(), []*ordersv1.OrderCancelled{cancelled("b"), cancelled("c")}); err != nil {
		t.Fatal(err)
	}
	if err := pub.OrderShipped(t.Context(), &ordersv1.OrderShipped{OrderID: "a", ShippedAt: time.UnixMicro(1)}); err != nil {
		t.Fatal(err)
	}
	h := &onlyCancelled{}
	counts := s.subscribe(4, h)
	if len(h.got) != 3 || counts.Of(event.Handled) != 4 || counts.Of(event.DeadLettered) != 0 {
		t.Errorf("handled %v, %d of 4, %d dead", h.got, counts.Of(event.Handled), counts.Of(event.DeadLettered))
	}
}

// A publisher does not start with a schema that is not registered, and says which
// command registers it.
func TestPublisherWantsRegisteredSchemas(t *testing.T) {
	s := newService(t)
	_, err := orders.NewPublisher(t.Context(), s.bus, s.registry)
	if !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("NewPublisher error = %v, want it to match ErrNotRegistered", err)
	}
}

// A deleter also gets tombstones.
type deleter struct {
	onlyCancelled
	keys []string
}

func (h *deleter) Deleted(_ context.Context, key []byte, _ event.Meta) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, string(key))
	return nil
}

func TestTombstones(t *testing.T) {
	for name, tt := range map[string]struct {
		handler orders.Handler
		want    event.Outcome
	}{"with Deleted": {&deleter{}, event.Handled}, "without": {&onlyCancelled{}, event.Skipped}} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			if err := s.publisher().Deleted(t.Context(), []byte("gone")); err != nil {
				t.Fatal(err)
			}
			if counts := s.subscribe(1, tt.handler); counts.Of(tt.want) != 1 {
				t.Errorf("the tombstone is not %s", tt.want)
			}
			if d, ok := tt.handler.(*deleter); ok && (len(d.keys) != 1 || d.keys[0] != "gone") {
				t.Errorf("Deleted was called with %v", d.keys)
			}
		})
	}
}

// An event of another topic's type is skipped, or dead-lettered where asked.
func TestUnknownType(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []event.ConsumerOption
		want event.Outcome
	}{"skipped": {nil, event.Skipped}, "dead letter": {[]event.ConsumerOption{event.DeadLetterUnknown()}, event.DeadLettered}} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			other, err := codec.NewSerializer(t.Context(), s.registry, payments.PaymentFailedSubject, paymentsv1.PaymentFailedType(), codec.RegisterSchemas())
			if err != nil {
				t.Fatal(err)
			}
			payload, err := other.Encode(&paymentsv1.PaymentFailed{OrderId: "a"})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.bus.Publish(t.Context(), &event.Message{Topic: orders.Topic, Payload: payload}); err != nil {
				t.Fatal(err)
			}
			if counts := s.subscribe(1, &onlyCancelled{}, tt.opts...); counts.Of(tt.want) != 1 {
				t.Errorf("the message is not %s", tt.want)
			}
		})
	}
}

// What does not decode goes to the dead letter with its bytes as they were.
func TestUndecodable(t *testing.T) {
	s := newService(t)
	s.publisher()
	known, err := codec.NewSerializer(t.Context(), s.registry, orders.OrderCancelledSubject, ordersv1.OrderCancelledType())
	if err != nil {
		t.Fatal(err)
	}
	poison := append(codec.AppendFrame(nil, known.ID()), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"...)
	if err := s.bus.Publish(t.Context(), &event.Message{Topic: orders.Topic, Key: []byte("k"), Payload: poison}); err != nil {
		t.Fatal(err)
	}
	if counts := s.subscribe(1, &onlyCancelled{}, event.Immediate(3)); counts.Of(event.DeadLettered) != 1 || counts.Of(event.Retried) != 0 {
		t.Errorf("dead-lettered %d, retried %d", counts.Of(event.DeadLettered), counts.Of(event.Retried))
	}
	letters, err := dlq.List(t.Context(), s.bus, orders.Topic, "g", dlq.Selection{})
	if err != nil || len(letters) != 1 || string(letters[0].Payload) != string(poison) || letters[0].Attempts != 1 {
		t.Errorf("letters %+v, %v", letters, err)
	}
}

// A fake keeps what a publisher would publish, and refuses what it would refuse.
func TestFake(t *testing.T) {
	var fake orders.Fake
	var pub orders.EventPublisher = &fake
	if err := pub.OrderCancelled(t.Context(), cancelled("a")); err != nil {
		t.Fatal(err)
	}
	refund := decimal.MustParse("1.234")
	bad := cancelled("b")
	bad.Refund = &refund
	if err := pub.OrderCancelled(t.Context(), bad); err == nil {
		t.Error("a refund of three decimals fits a schema with two")
	}
	if err := pub.Deleted(t.Context(), []byte("k")); err != nil {
		t.Fatal(err)
	}
	if events := fake.Events(); len(events) != 1 || events[0].(*ordersv1.OrderCancelled).OrderID != "a" || len(fake.DeletedKeys()) != 1 {
		t.Errorf("the fake keeps %v, %v", events, fake.DeletedKeys())
	}
	fake.Err = errors.New("broker away")
	if err := pub.OrderCancelled(t.Context(), cancelled("c")); !errors.Is(err, fake.Err) {
		t.Errorf("error = %v, want that of the fake", err)
	}
}
