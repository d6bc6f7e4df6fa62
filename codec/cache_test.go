package codec_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

func TestCacheAsksOnce(t *testing.T) {
	t.Parallel()
	reg := registryOf(map[uint32]lang.Source{1: noteSource(), 2: {Text: "two"}})
	c := codec.NewCache(reg)
	for range 3 {
		for id, want := range map[uint32]string{1: noteText, 2: "two"} {
			if got, err := c.SchemaByID(t.Context(), id); err != nil || got.Text != want {
				t.Fatalf("SchemaByID(%d) = %v, %v; want %s", id, got, err, want)
			}
		}
	}
	if n := reg.asked.Load(); n != 2 {
		t.Errorf("registry was asked %d times, want 2", n)
	}
	if codec.NewCache(c) != c {
		t.Error("NewCache put a cache in front of a cache")
	}
}

func TestCacheMissIsMadeOnceForAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := registryOf(map[uint32]lang.Source{1: noteSource()})
		reg.before = func(context.Context, uint32) error { time.Sleep(time.Second); return nil }
		c := codec.NewCache(reg)
		for range 16 {
			go func() {
				if _, err := c.SchemaByID(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}()
		}
		time.Sleep(time.Minute)
		if n := reg.asked.Load(); n != 1 {
			t.Errorf("registry was asked %d times, want 1", n)
		}
	})
}

// The one who asks for all is called off; the others still get their answer.
func TestCacheCancelOfOneCallerFailsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := registryOf(map[uint32]lang.Source{1: noteSource()})
		reg.before = func(ctx context.Context, _ uint32) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		}
		c := codec.NewCache(reg)
		first, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := c.SchemaByID(first, 1)
			errs <- err
		}()
		synctest.Wait()
		var others sync.WaitGroup
		for range 4 {
			others.Go(func() {
				if _, err := c.SchemaByID(t.Context(), 1); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) || errors.Is(err, codec.ErrUndecodable) {
			t.Errorf("error of the caller that was called off = %v, want context.Canceled", err)
		}
		others.Wait()
		if n := reg.asked.Load(); n != 2 {
			t.Errorf("registry was asked %d times, want 2", n)
		}
	})
}

// Who waits for the request of another waits no longer than its own context.
func TestCacheWaiterHasItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := registryOf(map[uint32]lang.Source{1: noteSource()})
		reg.before = func(context.Context, uint32) error { time.Sleep(time.Hour); return nil }
		c := codec.NewCache(reg)
		go func() { _, _ = c.SchemaByID(context.Background(), 1) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.SchemaByID(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SchemaByID = %v, want deadline exceeded", err)
		}
		time.Sleep(2 * time.Hour) // the bubble ends with its last goroutine
	})
}

func TestCacheRemembersUnknownIDsForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := registryOf(map[uint32]lang.Source{})
		c := codec.NewCache(reg, codec.RememberUnknown(10*time.Second))
		ask := func(wantAsked int32) {
			t.Helper()
			_, err := c.SchemaByID(t.Context(), 9)
			if !errors.Is(err, codec.ErrUnknownID) || !errors.Is(err, codec.ErrUndecodable) {
				t.Errorf("SchemaByID = %v, want ErrUnknownID, which is ErrUndecodable", err)
			}
			if n := reg.asked.Load(); n != wantAsked {
				t.Errorf("registry was asked %d times, want %d", n, wantAsked)
			}
		}
		ask(1)
		time.Sleep(9 * time.Second)
		ask(1)
		time.Sleep(time.Second)
		ask(2)
		reg.schemas[9] = noteSource()
		time.Sleep(10 * time.Second)
		if _, err := c.SchemaByID(t.Context(), 9); err != nil {
			t.Errorf("SchemaByID of an id that is known by now = %v", err)
		}
	})
}

// More unknown ids than are remembered are only asked for again.
func TestCacheRemembersABoundedNumberOfUnknownIDs(t *testing.T) {
	t.Parallel()
	c := codec.NewCache(registryOf(map[uint32]lang.Source{}), codec.RememberUnknown(time.Hour))
	for id := range uint32(5000) {
		if _, err := c.SchemaByID(t.Context(), id); !errors.Is(err, codec.ErrUnknownID) {
			t.Fatalf("SchemaByID(%d) = %v", id, err)
		}
	}
	if n := c.Refused(); n > 1024 {
		t.Errorf("%d unknown ids are remembered, want at most 1024", n)
	}
}

func TestCacheKeepsNoOtherError(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	reg := registryOf(map[uint32]lang.Source{1: noteSource()})
	reg.before = func(context.Context, uint32) error { return down }
	c := codec.NewCache(reg)
	if _, err := c.SchemaByID(t.Context(), 1); !errors.Is(err, down) || errors.Is(err, codec.ErrUndecodable) {
		t.Errorf("SchemaByID = %v, want %v, which is no fault of the data", err, down)
	}
	reg.before = nil
	if _, err := c.SchemaByID(t.Context(), 1); err != nil {
		t.Errorf("SchemaByID once the registry is back = %v", err)
	}
}

// A source that panics does not leave others waiting for ever.
func TestCachePanicOfTheSourceFreesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := registryOf(map[uint32]lang.Source{1: noteSource()})
		var once sync.Once
		reg.before = func(context.Context, uint32) error {
			time.Sleep(time.Second)
			once.Do(func() { panic("source is broken") })
			return nil
		}
		c := codec.NewCache(reg)
		go func() {
			defer func() { _ = recover() }()
			_, _ = c.SchemaByID(t.Context(), 1)
		}()
		synctest.Wait()
		if _, err := c.SchemaByID(t.Context(), 1); err != nil {
			t.Errorf("SchemaByID = %v", err)
		}
	})
}

// Random readers, ids that appear, faults and cancels: an answer is always the
// right schema or an error that the registry or the context gave.
func TestCacheStorm(t *testing.T) {
	t.Parallel()
	const ids = 50
	schemas := map[uint32]lang.Source{}
	for id := range uint32(ids) {
		schemas[id] = lang.Source{Text: fmt.Sprint(id)}
	}
	down := errors.New("down")
	reg := registryOf(schemas)
	var mu sync.Mutex
	calls := 0
	reg.before = func(context.Context, uint32) error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls%3 == 0 {
			return down
		}
		return nil
	}
	c := codec.NewCache(reg)
	var wg sync.WaitGroup
	for worker := range uint32(8) {
		wg.Go(func() {
			for i := range uint32(2000) {
				id := (i*7 + worker*13) % ids
				ctx, cancel := context.WithCancel(t.Context())
				if i%11 == 0 {
					cancel()
				}
				got, err := c.SchemaByID(ctx, id)
				cancel()
				if err == nil && got.Text != fmt.Sprint(id) {
					t.Errorf("SchemaByID(%d) = %q", id, got.Text)
				}
				if err != nil && !errors.Is(err, down) && !errors.Is(err, context.Canceled) {
					t.Errorf("SchemaByID(%d) = %v", id, err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkCache(b *testing.B) {
	c := codec.NewCache(registryOf(map[uint32]lang.Source{1: noteSource(), 2: noteSource()}))
	for _, ids := range [][]uint32{{1, 1}, {1, 2}} {
		b.Run(fmt.Sprint("ids=", ids), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = c.SchemaByID(b.Context(), ids[i&1])
			}
		})
	}
}
