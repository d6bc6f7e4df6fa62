package redisdedupe_test

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
	"github.com/wireproof/wireproof/event/dedupe/dedupetest"
	"github.com/wireproof/wireproof/event/dedupe/redisdedupe"
)

func client(t *testing.T) redis.UniversalClient {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("REDIS_URL names no server")
		}
		t.Skip("REDIS_URL names no server")
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(opts)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRedis(t *testing.T) {
	dedupetest.Run(t, true, func(t *testing.T, claim, done time.Duration) event.Deduper {
		d, err := redisdedupe.New(client(t), dedupe.Times{Claim: claim, Done: done})
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

// trips counts round trips, of which it holds back the first.
type trips struct {
	n    atomic.Int64
	held chan struct{}
}

func (h *trips) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.n.Add(1) == 1 {
			<-h.held
		}
		return next(ctx, cmds)
	}
}

// What is asked for while a round trip is under way shares the next one, and each
// caller has the answer to its own question.
func TestCallsShareRoundTrips(t *testing.T) {
	c := client(t)
	d, err := redisdedupe.New(c, dedupe.Times{Claim: time.Minute, Done: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Done(t.Context(), "g/done"+t.Name()); err != nil {
		t.Fatal(err)
	}
	hook := &trips{held: make(chan struct{})}
	c.AddHook(hook)
	claim := func(key string, want event.ClaimState) {
		if got, err := d.Claim(t.Context(), key); err != nil || got[0] != want {
			t.Errorf("claim %s: %v, %v; want %v", key, got, err, want)
		}
	}
	var calls sync.WaitGroup
	calls.Go(func() { claim("g/"+rand.Text(), event.Free) })
	for hook.n.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range 100 {
		calls.Go(func() {
			if i%2 == 0 {
				claim("g/done"+t.Name(), event.Done)
				return
			}
			claim("g/"+rand.Text(), event.Free)
		})
	}
	for d.Waiting() < 100 {
		time.Sleep(time.Millisecond)
	}
	close(hook.held)
	calls.Wait()
	if n := hook.n.Load(); n != 2 {
		t.Errorf("101 calls took %d round trips, want 2", n)
	}
}

func TestTimes(t *testing.T) {
	if _, err := redisdedupe.New(nil, dedupe.Times{}); err == nil {
		t.Error("no times: no error")
	}
}
