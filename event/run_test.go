package event_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
)

func nothing(context.Context, *event.Delivery) error { return nil }

// Whatever is senseless is an error before anything is opened, and all of it.
func TestOptionsThatMakeNoSense(t *testing.T) {
	for want, opts := range map[string][]event.ConsumerOption{
		"Serial and ByKey(4) exclude":          {event.Serial(), event.ByKey(4)},
		"ByKey(0)":                             {event.ByKey(0)},
		"Immediate(-1)":                        {event.Immediate(-1)},
		"Unordered(2) excludes":                {event.Unordered(2), event.ByKey(2)},
		"KeepKeyOrder and Unordered":           {event.Unordered(2), event.KeepKeyOrder(), event.RetryLevels(1)},
		"KeepKeyOrder without RetryLevels":     {event.KeepKeyOrder()},
		"Jitter(2)":                            {event.Jitter(2)},
		"Backoff(2s, 1s)":                      {event.Backoff(2*time.Second, time.Second)},
		"RetryIf(nil)":                         {event.RetryIf(nil)},
		"Deduplicate(nil)":                     {event.Deduplicate(nil)},
		"Prepare(nil)":                         {event.Prepare(nil)},
		"Within(nil)":                          {event.Within(nil)},
		"Spans(nil)":                           {event.Spans(nil)},
		"HandlerTimeout(0s)":                   {event.HandlerTimeout(0)},
		"MaxInFlight of 0 messages":            {event.MaxInFlight(0, 1)},
		"MaxInFlight of -1 bytes":              {event.MaxInFlight(1, -1)},
		"idle":                                 {event.ByKey(32), event.MaxInFlight(8, 1<<20)},
		"DrainTimeout(-1s)":                    {event.DrainTimeout(-time.Second)},
		"level 1 waits 0s":                     {event.RetryLevels(0)},
		"level 2 waits 1s, less than the 1m0s": {event.RetryLevels(time.Minute, time.Second)},
		"Logger(nil)":                          {event.Logger(nil)},
		"Observe(nil)":                         {event.Observe(nil)},
		"option 1 is nil":                      {event.Serial(), nil},
	} {
		s := newScript(0)
		err := event.Run(t.Context(), s, []string{"t"}, nothing, opts...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if s.opened != nil || s.made != nil {
			t.Errorf("%s: the transport was touched", want)
		}
	}
	err := event.Run(t.Context(), newScript(0), []string{"t"}, nothing, event.Immediate(-1), event.ByKey(-1))
	if err == nil || !strings.Contains(err.Error(), "Immediate") || !strings.Contains(err.Error(), "ByKey") {
		t.Errorf("error %v, want both mistakes", err)
	}
}

func TestTopicsThatMakeNoSense(t *testing.T) {
	for _, topics := range [][]string{nil, {""}, {"a", "a"}, {"a", "a.g.retry.1"}} {
		if err := event.Run(t.Context(), newScript(0), topics, nothing, event.RetryLevels(time.Second)); err == nil {
			t.Errorf("topics %q: no error", topics)
		}
	}
	if err := event.Run(t.Context(), newScript(0), []string{"a"}, nil); err == nil {
		t.Error("no handler: no error")
	}
	if err := event.Run(t.Context(), nil, []string{"a"}, nothing); err == nil {
		t.Error("no group: no error")
	}
}

// Each topic is made once, and before the group is joined.
func TestTopicsAreMade(t *testing.T) {
	s := newScript(0)
	s.openErr = errors.New("broker says no")
	err := event.Run(t.Context(), s, []string{"a", "b"}, nothing, event.RetryLevels(time.Second, time.Minute))
	if !errors.Is(err, s.openErr) {
		t.Errorf("error %v, want that of Open", err)
	}
	want := "a.g.retry.1 like a, a.g.retry.2 like a, a.g.dlq like a, b.g.retry.1 like b, b.g.retry.2 like b, b.g.dlq like b"
	if got := strings.Join(s.made, ", "); got != want {
		t.Errorf("made %s\nwant %s", got, want)
	}
	if got := strings.Join(s.opened, " "); got != "a a.g.retry.1 a.g.retry.2 b b.g.retry.1 b.g.retry.2" {
		t.Errorf("opened %s", got)
	}
	s = newScript(0)
	s.makeTopic = func(string) error { return errors.New("forbidden") }
	if err := event.Run(t.Context(), s, []string{"a"}, nothing); err == nil || s.opened != nil {
		t.Errorf("a dead-letter topic that cannot be made: error %v, opened %v", err, s.opened)
	}
}

func TestRunReportsWhatFails(t *testing.T) {
	boom := errors.New("boom")
	for name, set := range map[string]func(*script){
		"receive": func(s *script) { s.receiveErr = boom; close(s.batches) },
		"settle":  func(s *script) { s.settleErr = boom; s.send(newTestLane(t, s, true), delivery("t", "", 1)) },
		"close":   func(s *script) { s.closeErr, s.receiveErr = boom, errors.New("gone"); close(s.batches) },
	} {
		s := newScript(1)
		set(s)
		err := event.Run(t.Context(), s, []string{"t"}, func(_ context.Context, d *event.Delivery) error { return nil },
			event.Observe(func(_ event.Outcome, d *event.Delivery, _ error) {}))
		if !errors.Is(err, boom) {
			t.Errorf("%s fails: Run returns %v", name, err)
		}
		if !s.closed {
			t.Errorf("%s fails: the source is not closed", name)
		}
	}
}

func TestEndedContextIsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := event.Run(ctx, newScript(0), []string{"t"}, nothing); err != nil {
		t.Errorf("error %v, want nil", err)
	}
}

// A broker that refuses the dead letter stops the lane: the message is not
// settled, nor anything after it, and Run says what happened.
func TestRefusedDeadLetter(t *testing.T) {
	s := newScript(1)
	refused := errors.New("too large")
	s.publish = func(*event.Message) error { return refused }
	l := newTestLane(t, s, true)
	l.sent = []int64{1, 2, 3}
	s.send(l, delivery("t", "", 1), delivery("t", "", 2), delivery("t", "", 3))
	cause := errors.New("no account")
	var counts event.Counts
	err := event.Run(t.Context(), s, []string{"t"}, func(_ context.Context, d *event.Delivery) error {
		if d.Offset == 2 {
			return cause
		}
		l.finished(d.Offset)
		return nil
	}, event.Observe(counts.Observe))
	if !errors.Is(err, refused) || !errors.Is(err, cause) || !strings.Contains(err.Error(), "t/0 offset 2") {
		t.Errorf("error %v, want the broker's, the handler's and the place", err)
	}
	if l.countSettled() != 1 || counts.Of(event.DeadLettered) != 0 || counts.Of(event.Handled) != 1 {
		t.Errorf("%d settled, counts %v; want 1 settled and handled", l.countSettled(), &counts)
	}
}

// An error after the lane was taken away is neither settled nor counted, and
// Release comes when the handler has returned.
func TestLostLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(1)
		l := newTestLane(t, s, true)
		s.send(l, delivery("t", "", 1), delivery("t", "", 2))
		why := errors.New("rebalance")
		var counts event.Counts
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan struct{})
		go func() {
			time.Sleep(time.Second)
			l.lose(why)
			synctest.Wait()
			if l.released != 0 {
				t.Error("released while the handler runs")
			}
			close(returned)
			synctest.Wait()
			if l.released != 1 {
				t.Errorf("released %d times after the handler returned, want once", l.released)
			}
			cancel()
		}()
		calls := 0
		err := event.Run(ctx, s, []string{"t"}, func(ctx context.Context, d *event.Delivery) error {
			calls++
			<-ctx.Done()
			if context.Cause(ctx) != why {
				t.Errorf("cause %v, want %v", context.Cause(ctx), why)
			}
			<-returned
			return errors.New("too late")
		}, event.Observe(counts.Observe))
		if err != nil || calls != 1 || l.countSettled() != 0 || len(s.published) != 0 {
			t.Errorf("error %v, %d calls, %d settled, %d published; want one call and nothing else",
				err, calls, l.countSettled(), len(s.published))
		}
	})
}

// A batch that comes when its lane is lost already is not touched, and the
// transport is not left waiting for its handlers.
func TestBatchOfALostLane(t *testing.T) {
	s := newScript(2)
	gone, l := newTestLane(t, s, true), newTestLane(t, s, true)
	gone.lose(errors.New("rebalance"))
	s.send(gone, delivery("t", "", 7))
	l.sent, l.handled[1] = []int64{1}, true
	s.send(l, delivery("t", "", 1))
	ctx, cancel := context.WithCancel(t.Context())
	err := event.Run(ctx, s, []string{"t"}, func(_ context.Context, d *event.Delivery) error {
		if d.Offset == 7 {
			t.Error("a message of a lost lane was handled")
		}
		cancel()
		return nil
	})
	if err != nil || gone.released != 1 || gone.countSettled() != 0 || l.countSettled() != 1 {
		t.Errorf("error %v, released %d times, settled %d of it and %d of the other", err, gone.released, gone.countSettled(), l.countSettled())
	}
}

// The drain waits, then ends the contexts, then names what it leaves.
func TestDrain(t *testing.T) {
	type result struct {
		handler func(ctx context.Context, release <-chan struct{}) error
		want    string // in Run's error; empty for none
		settled int
	}
	for name, c := range map[string]result{
		"finishes in time": {func(context.Context, <-chan struct{}) error { time.Sleep(9 * time.Second); return nil }, "", 1},
		"heeds its context": {func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		}, `group "g" did not drain in 10s: 1 started and not settled, first ["t/0 offset 1"]`, 0},
		"finishes all the same": {func(ctx context.Context, _ <-chan struct{}) error { <-ctx.Done(); return nil }, "", 1},
		"heeds nothing": {func(_ context.Context, release <-chan struct{}) error { <-release; return nil },
			"t/0 offset 1 (its handler still runs)", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(1)
				l := newTestLane(t, s, true)
				l.sent = []int64{1, 2}
				l.handled[1] = true
				s.send(l, delivery("t", "", 1), delivery("t", "", 2))
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				release := make(chan struct{})
				defer close(release)
				err := event.Run(ctx, s, []string{"t"}, func(ctx context.Context, _ *event.Delivery) error {
					return c.handler(ctx, release)
				}, event.DrainTimeout(10*time.Second))
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if l.countSettled() != c.settled || !s.closed {
					t.Errorf("%d settled, closed %v; want %d and true", l.countSettled(), s.closed, c.settled)
				}
			})
		})
	}
}

// Above the bound the lane is paused, at half of it resumed.
func TestFlowControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(4)
		l := newTestLane(t, s, true)
		for i := range int64(4) {
			var ds []*event.Delivery
			for j := range int64(5) {
				ds = append(ds, delivery("t", "", i*5+j))
				l.sent = append(l.sent, i*5+j)
			}
			s.send(l, ds...)
		}
		ctx, cancel := context.WithCancel(t.Context())
		step := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- event.Run(ctx, s, []string{"t"}, func(_ context.Context, d *event.Delivery) error {
				<-step
				l.finished(d.Offset)
				return nil
			}, event.MaxInFlight(10, 1<<20))
		}()
		paused := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.paused != want {
				t.Errorf("%s: paused is %v, want %v", when, l.paused, want)
			}
		}
		paused(true, "20 held")
		for range 14 {
			step <- struct{}{}
		}
		paused(true, "6 held")
		step <- struct{}{}
		paused(false, "5 held")
		close(step)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || l.countSettled() != 20 || l.pauses != 1 {
			t.Errorf("error %v, %d settled, %d pauses; want none, 20, 1", err, l.countSettled(), l.pauses)
		}
	})
}

func TestFlowControlByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(1)
		l := newTestLane(t, s, false)
		big := delivery("t", "", 1)
		big.Payload = make([]byte, 5000)
		s.send(l, big)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := event.Run(ctx, s, []string{"t"}, func(_ context.Context, d *event.Delivery) error {
			time.Sleep(time.Millisecond)
			l.finished(d.Offset)
			return nil
		}, event.MaxInFlight(10, 4096))
		if err != nil || l.pauses != 1 || l.paused {
			t.Errorf("error %v, %d pauses, paused %v; want a pause and its end", err, l.pauses, l.paused)
		}
	})
}

// A handler that ends its goroutine cannot be waited for: Run says so.
func TestGoexit(t *testing.T) {
	s := newScript(1)
	s.send(newTestLane(t, s, true), delivery("t", "", 1))
	err := event.Run(t.Context(), s, []string{"t"}, func(context.Context, *event.Delivery) error {
		runtime.Goexit()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Errorf("error %v, want one that names it", err)
	}
}

func TestHandlerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(1)
		l := newTestLane(t, s, true)
		l.sent = []int64{1}
		l.handled[1] = true
		s.send(l, delivery("t", "", 1))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		err := event.Run(ctx, s, []string{"t"}, func(ctx context.Context, _ *event.Delivery) error {
			<-ctx.Done()
			return fmt.Errorf("gave up: %w", ctx.Err())
		}, event.HandlerTimeout(time.Second))
		if err != nil || len(s.published) != 1 || l.countSettled() != 1 {
			t.Fatalf("error %v, %d published, %d settled; want a dead letter", err, len(s.published), l.countSettled())
		}
		if v, _ := s.published[0].Headers.Get(event.HeaderErrorLast); !strings.Contains(string(v), "deadline exceeded") {
			t.Errorf("last error %q", v)
		}
	})
}
