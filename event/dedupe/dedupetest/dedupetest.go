// Package dedupetest says what every deduper must do, as tests that one runs
// against itself. It is for tests only.
package dedupetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A Maker returns a deduper whose claims last claim, and whose memory lasts done.
// Each call stands for another process on the same store.
type Maker func(t *testing.T, claim, done time.Duration) event.Deduper

// Run runs the suite. shared says that the processes see each other's claims.
func Run(t *testing.T, shared bool, open Maker) {
	t.Run("a key has one life", func(t *testing.T) { life(t, open) })
	t.Run("claims end by themselves", func(t *testing.T) { expiry(t, open) })
	t.Run("one of many claims", func(t *testing.T) { race(t, shared, open) })
	t.Run("many keys at once", func(t *testing.T) { many(t, open) })
	t.Run("a key is any bytes", func(t *testing.T) { bytes(t, open) })
	if shared {
		t.Run("a claim is its holder's", func(t *testing.T) { holders(t, open) })
	}
}

func key() string { return "g/" + rand.Text() }

func states(t *testing.T, d event.Deduper, keys ...string) []event.ClaimState {
	t.Helper()
	out, err := d.Claim(t.Context(), keys...)
	if err != nil || len(out) != len(keys) {
		t.Fatalf("claim %q: %v, %v", keys, out, err)
	}
	return out
}

func want(t *testing.T, d event.Deduper, key string, state event.ClaimState) {
	t.Helper()
	if got := states(t, d, key)[0]; got != state {
		t.Errorf("claim found state %d, want %d", got, state)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func life(t *testing.T, open Maker) {
	d, k := open(t, time.Minute, time.Hour), key()
	want(t, d, k, event.Free)
	want(t, d, k, event.Claimed)
	must(t, d.Free(t.Context(), k))
	want(t, d, k, event.Free)
	must(t, d.Done(t.Context(), k))
	want(t, d, k, event.Done)
	must(t, d.Free(t.Context(), k)) // what is done stays done
	want(t, d, k, event.Done)
	must(t, d.Free(t.Context(), key()))
	other := key()
	must(t, d.Done(t.Context(), other)) // without a claim, or after it has ended
	want(t, d, other, event.Done)
	must(t, d.Done(t.Context()))
	must(t, d.Free(t.Context()))
	states(t, d)
}

// await asks for a key until its state is as wanted.
func await(t *testing.T, d event.Deduper, k string, state event.ClaimState) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if states(t, d, k)[0] == state {
			return
		}
	}
	t.Fatalf("waited in vain for state %d", state)
}

func expiry(t *testing.T, open Maker) {
	d, k := open(t, 100*time.Millisecond, 200*time.Millisecond), key()
	begin := time.Now()
	want(t, d, k, event.Free)
	await(t, d, k, event.Free)
	if took := time.Since(begin); took < 99*time.Millisecond {
		t.Errorf("a claim of 100ms was free after %v", took)
	}
	begin = time.Now()
	must(t, d.Done(t.Context(), k))
	await(t, d, k, event.Free)
	if took := time.Since(begin); took < 199*time.Millisecond {
		t.Errorf("what was handled was forgotten after %v, want 200ms", took)
	}
}

func race(t *testing.T, shared bool, open Maker) {
	const members, keys = 8, 50
	ks := make([]string, keys)
	for i := range ks {
		ks[i] = key()
	}
	one := open(t, time.Minute, time.Hour)
	var mu sync.Mutex
	winners := map[string]int{}
	var wg sync.WaitGroup
	for range members {
		d := one
		if shared {
			d = open(t, time.Minute, time.Hour)
		}
		wg.Go(func() {
			for part := range slices.Chunk(ks, 5) {
				out, err := d.Claim(t.Context(), part...)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, s := range out {
					if s == event.Free {
						winners[part[i]]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, k := range ks {
		if winners[k] != 1 {
			t.Errorf("%d of %d processes have claimed one key", winners[k], members)
		}
	}
}

// bytes: whoever publishes a message names it, and not always as text.
func bytes(t *testing.T, open Maker) {
	d, k := open(t, time.Minute, time.Hour), key()
	ks := []string{k + "\xff", k + "\xfe", k + "\x00", k, k + strings.Repeat("x", 1<<16), k + strings.Repeat("x", 1<<16+1)}
	for i := range ks {
		for j, s := range states(t, d, ks...) {
			if expect := event.Free; i == 0 && s != expect || i > 0 && j < i && s != event.Done || i > 0 && j >= i && s != event.Claimed {
				t.Fatalf("round %d: key %.40q has state %d", i, ks[j], s)
			}
		}
		must(t, d.Done(t.Context(), ks[i]))
	}
}

func many(t *testing.T, open Maker) {
	d := open(t, time.Minute, time.Hour)
	ks := make([]string, 2500)
	for i := range ks {
		ks[i] = fmt.Sprintf("%s/%d", key(), i)
	}
	must(t, d.Done(t.Context(), ks[:1000]...))
	twice := append(slices.Clone(ks), ks[2000])
	out := states(t, d, twice...)
	for i, s := range out {
		expect := event.Free
		if i < 1000 {
			expect = event.Done
		} else if i == len(ks) {
			expect = event.Claimed
		}
		if s != expect {
			t.Fatalf("key %d of many has state %d, want %d", i, s, expect)
		}
	}
	must(t, d.Free(t.Context(), ks...))
	if out := states(t, d, ks[0], ks[1500]); out[0] != event.Done || out[1] != event.Free {
		t.Errorf("after freeing all: states %v, want done and free", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Claim(ctx, key()); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("claim with an ended context: %v", err)
	}
}

func holders(t *testing.T, open Maker) {
	a, b, k := open(t, time.Minute, time.Hour), open(t, time.Minute, time.Hour), key()
	want(t, a, k, event.Free)
	must(t, b.Free(t.Context(), k))
	want(t, b, k, event.Claimed)
	must(t, a.Done(t.Context(), k))
	want(t, b, k, event.Done)
}
