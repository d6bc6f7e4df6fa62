package registrytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// TestLog checks everything that [registry.Log] promises. newStore makes an
// empty place for a log, and the function that it returns opens a log there:
// again, as after a restart, or a second time, as another process would.
func TestLog(t *testing.T, newStore func(t *testing.T) (open func(t *testing.T) registry.Log)) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) registry.Log){
		"empty log reads as nothing":           testEmpty,
		"what was appended is read":            testReadBack,
		"append only if nobody has":            testConflict,
		"of many appends at one place one won": testRace,
		"a refused append leaves nothing":      testRefused,
		"a cancelled append is all or nothing": testCancelled,
		"every field survives":                 testFields,
		"a restart gives the same state":       testRestart,
		"two registries never both win":        testTwoRegistries,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t))
		})
	}
}

func note(n int) registry.Record { return registry.Record{Kind: registry.IDRecord, ID: n} }

func notes(from, to int) (out []registry.Record) {
	for n := from; n < to; n++ {
		out = append(out, note(n))
	}
	return out
}

func mustAppend(t *testing.T, log registry.Log, at registry.Offset, records []registry.Record) registry.Offset {
	t.Helper()
	next, err := log.Append(t.Context(), at, records)
	if err != nil {
		t.Fatalf("Append(%d, %d records) = %v", at, len(records), err)
	}
	if next <= at {
		t.Fatalf("Append(%d, %d records) = offset %d, want a later one", at, len(records), next)
	}
	return next
}

func mustRead(t *testing.T, log registry.Log, at registry.Offset) ([]registry.Record, registry.Offset) {
	t.Helper()
	records, next, err := log.ReadFrom(t.Context(), at)
	if err != nil {
		t.Fatalf("ReadFrom(%d) = %v", at, err)
	}
	return records, next
}

func wantRecords(t *testing.T, log registry.Log, at registry.Offset, want []registry.Record) {
	t.Helper()
	got, _ := mustRead(t, log, at)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadFrom(%d) differs (-want +got):\n%s", at, diff)
	}
}

func testEmpty(t *testing.T, open func(*testing.T) registry.Log) {
	records, next := mustRead(t, open(t), 0)
	if len(records) != 0 || next != 0 {
		t.Errorf("ReadFrom(0) of an empty log = %d records, offset %d, want none and 0", len(records), next)
	}
}

func testReadBack(t *testing.T, open func(*testing.T) registry.Log) {
	log := open(t)
	first := mustAppend(t, log, 0, notes(0, 3))
	wantRecords(t, log, 0, notes(0, 3))
	second := mustAppend(t, log, first, notes(3, 4))
	wantRecords(t, log, first, notes(3, 4))
	wantRecords(t, log, 0, notes(0, 4))
	wantRecords(t, open(t), 0, notes(0, 4))
	if records, next := mustRead(t, log, second); len(records) != 0 || next != second {
		t.Errorf("ReadFrom(%d) at the end = %d records, offset %d, want none and %d", second, len(records), next, second)
	}
}

func testConflict(t *testing.T, open func(*testing.T) registry.Log) {
	one, two := open(t), open(t)
	next := mustAppend(t, one, 0, notes(0, 2))
	for _, log := range []registry.Log{one, two} {
		if _, err := log.Append(t.Context(), 0, notes(7, 8)); !errors.Is(err, registry.ErrConflict) {
			t.Errorf("Append(0) after somebody else = %v, want ErrConflict", err)
		}
	}
	mustAppend(t, two, next, notes(2, 3))
	wantRecords(t, one, 0, notes(0, 3))
}

func testRace(t *testing.T, open func(*testing.T) registry.Log) {
	logs := []registry.Log{open(t), open(t)}
	var at registry.Offset
	for round := range 10 {
		var won atomic.Int32
		var next atomic.Int64
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				end, err := logs[i%2].Append(t.Context(), at, notes(i*10, i*10+3))
				switch {
				case err == nil:
					won.Add(1)
					next.Store(int64(end))
				case !errors.Is(err, registry.ErrConflict):
					t.Errorf("Append(%d) = %v, want success or ErrConflict", at, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d appends at offset %d succeeded, want 1", round, won.Load(), at)
		}
		records, end := mustRead(t, logs[0], at)
		if len(records) != 3 || int64(end) != next.Load() {
			t.Fatalf("round %d: %d records up to %d, want 3 up to %d", round, len(records), end, next.Load())
		}
		if diff := cmp.Diff(notes(records[0].ID, records[0].ID+3), records); diff != "" {
			t.Fatalf("round %d: appends are mixed (-want +got):\n%s", round, diff)
		}
		at = end
	}
}

func testRefused(t *testing.T, open func(*testing.T) registry.Log) {
	log := open(t)
	mustAppend(t, log, 0, notes(0, 2))
	if _, err := log.Append(t.Context(), 0, notes(5, 9)); err == nil {
		t.Fatal("Append(0) after somebody else succeeded")
	}
	wantRecords(t, log, 0, notes(0, 2))
	wantRecords(t, open(t), 0, notes(0, 2))
}

func testCancelled(t *testing.T, open func(*testing.T) registry.Log) {
	log := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ctx, 0, notes(0, 50)); err == nil {
		t.Fatal("Append with a context that has ended succeeded")
	}
	records, next := mustRead(t, open(t), 0)
	if len(records) != 0 && len(records) != 50 {
		t.Fatalf("a failed append of 50 records left %d", len(records))
	}
	mustAppend(t, log, next, notes(0, 1)) // the log still works
}

func testFields(t *testing.T, open func(*testing.T) registry.Log) {
	yes, level := true, registry.LevelFull
	want := []registry.Record{
		{Kind: registry.SchemaRecord, Subject: "a/b :.'\"ü\x00", Version: 3, ID: 9, Time: 1_700_000_000_123, Schema: &registry.StoredSchema{
			Type: "AVRO", Text: "\"text\" \u2028 <&> \U0001F600", Deleted: true,
			References: []api.Reference{{Name: "n", Subject: "s", Version: 1}},
			Metadata:   &api.Metadata{Tags: map[string][]string{"t": {"a", "b"}}, Properties: map[string]string{"k": "v"}, Sensitive: []string{"k"}},
		}},
		{Kind: registry.PurgeRecord, Subject: "a", Version: 3},
		{Kind: registry.ConfigRecord, Config: &api.Config{Normalize: &yes, CompatibilityLevel: &level}},
		{Kind: registry.ConfigRecord, Subject: "a", Config: &api.Config{}},
		{Kind: registry.ConfigRecord, Subject: "a"},
	}
	mustAppend(t, open(t), 0, want)
	wantRecords(t, open(t), 0, want)
}

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
	level := registry.ConfigChange{Subject: "b", Update: api.ConfigUpdate{Compatibility: api.Set("none")}}
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
		"maxID":   reg.MaxID(),
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
				_, err := regs[i%2].Register(t.Context(), registry.Registration{Subject: subject, Request: req})
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
	for _, r := range regs {
		if err := r.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(snapshot(t, regs[0]), snapshot(t, regs[1])); diff != "" {
		t.Errorf("two registries on one log disagree (-one +two):\n%s", diff)
	}
	ids := map[int]bool{}
	for _, v := range regs[0].Schemas(registry.Listing{}) {
		ids[v.ID] = true
	}
	if len(ids) == 0 || len(ids) > clients {
		t.Errorf("%d ids for %d different texts", len(ids), clients)
	}
}
