package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

func core(t *testing.T) *natsbus.Core {
	t.Helper()
	c, err := embedded(t, t.TempDir()).OpenCore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// A heard counts what subscribers got.
type heard struct {
	mu   sync.Mutex // guards the fields below
	by   map[string][]string
	more chan struct{} // holds a token when something came
}

func (h *heard) handler(name string) event.Handler {
	return func(_ context.Context, d *event.Delivery) error {
		h.mu.Lock()
		h.by[name] = append(h.by[name], d.Topic+" "+string(d.Key)+string(d.Payload))
		h.mu.Unlock()
		select {
		case h.more <- struct{}{}:
		default:
		}
		return nil
	}
}

// until waits until the subscribers got n in all.
func (h *heard) until(t *testing.T, n int) {
	t.Helper()
	ctx := patient(t)
	for {
		h.mu.Lock()
		sum := 0
		for _, x := range h.by {
			sum += len(x)
		}
		h.mu.Unlock()
		if sum >= n {
			return
		}
		select {
		case <-h.more:
		case <-ctx.Done():
			t.Fatalf("%d of %d were heard", sum, n)
		}
	}
}

// subscribe starts a subscription, which ends with the test.
func subscribe(t *testing.T, c *natsbus.Core, s natsbus.Subscription) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- c.Subscribe(ctx, s, ready) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("subscribe to %q: %v", s.Subject, err)
	}
	end := sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = end() })
	return end
}

// Every subscriber whose pattern matches gets a message, of a queue group one.
func TestCore(t *testing.T) {
	c := core(t)
	h := &heard{by: map[string][]string{}, more: make(chan struct{}, 1)}
	subscribe(t, c, natsbus.Subscription{Subject: "orders.*", Handler: h.handler("star")})
	subscribe(t, c, natsbus.Subscription{Subject: "orders.>", Handler: h.handler("all")})
	stop := subscribe(t, c, natsbus.Subscription{Subject: "bills.>", Handler: h.handler("bills")})
	for range 2 {
		subscribe(t, c, natsbus.Subscription{Subject: "orders.placed", Queue: "q", Handler: h.handler("queue")})
	}
	for i := range 20 {
		if err := c.Send(t.Context(), &event.Message{Topic: "orders.placed", Key: []byte("k"), Payload: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Send(t.Context(), &event.Message{Topic: "orders.eu.placed"}); err != nil {
		t.Fatal(err)
	}
	h.until(t, 61)
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, want := range map[string]int{"star": 20, "all": 21, "queue": 20, "bills": 0} {
		if got := len(h.by[name]); got != want {
			t.Errorf("%s got %d messages, want %d", name, got, want)
		}
	}
	if h.by["star"][7] != "orders.placed k7" {
		t.Errorf("the eighth is %q", h.by["star"][7])
	}
	if err := stop(); err != nil {
		t.Errorf("a subscription that ends: %v", err)
	}
}

// A handler that fails or panics loses its message, which is told; a slow one
// loses what does not fit, which is counted.
func TestCoreLoses(t *testing.T) {
	c := core(t)
	failed := make(chan string, 10)
	block, entered := make(chan struct{}), make(chan struct{}, 1000)
	stop := subscribe(t, c, natsbus.Subscription{
		Subject: "t", Messages: 10,
		Handler: func(_ context.Context, d *event.Delivery) error {
			switch string(d.Payload) {
			case "error":
				return errors.New("no")
			case "panic":
				panic("oh")
			}
			entered <- struct{}{}
			<-block
			return nil
		},
		Failed: func(_ *event.Delivery, err error) { failed <- err.Error() },
	})
	send := func(payload string) {
		t.Helper()
		if err := c.Send(t.Context(), &event.Message{Topic: "t", Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
	}
	send("error")
	send("panic")
	for _, want := range []string{"no", "panic: oh"} {
		if got := <-failed; !strings.HasPrefix(got, want) {
			t.Errorf("the handler failed with %q, want %q", got, want)
		}
	}
	for range 100 {
		send("x")
	}
	<-entered
	close(block)
	for range 9 {
		<-entered
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := c.Dropped(); n < 80 || n > 90 {
		t.Errorf("%d of 100 are counted as lost, want all but some 11", n)
	}
}

func TestCoreRefuses(t *testing.T) {
	c := core(t)
	for _, m := range []*event.Message{nil, {}, {Topic: "a.*"}, {Topic: "t", Payload: make([]byte, 2<<20)}} {
		if err := c.Send(t.Context(), m); err == nil {
			t.Errorf("send %.60v: no error", m)
		}
	}
	if err := c.Subscribe(t.Context(), natsbus.Subscription{Subject: "a"}, nil); err == nil {
		t.Error("a subscription without a handler is none")
	}
	if err := c.Subscribe(t.Context(), natsbus.Subscription{Subject: "a b", Handler: func(context.Context, *event.Delivery) error { return nil }}, nil); err == nil {
		t.Error("a subscription to no subject is none")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Send(ended, &event.Message{Topic: "t"}); err == nil {
		t.Error("a closed connection sends")
	}
}
