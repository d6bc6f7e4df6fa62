package eventtest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

const stormKeys = 40

// soak says that the storm is ten times as long.
var soak = os.Getenv("WIREPROOF_SOAK") == "1"

// rebalanceStorm lets members come and go, some with messages that they settle half
// of, while messages of many keys are published: each is handled. Where a lane has
// one member after another no key skips ahead; where members share it, what was
// settled does not come again.
func rebalanceStorm(f *fixture) {
	n, rounds := 3000, 6
	if !f.Partitions {
		n = 1200 // they hand over one at a time
	}
	if soak {
		n, rounds = 10*n, 10*rounds
	}
	topic := f.topic(6)
	group := f.group(topic)
	s := &storm{f: f, done: make(chan struct{}), want: n, seen: map[string]int{}, handled: map[int]bool{}, settled: map[int]int{}}
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for i := 0; i < n; i += 100 {
			ms := make([]*event.Message, 100)
			for j := range ms {
				ms[j] = &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", (i+j)%stormKeys), Payload: fmt.Appendf(nil, "%d", i+j)}
			}
			if err := f.bus.Publish(f.ctx, ms...); err != nil {
				f.Errorf("publish: %v", err)
				return
			}
		}
	})
	join := func(workers int) func() error {
		return f.run(group, []string{topic}, s.handle, event.ByKey(workers), event.Observe(s.observe))
	}
	stops := []func() error{join(8)}
	for round := range rounds {
		stops = append(stops, join(1+f.rand.IntN(8)))
		s.until(f, (round+1)*n/(rounds+2))
		if round%2 == 0 {
			s.dieOver(group, topic)
		}
		if i := f.rand.IntN(len(stops)); len(stops) > 1 {
			s.stop(stops[i])
			stops = append(stops[:i], stops[i+1:]...)
		}
	}
	f.await(s.done, "every message of the storm")
	for _, stop := range stops {
		s.stop(stop)
	}
	publisher.Wait()
	s.check()
}

// A storm checks what its handlers see.
type storm struct {
	f    *fixture
	done chan struct{} // closed when all were handled
	want int

	mu        sync.Mutex // guards the fields below
	seen      map[string]int
	handled   map[int]bool
	settled   map[int]int   // how often each was
	repeats   int           // calls for what was handled already
	left      int           // members that have left
	givenBack int           // messages of members that left without settling them
	wake      chan struct{} // closed when another one was handled; nil if nobody waits
}

func (s *storm) handle(ctx context.Context, d *event.Delivery) error {
	n, err := strconv.Atoi(string(d.Payload))
	if err != nil {
		return event.Permanent(err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A message may come again. But where members do not share, none comes for the
	// first time before those that went before it in its key.
	if last, ok := s.seen[string(d.Key)]; s.f.KeyOrder && !s.f.Shared && n >= stormKeys && (!ok || n > last+stormKeys) {
		s.f.Errorf("key %s: %d was handled, the last before it was %d", d.Key, n, last)
	}
	s.seen[string(d.Key)] = max(s.seen[string(d.Key)], n)
	if s.handled[n] {
		s.repeats++
	}
	s.handled[n] = true
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
	if len(s.handled) == s.want {
		select {
		case <-s.done:
		default:
			close(s.done)
		}
	}
	return nil
}

// observe notes what a member is about to settle.
func (s *storm) observe(_ event.Outcome, d *event.Delivery, _ error) {
	n, err := strconv.Atoi(string(d.Payload))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[n]++
}

// stop ends a member.
func (s *storm) stop(stop func() error) {
	s.f.Helper()
	if err := stop(); err != nil {
		s.f.Errorf("run: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left++
}

// dieOver joins, takes what it gets in a moment, settles the first half of each lane
// and leaves.
func (s *storm) dieOver(group event.Group, topic string) {
	f := s.f
	f.Helper()
	src, err := group.Open(f.ctx, topic)
	if err != nil {
		f.Fatalf("open: %v", err)
	}
	ctx, cancel := context.WithTimeout(f.ctx, 50*time.Millisecond)
	defer cancel()
	taken := map[event.Lane][]*event.Delivery{}
	for n := 0; n < 200; {
		b, err := src.Receive(ctx)
		if err != nil {
			if !isEnd(err) {
				f.Errorf("receive: %v", err)
			}
			break
		}
		taken[b.Lane] = append(taken[b.Lane], b.Deliveries...)
		n += len(b.Deliveries)
	}
	for lane, ds := range taken {
		half := ds[:len(ds)/2]
		handled := true
		for _, d := range half {
			handled = handled && s.handle(lane.Context(), d) == nil
		}
		if handled && lane.Settle(half) == nil {
			for _, d := range half {
				s.observe(event.Handled, d, nil)
			}
		}
		s.mu.Lock()
		s.givenBack += len(ds) - len(half)
		s.mu.Unlock()
	}
	if err := src.Close(f.ctx); err != nil {
		f.Errorf("close of a member that settled half: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left++
}

// check fails if members that share have settled something twice. Those that follow
// one another settle prefixes: what is handled ahead of one may come again.
func (s *storm) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := 0
	for _, k := range s.settled {
		again += k - 1
	}
	if most := s.left * s.f.Unanswered; again > most && s.f.Shared && !s.f.RepeatsKeys {
		s.f.Errorf("%d messages came again after they were settled, want %d at most", again, most)
	}
	s.f.Logf("%d handled, %d repeats, %d of them settled before; %d members left, %d messages given back", len(s.handled), s.repeats, again, s.left, s.givenBack)
}

// until waits until n messages were handled.
func (s *storm) until(f *fixture, n int) {
	f.Helper()
	for {
		s.mu.Lock()
		if len(s.handled) >= n {
			s.mu.Unlock()
			return
		}
		if s.wake == nil {
			s.wake = make(chan struct{})
		}
		wake := s.wake
		s.mu.Unlock()
		f.await(wake, fmt.Sprintf("%d messages of the storm", n))
	}
}
