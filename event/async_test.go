package event_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// A distant publisher takes a second for each call, and refuses what says so.
type distant struct {
	*membus.Bus
	calls []int // sizes; calls come one at a time
}

func (d *distant) Publish(ctx context.Context, ms ...*event.Message) error {
	d.calls = append(d.calls, len(ms))
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	pe := &event.PublishError{}
	for i, m := range ms {
		if string(m.Payload) == "refused" {
			pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: errors.New("too bad")})
		} else if err := d.Bus.Publish(ctx, m); err != nil {
			return err
		}
	}
	if pe.Failed != nil {
		return pe
	}
	return nil
}

func newAsync(t *testing.T, next event.Publisher, messages, bytes int) *event.Async {
	t.Helper()
	a, err := event.NewAsync(next, messages, bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	return a
}

// What is enqueued while a call is under way goes out in the next one, in order;
// each message has the answer that the broker gave it.
func TestAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &distant{Bus: membus.New(membus.Partitions(1))}
		a := newAsync(t, far, 10_000, 1<<20)
		var answers []string // written by calls of done, which come one at a time
		enqueue := func(payload string) {
			err := a.Enqueue(t.Context(), &event.Message{Topic: "t", Payload: []byte(payload)}, func(err error) {
				answers = append(answers, fmt.Sprint(payload, " ", err))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		enqueue("first")
		synctest.Wait()
		for i := range 2500 {
			if i == 1700 {
				enqueue("refused")
			}
			enqueue(fmt.Sprint(i))
		}
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 4*time.Second || fmt.Sprint(far.calls) != "[1 1000 1000 501]" {
			t.Errorf("calls of %v messages in %v, want 1, 1000, 1000 and 501 in 4s", far.calls, d)
		}
		if len(answers) != 2502 || answers[0] != "first <nil>" || answers[1701] != "refused too bad" || answers[2501] != "2499 <nil>" {
			t.Errorf("%d answers, the first %v", len(answers), answers[:min(len(answers), 3)])
		}
		stored := far.Messages("t")
		for i := range 2500 {
			if string(stored[i+1].Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i+1, stored[i+1].Payload)
			}
		}
	})
}

// Without room Enqueue waits, and no longer than its context.
func TestAsyncHasNoMoreThanItsRoom(t *testing.T) {
	for name, room := range map[string][2]int{"messages": {3, 1 << 20}, "bytes": {100, 3 * (10 + 64)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsync(t, &distant{Bus: membus.New()}, room[0], room[1])
				ignore := func(error) {}
				m := &event.Message{Topic: "t", Payload: make([]byte, 10)}
				for range 3 {
					if err := a.Enqueue(t.Context(), m, ignore); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if err := a.Enqueue(ctx, m, func(error) { t.Error("it was not enqueued and has an answer") }); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a message too many: %v", err)
				}
				start := time.Now()
				if err := a.Enqueue(t.Context(), m, ignore); err != nil || time.Since(start) == 0 {
					t.Errorf("it went in after %v: %v", time.Since(start), err)
				}
				if err := a.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				large := &event.Message{Topic: "t", Payload: make([]byte, 10_000)}
				if err := a.Enqueue(t.Context(), large, ignore); err != nil {
					t.Errorf("a message that is larger than the room does not go alone: %v", err)
				}
			})
		})
	}
}

// Each message that was taken has one answer, also when Close gives up.
func TestAsyncAnswersAll(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			bus := membus.New()
			a := newAsync(t, &distant{Bus: bus}, 1+r.IntN(2000), 1<<20)
			var mu sync.Mutex
			taken, answers, stored := map[string]bool{}, map[string]int{}, 0
			var callers sync.WaitGroup
			for c := range 5 {
				callers.Go(func() {
					for i := range 500 {
						name := fmt.Sprint(c, "-", i)
						err := a.Enqueue(t.Context(), &event.Message{Topic: "t", Payload: []byte(name)}, func(err error) {
							mu.Lock()
							defer mu.Unlock()
							answers[name]++
							if err == nil {
								stored++
							}
						})
						if errors.Is(err, event.ErrAsyncClosed) {
							return
						}
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						taken[name] = true
						mu.Unlock()
					}
				})
			}
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(3000))*time.Millisecond)
			defer cancel()
			err := a.Close(ctx)
			if err != nil && !strings.Contains(err.Error(), "has not drained") {
				t.Error(err)
			}
			callers.Wait()
			if err := a.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for name := range taken {
				if answers[name] != 1 {
					t.Errorf("seed %d: %s has %d answers", seed, name, answers[name])
				}
			}
			if len(answers) != len(taken) {
				t.Errorf("seed %d: %d answers for %d messages", seed, len(answers), len(taken))
			}
			if n := len(bus.Messages("t")); n != stored || err == nil && n != len(taken) {
				t.Errorf("seed %d: %d stored, %d told so, %d taken, close: %v", seed, n, stored, len(taken), err)
			}
		})
	}
}

func ExampleAsync() {
	bus := membus.New()
	async, err := event.NewAsync(bus, 10_000, 16<<20)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for i := range 3 {
		err := async.Enqueue(ctx, &event.Message{Topic: "clicks", Payload: fmt.Append(nil, i)}, func(err error) {
			fmt.Println("click", i, "is stored:", err == nil)
		})
		if err != nil {
			panic(err)
		}
	}
	if err := async.Close(ctx); err != nil {
		panic(err)
	}
	// Output:
	// click 0 is stored: true
	// click 1 is stored: true
	// click 2 is stored: true
}

// A publisher of somebody else's that fails without saying of what has stored nothing, as
// far as is known.
func TestAsyncTakesNoFailureForNone(t *testing.T) {
	a := newAsync(t, failing{&event.PublishError{}}, 10, 1000)
	done := make(chan error, 1)
	if err := a.Enqueue(t.Context(), &event.Message{Topic: "t"}, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the message counts as stored")
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// failing is a publisher whose every call fails.
type failing struct{ err error }

func (f failing) Publish(context.Context, ...*event.Message) error { return f.err }
func (f failing) Close(context.Context) error                      { return nil }
