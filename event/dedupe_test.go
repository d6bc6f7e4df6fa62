package event_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A notebook is a deduper that fails as often as it is told to.
type notebook struct {
	mu    sync.Mutex
	state map[string]event.ClaimState
	fail  int
	log   []string
}

func (n *notebook) do(what string, keys []string, f func(string)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail > 0 {
		n.fail--
		return errors.New("not now")
	}
	for _, k := range keys {
		n.log = append(n.log, what+" "+k)
		f(k)
	}
	return nil
}

func (n *notebook) Claim(_ context.Context, keys ...string) (out []event.ClaimState, err error) {
	err = n.do("claim", keys, func(k string) {
		out = append(out, n.state[k])
		if n.state[k] == event.Free {
			n.state[k] = event.Claimed
		}
	})
	return out, err
}

func (n *notebook) Done(_ context.Context, keys ...string) error {
	return n.do("done", keys, func(k string) { n.state[k] = event.Done })
}

func (n *notebook) Free(_ context.Context, keys ...string) error {
	return n.do("free", keys, func(k string) { delete(n.state, k) })
}

func identified(id string) *event.Message {
	m := order(id)
	m.Headers = event.Headers{{Key: "ce_id", Value: []byte(id)}, {Key: "ce_source", Value: []byte("shop")}}
	return m
}

// What is done is not called again, a failure frees its claim, and a store that
// does not answer is waited for.
func TestDeduplicate(t *testing.T) {
	for _, batch := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := &notebook{state: map[string]event.ClaimState{"billing/shop#old": event.Done}, fail: 3}
			var counts event.Counts
			var calls tally
			one := func(d *event.Delivery) error {
				if n := calls.add(d); string(d.Key) == "flaky" && n == 1 {
					return errors.New("no")
				}
				return nil
			}
			opts := []event.ConsumerOption{event.Deduplicate(n), event.RetryLevels(time.Minute), event.Observe(counts.Observe)}
			ms := []*event.Message{identified("new"), identified("old"), identified("new"), identified("flaky"), order("plain")}
			if batch {
				batches(t, time.Hour, ms, 2, time.Second, func(_ context.Context, ds []*event.Delivery) error {
					failed := map[int]error{}
					for i, d := range ds {
						if err := one(d); err != nil {
							failed[i] = err
						}
					}
					if len(failed) > 0 {
						return &event.BatchError{Failed: failed}
					}
					return nil
				}, opts...)
			} else {
				bubble(t, time.Hour, ms, func(_ context.Context, d *event.Delivery) error { return one(d) }, opts...)
			}
			if !calls.is(map[string]int{"new": 1, "flaky": 2, "plain": 1}) {
				t.Errorf("batch %v: calls %v", batch, calls.n)
			}
			if counts.Of(event.Duplicate) != 2 || counts.Of(event.Handled) != 3 || counts.Of(event.Retried) != 1 {
				t.Errorf("batch %v: counts %v", batch, &counts)
			}
			for _, want := range []string{"free billing/shop#flaky", "done billing/shop#flaky", "done billing/orders/0/4"} {
				if !slices.Contains(n.log, want) {
					t.Errorf("batch %v: no %q in %v", batch, want, n.log)
				}
			}
		})
	}
}

// What was handled is noted also when the lane was lost meanwhile, and when the time
// to drain is over: its next owner does not handle it again. What was not is free.
func TestHandledOnALostLane(t *testing.T) {
	for _, batch := range []bool{false, true} {
		for _, drained := range []bool{false, true} {
			for _, result := range []error{nil, errors.New("no")} {
				t.Run(fmt.Sprint(batch, drained, result), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { handledOnALostLane(t, batch, drained, result) })
				})
			}
		}
	}
}

func handledOnALostLane(t *testing.T, batch, drained bool, result error) {
	s := newScript(1)
	l := newTestLane(t, s, true)
	l.sent = []int64{0}
	s.send(l, delivery("t", "k", 0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := strict{&notebook{state: map[string]event.ClaimState{}}}
	one := func(ctx context.Context) error {
		if drained {
			cancel()
		} else {
			l.lose(errors.New("taken away"))
		}
		<-ctx.Done()
		cancel()
		l.finished(0)
		return result
	}
	opts := []event.ConsumerOption{event.Deduplicate(n), event.DrainTimeout(time.Second)}
	if batch {
		_ = event.RunBatches(ctx, s, []string{"t"}, 1, time.Second, func(ctx context.Context, _ []*event.Delivery) error { return one(ctx) }, opts...)
	} else {
		_ = event.Run(ctx, s, []string{"t"}, func(ctx context.Context, _ *event.Delivery) error { return one(ctx) }, opts...)
	}
	want := event.Done
	if result != nil {
		want = event.Free
	}
	if got := n.state["g/t/0/0"]; got != want {
		t.Errorf("the message is %d, want %d: %v", got, want, n.log)
	}
}

// A strict deduper does nothing once its context has ended, as one over a network.
type strict struct{ *notebook }

func (s strict) Claim(ctx context.Context, keys ...string) ([]event.ClaimState, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.notebook.Claim(ctx, keys...)
}

func (s strict) Done(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.notebook.Done(ctx, keys...)
}

// A lane that is lost while a claim is under way starts nothing, and keeps no claim.
func TestLostWhileClaiming(t *testing.T) {
	for _, batch := range []bool{false, true} {
		s := newScript(1)
		l := newTestLane(t, s, true)
		s.send(l, delivery("t", "k", 0))
		ctx, cancel := context.WithCancel(t.Context())
		n := losing{&notebook{state: map[string]event.ClaimState{}}, func(ctx context.Context) {
			l.lose(errors.New("taken away"))
			<-ctx.Done()
			cancel()
		}}
		var err error
		if batch {
			err = event.RunBatches(ctx, s, []string{"t"}, 1, time.Millisecond, func(context.Context, []*event.Delivery) error {
				t.Error("a batch of a lost lane is started")
				return nil
			}, event.Deduplicate(n))
		} else {
			err = event.Run(ctx, s, []string{"t"}, func(context.Context, *event.Delivery) error {
				t.Error("a message of a lost lane is started")
				return nil
			}, event.Deduplicate(n))
		}
		if got := n.state["g/t/0/0"]; err != nil || got != event.Free {
			t.Errorf("batch %v: the message is %d, %v", batch, got, err)
		}
	}
}

// A losing deduper calls lose when it has claimed.
type losing struct {
	*notebook
	lose func(context.Context)
}

func (l losing) Claim(ctx context.Context, keys ...string) ([]event.ClaimState, error) {
	out, err := l.notebook.Claim(ctx, keys...)
	l.lose(ctx)
	return out, err
}

// A claim that somebody else holds is waited for: handled once it is free, or not
// at all if it is done by then.
func TestClaimOfAnother(t *testing.T) {
	for _, batch := range []bool{false, true} {
		for _, becomes := range []event.ClaimState{event.Free, event.Done} {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				n := &notebook{state: map[string]event.ClaimState{"billing/shop#a": event.Claimed}}
				time.AfterFunc(time.Minute, func() {
					n.mu.Lock()
					defer n.mu.Unlock()
					n.state["billing/shop#a"] = becomes
				})
				var got []string
				one := func(d *event.Delivery) {
					got = append(got, fmt.Sprintf("%s %v", d.Key, time.Since(start) >= time.Minute))
				}
				ms := []*event.Message{identified("a"), identified("b")}
				if batch {
					batches(t, time.Hour, ms, 2, time.Second, func(_ context.Context, ds []*event.Delivery) error {
						for _, d := range ds {
							one(d)
						}
						return nil
					}, event.Deduplicate(n))
				} else {
					bubble(t, time.Hour, ms, func(_ context.Context, d *event.Delivery) error { one(d); return nil }, event.ByKey(2), event.Deduplicate(n))
				}
				want := []string{"b false"}
				if becomes == event.Free {
					want = []string{"b false", "a true"}
				}
				if !slices.Equal(got, want) {
					t.Errorf("batch %v, becomes %v: calls %v, want %v", batch, becomes, got, want)
				}
			})
		}
	}
}

// The id is the same on each delivery, retry and replay, and another for each
// publication.
func TestDeliveryID(t *testing.T) {
	first := event.Delivery{Message: *order("a"), Partition: 3, Offset: 17}
	for _, c := range []struct {
		d    event.Delivery
		want string
	}{
		{first, "orders/3/17"},
		{event.Delivery{Message: event.Message{Topic: "orders.billing.retry.1", Headers: event.Headers{
			{Key: event.HeaderOriginTopic, Value: []byte("orders")}, {Key: event.HeaderOriginPartition, Value: []byte("3")},
			{Key: event.HeaderOriginOffset, Value: []byte("17")}, {Key: event.HeaderGroup, Value: []byte("billing")},
		}}, Offset: 5}, "orders/3/17"},
		{event.Delivery{Message: event.Message{Topic: "orders", Headers: event.Headers{
			{Key: event.HeaderReplayID, Value: []byte("orders/3/17")}, {Key: event.HeaderGroup, Value: []byte("billing")},
		}}, Offset: 99}, "orders/3/17"},
		{event.Delivery{Message: *identified("x")}, "shop#x"},
		{event.Delivery{Message: event.Message{Headers: event.Headers{{Key: event.HeaderID, Value: []byte("y")}}}}, "y"},
	} {
		if got := c.d.ID(); got != c.want {
			t.Errorf("id %q, want %q", got, c.want)
		}
	}
}
