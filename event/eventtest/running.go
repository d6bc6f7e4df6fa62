package eventtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

// run starts event.Run; stop ends it, waits and returns its error.
func (f *fixture) run(group event.Group, topics []string, h event.Handler, opts ...event.ConsumerOption) (stop func() error) {
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() { done <- event.Run(ctx, group, topics, h, opts...) }()
	once := sync.OnceValue(func() error {
		cancel()
		patience := time.NewTimer(f.Wait)
		defer patience.Stop()
		select {
		case err := <-done:
			return err
		case <-patience.C:
			return errors.New("it did not return after its context ended")
		}
	})
	f.Cleanup(func() { _ = once() })
	return once
}

// await waits until c is closed, and fails the test if the suite runs out of
// patience first.
func (f *fixture) await(c <-chan struct{}, what string) {
	f.Helper()
	select {
	case <-c:
	case <-f.ctx.Done():
		f.Fatalf("waited in vain for %s", what)
	}
}

// slowLane blocks the handler of one partition: the others are handled all the
// same, for as many messages as would fill every buffer.
func slowLane(f *fixture) {
	const n = 6000
	topic := f.topic(2)
	g := f.group(topic)
	f.numbered(topic, n, 64)
	block, fast := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	blocked := int32(-1)
	others := 0
	stop := f.run(g, []string{topic}, func(ctx context.Context, d *event.Delivery) error {
		mu.Lock()
		if blocked < 0 {
			blocked = d.Partition
		}
		mine := d.Partition == blocked
		if !mine {
			if others++; others == 1000 {
				close(fast)
			}
		}
		mu.Unlock()
		if mine {
			select {
			case <-block:
			case <-ctx.Done():
			}
		}
		return nil
	}, event.MaxInFlight(100, 1<<20))
	f.await(fast, "1000 messages of the lanes that are not blocked")
	close(block)
	if err := stop(); err != nil {
		f.Errorf("run: %v", err)
	}
}

// retriesAndDeadLetter follows a message that always fails through an immediate
// retry and two levels to the dead letter, and one that fails twice to success.
func retriesAndDeadLetter(f *fixture) {
	topic := f.topic(2)
	g := f.group(topic)
	group := g.Name()
	// The group that watches must not come before the topic, nor after the letter.
	if maker, ok := f.bus.(event.TopicMaker); ok {
		if err := maker.MakeTopic(f.ctx, event.DeadLetterTopic(topic, group), topic); err != nil {
			f.Fatalf("make the dead-letter topic: %v", err)
		}
	}
	dlq := f.open(f.bus.Group(f.name("watch")), event.DeadLetterTopic(topic, group))
	payload := []byte{0, 0, 0, 1, 44, 'x'}
	own := event.Headers{{Key: "own", Value: []byte{1, 0, 255}}, {Key: "own", Value: []byte{}}}
	f.publish(
		&event.Message{Topic: topic, Key: []byte("bad"), Payload: payload, Headers: own},
		&event.Message{Topic: topic, Key: []byte("flaky"), Payload: []byte("x")},
	)
	var mu sync.Mutex
	var bad []int
	flaky := make(chan struct{})
	stop := f.run(g, []string{topic}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		if string(d.Key) == "bad" {
			bad = append(bad, d.Attempt)
			return fmt.Errorf("no %d", d.Attempt)
		}
		if d.Attempt <= 2 {
			return errors.New("not yet")
		}
		if m := d.Meta(); m.Topic != topic || m.Attempt != 3 || len(m.Headers) != 0 {
			f.Errorf("meta of a retry is %+v, want the origin %q, attempt 3 and no headers", m, topic)
		}
		close(flaky)
		return nil
	}, event.Immediate(1), event.RetryLevels(time.Millisecond, 2*time.Millisecond))

	d := dlq.take(1, true)[0]
	f.await(flaky, "the message that fails twice")
	if err := stop(); err != nil {
		f.Errorf("run: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(bad) != "[1 2 3 4 5 6]" {
		f.Errorf("attempts were %v, want 1 to 6: two calls on the topic and on each level", bad)
	}
	want := map[string]string{
		event.HeaderOriginTopic: topic, event.HeaderGroup: group, event.HeaderAttempt: "6",
		event.HeaderErrorFirst: "no 1", event.HeaderErrorLast: "no 6", event.HeaderSchemaID: "300",
	}
	seen := map[string]int{}
	for _, h := range d.Headers {
		seen[h.Key]++
		if v, ok := want[h.Key]; ok && v != string(h.Value) {
			f.Errorf("dead letter: header %s is %q, want %q", h.Key, h.Value, v)
		}
	}
	for key := range want {
		if seen[key] != 1 {
			f.Errorf("dead letter: header %s occurs %d times, want once", key, seen[key])
		}
	}
	back := &event.Message{Key: []byte("bad"), Payload: payload, Headers: own}
	if got := (&event.Message{Key: d.Key, Payload: d.Payload, Headers: d.Meta().Headers}); !sameMessage(back, got) {
		f.Errorf("dead letter holds %+v, want the message as it was published: %+v", *got, *back)
	}
}

// longWait lets the first of many wait for longer than their level: the others are
// tried again all the same, more of them than a lane may hold.
func longWait(f *fixture) {
	const n = 60
	topic := f.topic(1)
	g := f.group(topic)
	f.numbered(topic, n, 1)
	var mu sync.Mutex
	again := map[string]bool{}
	all := make(chan struct{})
	stop := f.run(g, []string{topic}, func(_ context.Context, d *event.Delivery) error {
		if d.Attempt == 1 {
			if string(d.Payload) == "0" {
				return event.RetryIn(time.Hour, errors.New("closed"))
			}
			return errors.New("not yet")
		}
		mu.Lock()
		defer mu.Unlock()
		if before := len(again); before < n-1 {
			if again[string(d.Payload)] = true; len(again) == n-1 {
				close(all)
			}
		}
		if string(d.Payload) == "0" {
			f.Errorf("the message that waits for an hour is tried now")
		}
		return nil
	}, event.RetryLevels(time.Millisecond), event.MaxInFlight(n/6, 1<<20))
	f.await(all, "the messages behind one that waits for longer")
	if err := stop(); err != nil {
		f.Errorf("run: %v", err)
	}
}

// handledOnce publishes a message twice under one id, as a relay does that dies
// before it has noted the answer: a group that remembers handles it once, and the
// one behind it as well.
func handledOnce(f *fixture) {
	topic := f.topic(1)
	g := f.group(topic)
	for _, id := range []string{"one", "one", "two"} {
		f.publish(&event.Message{Topic: topic, Key: []byte("k"), Headers: event.Headers{{Key: event.HeaderID, Value: []byte(id)}}, Payload: []byte(id)})
	}
	var mu sync.Mutex
	calls, outcomes, all := map[string]int{}, map[event.Outcome]int{}, make(chan struct{})
	stop := f.run(g, []string{topic}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		calls[string(d.Payload)]++
		return nil
	}, event.Deduplicate(&memory{states: map[string]event.ClaimState{}}), event.Observe(func(o event.Outcome, _ *event.Delivery, _ error) {
		mu.Lock()
		defer mu.Unlock()
		if outcomes[o]++; outcomes[event.Handled]+outcomes[event.Duplicate] == 3 {
			close(all)
		}
	}))
	f.await(all, "the outcome of three messages")
	if err := stop(); err != nil {
		f.Errorf("run: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if calls["one"] != 1 || calls["two"] != 1 || outcomes[event.Duplicate] != 1 {
		f.Errorf("calls %v, outcomes %v; want a call for each id, and one duplicate", calls, outcomes)
	}
}

// A memory is the least that an [event.Deduper] can be.
type memory struct {
	mu     sync.Mutex // guards states
	states map[string]event.ClaimState
}

func (m *memory) Claim(_ context.Context, keys ...string) ([]event.ClaimState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make([]event.ClaimState, len(keys))
	for i, k := range keys {
		if found[i] = m.states[k]; found[i] == event.Free {
			m.states[k] = event.Claimed
		}
	}
	return found, nil
}

func (m *memory) Done(_ context.Context, keys ...string) error { return m.set(event.Done, keys) }

func (m *memory) Free(_ context.Context, keys ...string) error { return m.set(event.Free, keys) }

func (m *memory) set(state event.ClaimState, keys []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		m.states[k] = state
	}
	return nil
}

// runDrains ends Run while handlers run: they finish, and what they finished is
// settled.
func runDrains(f *fixture) {
	const n = 40
	topic := f.topic(2)
	group := f.group(topic)
	f.numbered(topic, n, 8)
	var mu sync.Mutex
	finished := map[string]bool{}
	started, ending := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- event.Run(ctx, group, []string{topic}, func(ctx context.Context, d *event.Delivery) error {
			once.Do(func() { close(started) })
			<-ending
			if err := ctx.Err(); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			finished[string(d.Payload)] = true
			return nil
		}, event.ByKey(4))
	}()
	f.await(started, "the first handler")
	cancel()
	close(ending)
	if err := <-done; err != nil {
		f.Fatalf("run after its context ended: %v, want nil", err)
	}
	if len(finished) == 0 {
		f.Error("no handler finished, though one had started")
	}
	// The rest comes to the next member, and with it at most what was finished
	// ahead of something that was not.
	for left := n - len(finished); left > 0; {
		m := f.open(group, topic)
		want := left
		if f.Forgetful {
			want = n
		}
		for _, d := range m.take(want, true) {
			finished[string(d.Payload)] = true
		}
		left = n - len(finished)
		m.close()
	}
}
