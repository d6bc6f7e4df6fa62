package registrytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// start opens a registry of the toy language.
func start(t *testing.T, log registry.Log) *registry.Registry {
	t.Helper()
	reg, err := OpenToy(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	return reg
}

func testRestart(t *testing.T, open func(*testing.T) registry.Log) {
	reg := start(t, open(t))
	put := func(subject, text string) registry.Registered {
		out, err := reg.Register(t.Context(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: text}})
		if err != nil {
			t.Fatalf("Register(%s, %s) = %v", subject, text, err)
		}
		return out
	}
	put("a", "x")
	put("a", "x y")
	put("b", "x")
	last := put("c", "z")
	level := registry.ConfigChange{Scope: "b", Update: api.ConfigUpdate{Compatibility: api.Set("none")}}
	if _, err := reg.SetConfig(t.Context(), level); err != nil {
		t.Fatal(err)
	}
	for _, permanent := range []bool{false, true} {
		if _, err := reg.DeleteSubject(t.Context(), registry.SubjectDeletion{Subject: "c", Permanent: permanent}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := reg.DeleteVersion(t.Context(), registry.VersionDeletion{Subject: "a", Version: 1}); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, reg)
	reg.Close()
	reg = start(t, open(t))
	if diff := cmp.Diff(want, snapshot(t, reg)); diff != "" {
		t.Errorf("state after a restart (-before +after):\n%s", diff)
	}
	if again := put("c", "other"); again.ID <= last.ID || again.Number != 1 {
		t.Errorf("after a hard delete and a restart: id %d version %d, want an id above %d and version 1", again.ID, again.Number, last.ID)
	}
}

// snapshot returns what a registry answers about everything that it holds.
func snapshot(t *testing.T, reg *registry.Registry) map[string]any {
	t.Helper()
	out := map[string]any{
		"schemas": reg.Schemas(registry.Listing{Visible: registry.All}),
		"live":    reg.Subjects(nil, registry.Live),
		"maxID":   reg.Stats().MaxID,
	}
	for _, s := range reg.Subjects(nil, registry.All) {
		cfg, err := reg.Config(t.Context(), s, true)
		if err != nil {
			t.Fatal(err)
		}
		out["config "+s] = cfg
	}
	return out
}

func testTwoRegistries(t *testing.T, open func(*testing.T) registry.Log) {
	regs := []*registry.Registry{start(t, open(t)), start(t, open(t))}
	const rounds, clients = 8, 4
	for round := range rounds {
		subject := fmt.Sprintf("s%d", round)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				// No two of these texts are compatible with each other.
				req := api.RegisterRequest{Schema: fmt.Sprintf("only%d", i)}
				_, err := registerSomewhere(t.Context(), regs, i, registry.Registration{Subject: subject, Request: req})
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, api.IncompatibleSchema):
					t.Errorf("Register = %v, want success or an incompatible schema", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d of %d schemas that exclude each other were let in, want 1", round, won.Load(), clients)
		}
	}
	wantSame(t, regs)
	ids := map[int]bool{}
	for _, v := range regs[0].Schemas(registry.Listing{}) {
		ids[v.ID] = true
	}
	if len(ids) == 0 || len(ids) > clients {
		t.Errorf("%d ids for %d different texts", len(ids), clients)
	}
}

// wantSame lets all registries read the log to its end and compares them.
func wantSame(t *testing.T, regs []*registry.Registry) {
	t.Helper()
	for _, r := range regs {
		if err := r.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := snapshot(t, regs[0])
	for i, r := range regs[1:] {
		if diff := cmp.Diff(want, snapshot(t, r)); diff != "" {
			t.Errorf("registries 0 and %d on one log disagree (-0 +%[1]d):\n%s", i+1, diff)
		}
	}
}

// registerSomewhere registers with the i-th registry or, if that one may not
// write, with the next, as a server would forward the request.
func registerSomewhere(ctx context.Context, regs []*registry.Registry, i int, what registry.Registration) (registry.Registered, error) {
	for {
		out, err := regs[i%len(regs)].Register(ctx, what)
		if !errors.Is(err, api.NoLeader) {
			return out, err
		}
		if i++; i%len(regs) == 0 { // nobody: one is being elected
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return out, err
			}
		}
	}
}

// testReadYourWrite writes through one registry and asks the other at once.
func testReadYourWrite(t *testing.T, open func(*testing.T) registry.Log) {
	regs := []*registry.Registry{start(t, open(t)), start(t, open(t))}
	for n := range 20 {
		subject := fmt.Sprintf("s%d", n/2)
		text := strings.Join(strings.Fields("one two three four")[:n%2+1], " ")
		put, err := registerSomewhere(t.Context(), regs, n, registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: text}})
		if err != nil {
			t.Fatal(err)
		}
		for i, reg := range regs {
			got, err := reg.Version(t.Context(), subject, n%2+1, registry.Live)
			if err != nil || got.ID != put.ID || got.Text != put.Text {
				t.Fatalf("registry %d has version %d of %s as id %d %q, %v, want id %d %q", i, n%2+1, subject, got.ID, got.Text, err, put.ID, put.Text)
			}
		}
	}
}

// testIDs registers, deletes for good and restarts at random. Whatever was given
// an id once, by any server, is the only thing that ever had it.
func testIDs(t *testing.T, open func(*testing.T) registry.Log) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	regs := []*registry.Registry{start(t, open(t)), start(t, open(t))}
	given := map[int]string{}
	highest := registry.Registered{}
	for n := range 60 {
		switch op := random.IntN(6); {
		case op < 3 || highest.ID == 0:
			// Texts come back, and then have their old id or a new one.
			text := fmt.Sprintf("word%d", random.IntN(n+1))
			out, err := registerSomewhere(t.Context(), regs, random.IntN(2), registry.Registration{Subject: text, Request: api.RegisterRequest{Schema: text}})
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := given[out.ID]; ok && before != text {
				t.Fatalf("step %d: id %d was given to %q and now to %q", n, out.ID, before, text)
			}
			given[out.ID] = text
			if out.ID > highest.ID {
				highest = out
			}
		case op < 5:
			deleteSomewhere(t, regs, random.IntN(2), highest.Subject)
		default:
			i := random.IntN(2)
			regs[i].Close()
			regs[i] = start(t, open(t))
		}
	}
	wantSame(t, regs)
}

// deleteSomewhere deletes a subject for good; one that is gone stays so.
func deleteSomewhere(t *testing.T, regs []*registry.Registry, i int, subject string) {
	t.Helper()
	for _, permanent := range []bool{false, true} {
		for {
			_, err := regs[i%len(regs)].DeleteSubject(t.Context(), registry.SubjectDeletion{Subject: subject, Permanent: permanent})
			if errors.Is(err, api.NoLeader) {
				i++
				continue
			}
			if err != nil && !errors.Is(err, api.SubjectNotFound) {
				t.Fatalf("DeleteSubject(%s) = %v", subject, err)
			}
			break
		}
	}
}
