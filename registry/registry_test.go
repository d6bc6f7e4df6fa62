package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

func open(t testing.TB, log registry.Log) *registry.Registry {
	t.Helper()
	reg, err := registrytest.OpenToy(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	return reg
}

func put(reg *registry.Registry, subject, text string) (registry.Registered, error) {
	return reg.Register(context.Background(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: text}})
}

// gatedLog holds appends back until the gate is closed.
type gatedLog struct {
	memlog.Log
	gate chan struct{}
}

func (l *gatedLog) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	<-l.gate
	return l.Log.Append(ctx, at, records)
}

// forgetful loses the answer of an append now and then, or the append itself.
type forgetful struct {
	registry.Log
	mu     sync.Mutex // guards the field below
	random *rand.Rand
}

var errLost = errors.New("the connection is gone")

func (l *forgetful) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	l.mu.Lock()
	fate := l.random.IntN(4)
	l.mu.Unlock()
	switch fate {
	case 0:
		return 0, errLost
	case 1:
		if _, err := l.Log.Append(ctx, at, records); err != nil {
			return 0, err
		}
		return 0, errLost
	}
	return l.Log.Append(ctx, at, records)
}

// Whatever happens to answers, two registries and the log agree in the end, what
// was acknowledged is there, and no two schemas share an id.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	shared := memlog.New()
	var regs []*registry.Registry
	for i := range 2 {
		regs = append(regs, open(t, &forgetful{Log: shared, random: rand.New(rand.NewPCG(seed, uint64(i)))}))
	}
	var acked sync.Map
	var wg sync.WaitGroup
	for client := range 6 {
		wg.Go(func() {
			for n := range 40 {
				subject := fmt.Sprintf("c%d-n%d", client, n)
				switch out, err := put(regs[n%2], subject, subject); {
				case err == nil:
					acked.Store(subject, out.ID)
				case !errors.Is(err, api.StoreFailure):
					t.Errorf("Register = %v, want success or a failed write", err)
				case !errors.Is(err, errLost):
					t.Errorf("Register = %v, want the cause in it", err)
				}
			}
		})
	}
	wg.Wait()
	for _, r := range regs {
		if err := r.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	everything := registry.Listing{Visible: registry.All}
	if diff := cmp.Diff(regs[0].Schemas(everything), regs[1].Schemas(everything)); diff != "" {
		t.Errorf("the registries disagree (-one +two):\n%s", diff)
	}
	owner := map[int]string{}
	for _, v := range regs[0].Schemas(everything) {
		if owner[v.ID] != "" {
			t.Errorf("id %d belongs to %s and to %s", v.ID, owner[v.ID], v.Subject)
		}
		owner[v.ID] = v.Subject
	}
	acked.Range(func(subject, id any) bool {
		if owner[id.(int)] != subject {
			t.Errorf("%s was acknowledged with id %d, which belongs to %q", subject, id, owner[id.(int)])
		}
		return true
	})
}

// A node asks the log before it says that something does not exist.
func TestUnknownIsAskedOfTheLog(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	one, two := open(t, log), open(t, log)
	v, err := put(one, "a", "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := two.ByID(t.Context(), v.ID, ""); err != nil || got.Text != "x" {
		t.Errorf("ByID on the other node = %q, %v, want x", got.Text, err)
	}
	if _, err := put(one, "b", "y"); err != nil {
		t.Fatal(err)
	}
	if _, err := two.DeleteSubject(t.Context(), registry.SubjectDeletion{Subject: "b"}); err != nil {
		t.Errorf("DeleteSubject on the other node = %v", err)
	}
	if _, err := one.ByID(t.Context(), 99, ""); !errors.Is(err, api.SchemaNotFound) {
		t.Errorf("ByID(99) = %v, want a schema that is not found", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	log := &gatedLog{gate: make(chan struct{})}
	reg := open(t, log)
	results := make(chan error, 20)
	for i := range cap(results) {
		go func() {
			_, err := put(reg, fmt.Sprintf("s%d", i), "x")
			results <- err
		}()
	}
	go close(log.gate)
	if err := reg.Close(); err != nil {
		t.Fatal(err)
	}
	acked := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			acked++
		case !errors.Is(err, api.Unavailable):
			t.Errorf("Register while closing = %v, want success or that it is shutting down", err)
		}
	}
	records, _, err := log.ReadFrom(t.Context(), 0)
	if err != nil || len(records) != acked {
		t.Errorf("the log has %d records, %v; %d were acknowledged", len(records), err, acked)
	}
	if _, err := put(reg, "late", "x"); !errors.Is(err, api.Unavailable) {
		t.Errorf("Register after Close = %v, want that it is shutting down", err)
	}
	if err := reg.Close(); err != nil {
		t.Errorf("a second Close = %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	if _, err := registry.Open(t.Context(), memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{Level: "SOME"}); err == nil {
		t.Error("Open with a level that does not exist succeeded")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := registrytest.OpenToy(ended, memlog.New()); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with an ended context = %v, want it to say so", err)
	}
}

// A schema cannot make the server walk more texts than the limit, however its
// references multiply.
func TestReferenceLimits(t *testing.T) {
	t.Parallel()
	srv := registrytest.New(t)
	refuse := func(subject string, refs []api.Reference) error {
		text := fmt.Sprintf(`{"type":"record","name":"R%s","fields":[]}`, subject)
		_, err := srv.Registry.Register(t.Context(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: text, References: refs}})
		return err
	}
	var refs []api.Reference
	for i := range 40 {
		subject := fmt.Sprintf("s%d", i)
		if err := refuse(subject, refs); err != nil {
			if !errors.Is(err, api.InvalidSchema) {
				t.Fatalf("%s: %v, want an invalid schema", subject, err)
			}
			return
		}
		// Each refers to the one before twice, so the tree doubles.
		refs = []api.Reference{{Name: "a", Subject: subject, Version: 1}, {Name: "b", Subject: subject, Version: 1}}
	}
	t.Error("a tree of 2^40 texts was accepted")
}

// BenchmarkStart opens a registry on a file: empty, and with a log that a
// middle-sized company has.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{0, 1_000, 10_000} {
		b.Run(fmt.Sprintf("schemas=%d", n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "log.db")
			fill(b, path, n)
			b.ReportAllocs()
			for b.Loop() {
				log, err := sqlitelog.Open(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				reg, err := registry.Open(b.Context(), log, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if reg.MaxID("") != n {
					b.Fatalf("%d ids, want %d", reg.MaxID(""), n)
				}
				reg.Close()
				log.Close()
			}
		})
	}
}

func fill(b *testing.B, path string, n int) {
	b.Helper()
	log, err := sqlitelog.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	var records []registry.Record
	for i := range n {
		text := fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}`, i)
		records = append(records, registry.Record{
			Kind: registry.SchemaRecord, Subject: fmt.Sprintf("s%d", i), Version: 1, ID: i + 1,
			Schema: &registry.StoredSchema{Type: "AVRO", Text: text},
		})
	}
	if n > 0 {
		if _, err := log.Append(b.Context(), 0, records); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRegister measures acknowledged writes to a file from many clients.
func BenchmarkRegister(b *testing.B) {
	log, err := sqlitelog.Open(b.Context(), filepath.Join(b.TempDir(), "log.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	reg := open(b, log)
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			text := fmt.Sprint("t", n.Add(1))
			if _, err := put(reg, text, text); err != nil {
				b.Error(err)
			}
		}
	})
}
