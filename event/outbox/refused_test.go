package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/outbox"
)

// More messages than a batch holds may be refused, of many keys or of none: what comes
// behind them and is none of theirs goes out, and they go, in their order, once they
// are taken.
func TestMoreRefusedThanABatch(t *testing.T) {
	for name, key := range map[string]func(i int) []byte{
		"no key": func(int) []byte { return nil },
		"keys":   func(i int) []byte { return fmt.Append(nil, i%100) },
	} {
		t.Run(name, func(t *testing.T) {
			databases(t, func(t *testing.T, db *sql.DB, _ string) {
				o, s := open(t, db), newSink()
				taken := false
				s.refuse = func(m *event.Message) error {
					if strings.HasPrefix(string(m.Payload), "bad") && !taken {
						return errors.New("no such topic")
					}
					return nil
				}
				tx, ctx := begin(t, db)
				const bad, good = 200, 40
				for i := range bad {
					must(t, o.Publish(ctx, &event.Message{Topic: "t", Key: key(i), Payload: fmt.Append(nil, "bad ", i)}))
				}
				for i := range good {
					k := key(i)
					if k != nil {
						k = fmt.Append(nil, "good ", i)
					}
					must(t, o.Publish(ctx, &event.Message{Topic: "t", Key: k, Payload: fmt.Append(nil, "good ", i)}))
				}
				must(t, tx.Commit())
				relay(t, o, s, outbox.Poll(2*time.Millisecond), outbox.Batch(3, 1<<20))
				s.await(t, good)
				s.mu.Lock()
				taken = true
				s.mu.Unlock()
				last := map[string]int{}
				for _, m := range s.await(t, good+bad) {
					var i int
					if n, _ := fmt.Sscanf(string(m.Payload), "bad %d", &i); n == 1 && m.Key != nil {
						if before, ok := last[string(m.Key)]; ok && before > i {
							t.Errorf("%q of key %q came behind %d", m.Payload, m.Key, before)
						}
						last[string(m.Key)] = i
					}
				}
			})
		})
	}
}

// A flaky broker refuses some keys of each call, all their messages, until it has been
// asked often enough.
type flaky struct {
	*sink
	r    *rand.Rand
	left int // calls that refuse
}

func (f *flaky) Publish(ctx context.Context, ms ...*event.Message) error {
	f.left--
	no := map[string]bool{}
	var pe event.PublishError
	for i, m := range ms {
		refused, asked := no[string(m.Key)]
		if !asked {
			refused = f.left >= 0 && f.r.IntN(2) == 0
			no[string(m.Key)] = refused
		}
		if refused {
			pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: errors.New("busy")})
		} else if err := f.sink.Publish(ctx, m); err != nil {
			return err
		}
	}
	if len(pe.Failed) > 0 {
		return &pe
	}
	return nil
}

// However a broker refuses keys and takes them again, the messages of a key keep their
// order, and each comes once.
func TestFlakyBrokerKeepsOrder(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o := open(t, db)
		for round := range 30 {
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 0))
			const n, keys = 150, 12
			tx, ctx := begin(t, db)
			shard := ""
			next := map[string]int{}
			for range n {
				// Keys of one shard: the others are relayed one after another.
				key := ""
				for at := -1; shard == "" || fmt.Sprint(at) != shard; {
					key = fmt.Sprint(r.IntN(keys * 16))
					at = shardOf("t", key)
					if shard == "" {
						shard = fmt.Sprint(at)
					}
				}
				next[key]++
				must(t, o.Publish(ctx, &event.Message{Topic: "t", Key: []byte(key), Payload: fmt.Append(nil, next[key])}))
			}
			must(t, tx.Commit())
			f := &flaky{sink: newSink(), r: r, left: 8}
			stop := relay(t, o, f, outbox.Poll(time.Millisecond), outbox.Batch(1+r.IntN(12), 1<<20))
			got := f.await(t, n)
			stop()
			last := map[string]int{}
			for _, m := range got {
				if i, err := strconv.Atoi(string(m.Payload)); err != nil || i != last[string(m.Key)]+1 {
					t.Fatalf("round %d, seed %d: of key %q, %s comes behind %d", round, seed, m.Key, m.Payload, last[string(m.Key)])
				}
				last[string(m.Key)]++
			}
		}
	})
}

// shardOf is the shard that the outbox gives a key.
func shardOf(topic, key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic + "\x00" + key))
	return int(h.Sum32() % 16)
}
