package registrytest

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
)

// TestLog checks everything that [registry.Log] promises. newStore makes an
// empty place for a log, and the function that it returns opens a log there:
// again, as after a restart, or a second time, as another process would. Of
// several logs on one store, all but one may answer [registry.ErrNotLeader].
func TestLog(t *testing.T, newStore func(t *testing.T) (open func(t *testing.T) registry.Log)) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) registry.Log){
		"empty log reads as nothing":           testEmpty,
		"what was appended is read":            testReadBack,
		"append only if nobody has":            testConflict,
		"of many appends at one place one won": testRace,
		"a refused append leaves nothing":      testRefused,
		"a cancelled append is all or nothing": testCancelled,
		"a late append is all or nothing":      testTimeouts,
		"every field survives":                 testFields,
		"a restart gives the same state":       testRestart,
		"two registries never both win":        testTwoRegistries,
		"a write is read at once everywhere":   testReadYourWrite,
		"no id stands for two schemas":         testIDs,
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

// appendSomewhere appends to the first log that may.
func appendSomewhere(t *testing.T, logs []registry.Log, at registry.Offset, records []registry.Record) registry.Offset {
	t.Helper()
	for _, log := range logs {
		next, err := log.Append(t.Context(), at, records)
		if errors.Is(err, registry.ErrNotLeader) {
			continue
		}
		if err != nil || next <= at {
			t.Fatalf("Append(%d, %d records) = offset %d, %v, want a later one", at, len(records), next, err)
		}
		return next
	}
	t.Fatal("no log is the leader")
	return 0
}

// appendAgain appends to a log that works, although an append whose fate is not
// known may still arrive.
func appendAgain(t *testing.T, log registry.Log) {
	t.Helper()
	for range 10 {
		_, at := mustRead(t, log, 0)
		_, err := log.Append(t.Context(), at, notes(0, 1))
		if err == nil {
			return
		}
		if !errors.Is(err, registry.ErrConflict) {
			t.Fatalf("Append after a failed one = %v", err)
		}
	}
	t.Fatal("every append is in conflict with another one, and there is no other")
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
	logs := []registry.Log{open(t), open(t)}
	next := appendSomewhere(t, logs, 0, notes(0, 2))
	for _, log := range logs {
		if _, err := log.Append(t.Context(), 0, notes(7, 8)); !errors.Is(err, registry.ErrConflict) && !errors.Is(err, registry.ErrNotLeader) {
			t.Errorf("Append(0) after somebody else = %v, want ErrConflict", err)
		}
		if _, err := log.Append(t.Context(), next+5, notes(7, 8)); err == nil {
			t.Error("Append after the end of the log succeeded")
		}
	}
	slices.Reverse(logs)
	appendSomewhere(t, logs, next, notes(2, 3))
	for _, log := range logs {
		wantRecords(t, log, 0, notes(0, 3))
	}
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
				case !errors.Is(err, registry.ErrConflict) && !errors.Is(err, registry.ErrNotLeader):
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
	records, _ := mustRead(t, open(t), 0)
	if len(records) != 0 && len(records) != 50 {
		t.Fatalf("a failed append of 50 records left %d", len(records))
	}
	appendAgain(t, log)
}

// testTimeouts appends with contexts that end at moments that nobody chose. What
// was acknowledged must be there, and what was not must be there whole or not at
// all, even if it arrives later.
func testTimeouts(t *testing.T, open func(*testing.T) registry.Log) {
	const size, rounds = 10, 60
	log, seed := open(t), rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked := map[int]bool{}
	_, at := mustRead(t, log, 0)
	for batch := range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Microsecond<<random.IntN(8))
		if batch%10 == 9 { // so that something is acknowledged on a slow machine too
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
		}
		next, err := log.Append(ctx, at, notes(batch*size, (batch+1)*size))
		cancel()
		switch {
		case err == nil:
			acked[batch] = true
			at = next
		default:
			_, at = mustRead(t, log, 0)
		}
	}
	records, _ := mustRead(t, open(t), 0)
	if len(records)%size != 0 {
		t.Fatalf("%d records are there, want a multiple of %d", len(records), size)
	}
	for i := 0; i < len(records); i += size {
		batch := records[i].ID / size
		if diff := cmp.Diff(notes(batch*size, (batch+1)*size), records[i:i+size]); diff != "" {
			t.Fatalf("batch %d is not whole (-want +got):\n%s", batch, diff)
		}
		delete(acked, batch)
	}
	if len(acked) > 0 {
		t.Errorf("batches %v were acknowledged and are not there", slices.Sorted(maps.Keys(acked)))
	}
	appendAgain(t, log)
}
