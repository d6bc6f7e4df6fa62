package registry_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// erase deletes a subject for good.
func erase(t *testing.T, reg *registry.Registry, subject string) {
	t.Helper()
	for _, permanent := range []bool{false, true} {
		if _, err := reg.DeleteSubject(t.Context(), registry.SubjectDeletion{Subject: subject, Permanent: permanent}); err != nil {
			t.Error(err)
		}
	}
}

// A registration is never answered with what another node has deleted for good,
// although this one has it in memory.
func TestKnownIsAskedOfTheLog(t *testing.T) {
	t.Parallel()
	log := memlog.New() // tells nobody that something was appended
	one, two := open(t, log), open(t, log)
	first, err := put(one, "a", "x")
	if err != nil {
		t.Fatal(err)
	}
	x := registry.Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x"}}
	if again, ok := two.Known(t.Context(), x); ok {
		t.Errorf("Known of what only the log has = %+v: it does not look for what it does not know", again)
	}
	if again, err := put(two, "a", "x"); err != nil || again.ID != first.ID || !again.Existed {
		t.Fatalf("Register of what is there = %+v, %v", again, err)
	}
	if again, ok := two.Known(t.Context(), x); !ok || again.ID != first.ID || !again.Existed {
		t.Errorf("Known of what is there = %+v, %v", again, ok)
	}
	erase(t, one, "a")
	if again, ok := two.Known(t.Context(), x); ok {
		t.Errorf("Known of what was deleted for good = %+v", again)
	}
	fresh, err := put(two, "a", "x")
	if err != nil || fresh.ID == first.ID || fresh.Existed {
		t.Errorf("Register of what was deleted for good = %+v, %v, want a new id", fresh, err)
	}
	if _, err := one.DeleteVersion(t.Context(), registry.VersionDeletion{Subject: "a", Version: 1}); err != nil {
		t.Fatal(err)
	}
	if again, err := put(two, "a", "x"); err != nil || again.Number != 2 || again.ID != fresh.ID {
		t.Errorf("Register of what was deleted softly = %+v, %v, want version 2 of the same id", again, err)
	}
}

// Whatever does not make a registration known is left to who may write.
func TestKnownAnswersNothingElse(t *testing.T) {
	t.Parallel()
	var written []registry.Write
	reg, err := registrytest.OpenToy(t.Context(), memlog.New(), registry.Options{OnWrite: func(_ context.Context, w registry.Write) { written = append(written, w) }})
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	have, err := put(reg, "a", "x")
	if err != nil {
		t.Fatal(err)
	}
	written = nil
	id := have.ID + 1
	for name, req := range map[string]api.RegisterRequest{
		"another text": {Schema: "x y"},
		"no text":      {},
		"rules":        {Schema: "x", RuleSet: &api.RuleSet{DomainRules: []api.Rule{{}}}},
		"tags":         {Schema: "x", PropagateTags: true},
		"another id":   {Schema: "x", ID: &id},
		"a number":     {Schema: "x", Version: 1},
	} {
		if got, ok := reg.Known(t.Context(), registry.Registration{Subject: "a", Request: req}); ok {
			t.Errorf("%s: Known = %+v, want nothing", name, got)
		}
	}
	if len(written) > 0 {
		t.Errorf("Known told the audit log about what it did not answer: %+v", written)
	}
	if _, ok := reg.Known(t.Context(), registry.Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x"}}); !ok {
		t.Error("Known does not know what is there")
	}
	want := []registry.Write{{Action: "register", Subject: "a", Version: 1, ID: have.ID, Before: have.GUID, After: have.GUID}}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("the audit log was told (-want +got):\n%s", diff)
	}
}

// While a schema is deleted for good and registered again, on two nodes, nobody
// who asks after a deletion was acknowledged is given an id that it deleted.
func TestNoDeletedIDIsAnswered(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	regs := []*registry.Registry{open(t, log), open(t, log)}
	const rounds, clients = 50, 4
	var deleted atomic.Int64 // ids up to here are deleted, and that is acknowledged
	var over atomic.Bool
	var wg sync.WaitGroup
	x := registry.Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x"}}
	for client := range clients {
		wg.Go(func() {
			for !over.Load() && !t.Failed() {
				before := deleted.Load()
				if out, ok := regs[client%2].Known(t.Context(), x); ok && int64(out.ID) <= before {
					t.Errorf("Known = id %d after the deletion of ids up to %d was acknowledged", out.ID, before)
				}
			}
		})
	}
	for i := range rounds {
		out, err := regs[i%2].Register(t.Context(), x)
		if err != nil || int64(out.ID) <= deleted.Load() {
			t.Errorf("Register = %+v, %v after ids up to %d were deleted", out, err, deleted.Load())
		}
		erase(t, regs[(i+1)%2], "a")
		deleted.Store(int64(out.ID))
	}
	over.Store(true)
	wg.Wait()
}

// failing is a log that cannot be read while down is set.
type failing struct {
	memlog.Log
	down atomic.Bool
}

var errDown = errors.New("the store is down")

func (l *failing) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	if l.down.Load() {
		return nil, 0, errDown
	}
	return l.Log.ReadFrom(ctx, at)
}

// What cannot be looked up in the log is not claimed: a registration then fails,
// and reads go on.
func TestKnownWithoutTheLog(t *testing.T) {
	t.Parallel()
	log := &failing{}
	reg := open(t, log)
	have, err := put(reg, "a", "x")
	if err != nil {
		t.Fatal(err)
	}
	log.down.Store(true)
	if out, err := put(reg, "a", "x"); !errors.Is(err, api.StoreFailure) || !errors.Is(err, errDown) {
		t.Errorf("Register without the log = %+v, %v, want a failure that says why", out, err)
	}
	if _, ok := reg.Known(t.Context(), registry.Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x"}}); ok {
		t.Error("Known answers without the log")
	}
	if v, err := reg.ByID(t.Context(), have.ID, ""); err != nil || v.Text != "x" {
		t.Errorf("ByID without the log = %+v, %v", v, err)
	}
	log.down.Store(false)
	if out, err := put(reg, "a", "x"); err != nil || out.ID != have.ID {
		t.Errorf("Register once it is back = %+v, %v", out, err)
	}
}
