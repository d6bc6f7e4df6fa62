package kafkabus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// eachKafka runs f on the in-process cluster, and on the real one if there is one.
func eachKafka(t *testing.T, f func(t *testing.T, brokers []string)) {
	t.Run("fake", func(t *testing.T) { f(t, kafkatest.Fake(t)) })
	t.Run("real", func(t *testing.T) { f(t, kafkatest.Real(t)) })
}

func topicName(kind string) string { return fmt.Sprintf("tf-%s-%016x", kind, rand.Uint64()) }

// fill publishes n numbered messages of 40 keys.
func fill(t *testing.T, bus event.Publisher, topic string, n int) {
	t.Helper()
	for i := 0; i < n; i += 500 {
		var ms []*event.Message
		for j := i; j < min(i+500, n); j++ {
			ms = append(ms, &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", j%40), Payload: fmt.Append(nil, j)})
		}
		if err := bus.Publish(t.Context(), ms...); err != nil {
			t.Error(err)
		}
	}
}

// An audit reads a topic's committed messages until all numbers were seen and a
// last one, which is published then, has come on each partition.
type audit struct {
	seen map[string]int
	last map[string]int
	bad  []string // keys out of order
}

func readOut(t *testing.T, bus *kafkabus.Bus, topic string, n int) *audit {
	t.Helper()
	a := &audit{seen: map[string]int{}, last: map[string]int{}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	ended := map[int32]bool{}
	end := &event.Message{Topic: topic, Payload: []byte("end")}
	err := event.Run(ctx, bus.Group(topicName("audit")), []string{topic}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		if string(d.Payload) == "end" {
			ended[d.Partition] = true
			if len(ended) == 4 {
				cancel()
			}
			return nil
		}
		var i int
		fmt.Sscan(string(d.Payload), &i)
		if p, ok := a.last[string(d.Key)]; ok && i <= p {
			a.bad = append(a.bad, fmt.Sprintf("%s: %d after %d", d.Key, i, p))
		}
		a.last[string(d.Key)] = i
		if a.seen[string(d.Payload)]++; len(a.seen) == n && a.seen[string(d.Payload)] == 1 {
			for range 64 { // without a key they are spread over the partitions
				if err := bus.Publish(ctx, end); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// check fails unless each of n numbers is there once, each key in order.
func (a *audit) check(t *testing.T, n int) {
	t.Helper()
	missing, extra := 0, 0
	for i := range n {
		switch k := a.seen[fmt.Sprint(i)]; {
		case k == 0:
			missing++
		default:
			extra += k - 1
		}
	}
	if missing+extra > 0 || len(a.bad) > 0 {
		t.Errorf("of %d messages %d are missing and %d are there again; out of order: %v", n, missing, extra, a.bad[:min(len(a.bad), 5)])
	}
}

// TestTransformUnderChurn: members come, go and die, and each message has one
// result, in order.
func TestTransformUnderChurn(t *testing.T) {
	eachKafka(t, func(t *testing.T, brokers []string) {
		n := 8000
		if os.Getenv("WIREPROOF_SOAK") == "1" {
			n = 100_000
		}
		in, out, group := topicName("in"), topicName("out"), topicName("group")
		makeTopic(t, brokers, in, 4)
		makeTopic(t, brokers, out, 4)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.Background())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		member := func(life context.Context) error {
			own, err := kafkabus.Open(life, kafkabus.Config{Brokers: brokers, SessionTimeout: 10 * time.Second})
			if err != nil {
				return nil
			}
			defer own.Close(context.Background())
			return own.Transform(life, kafkabus.TransformConfig{
				Group: group, Topics: []string{in}, Messages: 100, Age: 20 * time.Millisecond, Backoff: 5 * time.Millisecond,
				Observe: func(o event.Outcome, d *event.Delivery, err error) {
					if o != event.Handled {
						t.Errorf("%s: outcome %v (%v)", d.Payload, o, err)
					}
				},
			}, func(_ context.Context, batch []*event.Delivery, put func(...*event.Message)) error {
				for _, d := range batch {
					put(&event.Message{Topic: out, Key: d.Key, Payload: d.Payload})
				}
				if rand.IntN(20) == 0 {
					return errors.New("after some results")
				}
				return nil
			})
		}
		var wg sync.WaitGroup
		launch := func(life time.Duration) {
			wg.Go(func() {
				mine, stop := context.WithTimeout(ctx, life)
				defer stop()
				if err := member(mine); err != nil {
					t.Errorf("a member ended with %v", err)
				}
			})
		}
		launch(time.Hour)
		go fill(t, bus, in, n)
		committed := func() (total int) {
			lags, err := bus.Lag(ctx, group, in)
			if err != nil {
				t.Error(err)
			}
			for _, l := range lags {
				total += int(max(l.Committed, 0))
			}
			return total
		}
		reached := func(want int) bool {
			for last, moved := committed(), time.Now(); last < want; time.Sleep(100 * time.Millisecond) {
				if got := committed(); got > last {
					last, moved = got, time.Now()
				} else if time.Since(moved) > 2*time.Minute {
					t.Errorf("%d of %d were committed, and nothing more in two minutes", last, n)
					return false
				}
			}
			return true
		}
		for wave := 10_000; ; wave += 10_000 { // of members, the next after so many results
			for range 5 {
				launch(time.Duration(300+rand.IntN(2000)) * time.Millisecond)
				time.Sleep(time.Duration(200+rand.IntN(500)) * time.Millisecond)
			}
			if !reached(min(wave, n)) || wave >= n {
				break
			}
		}
		cancel()
		wg.Wait()
		readOut(t, bus, out, n).check(t, n)
	})
}

// What cannot be transformed is a dead letter, in the transaction of the rest: by
// name, or found out by trying each alone.
func TestTransformDeadLetters(t *testing.T) {
	eachKafka(t, func(t *testing.T, brokers []string) {
		for name, fail := range map[string]func(int) error{
			"named": func(i int) error {
				return &event.BatchError{Failed: map[int]error{i: errors.New("bad")}}
			},
			"permanent": func(i int) error {
				return &event.BatchError{Failed: map[int]error{i: event.Permanent(errors.New("bad"))}}
			},
			"unnamed": func(int) error { return errors.New("bad") },
			"panic":   func(int) error { panic("bad") },
		} {
			const n = 50
			in, out, group := topicName("in"), topicName("out"), topicName("group")
			makeTopic(t, brokers, in, 4)
			makeTopic(t, brokers, out, 4)
			bus := open(t, kafkabus.Config{Brokers: brokers})
			fill(t, bus, in, n)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			var counts event.Counts
			var mu sync.Mutex
			calls := 0
			err := bus.Transform(ctx, kafkabus.TransformConfig{
				Group: group, Topics: []string{in}, Attempts: 3, Backoff: time.Millisecond,
				Observe: func(o event.Outcome, d *event.Delivery, err error) {
					counts.Observe(o, d, err)
					if counts.Of(event.Handled)+counts.Of(event.DeadLettered) == n {
						cancel()
					}
				},
			}, func(_ context.Context, batch []*event.Delivery, put func(...*event.Message)) error {
				for _, d := range batch {
					put(&event.Message{Topic: out, Key: d.Key, Payload: d.Payload})
				}
				for i, d := range batch {
					if string(d.Payload) == "17" {
						mu.Lock()
						calls++
						mu.Unlock()
						return fail(i)
					}
				}
				return nil
			})
			cancel()
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if counts.Of(event.Handled) != n-1 || counts.Of(event.DeadLettered) != 1 {
				t.Errorf("%s: counts %v", name, &counts)
			}
			letters, err := dlq.List(t.Context(), bus, in, group, dlq.Selection{})
			if err != nil || len(letters) != 1 || string(letters[0].Payload) != "17" || !strings.Contains(letters[0].LastError, "bad") {
				t.Errorf("%s: dead letters %+v (%v), want that of 17", name, letters, err)
			}
			if want := map[string]int{"named": 3, "permanent": 1, "unnamed": 6, "panic": 6}[name]; calls != want {
				t.Errorf("%s: %d calls with the bad one, want %d", name, calls, want)
			}
			a := readOut(t, bus, out, n-1)
			if slices.Contains([]int{a.seen["17"]}, 1) || len(a.seen) != n-1 {
				t.Errorf("%s: %d results, want %d without that of 17", name, len(a.seen), n-1)
			}
			if err := bus.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTransformMistakes(t *testing.T) {
	bus := open(t, kafkabus.Config{Brokers: kafkatest.Fake(t)})
	defer bus.Close(context.Background())
	fn := func(context.Context, []*event.Delivery, func(...*event.Message)) error { return nil }
	for want, c := range map[string]kafkabus.TransformConfig{
		"want a name":         {Topics: []string{"t"}},
		"one topic at least":  {Group: "g"},
		"no negative numbers": {Group: "g", Topics: []string{"t"}, Attempts: -1},
	} {
		if err := bus.Transform(t.Context(), c, fn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := bus.Transform(t.Context(), kafkabus.TransformConfig{Group: "g", Topics: []string{"t"}}, nil); err == nil {
		t.Error("no function: no error")
	}
}
