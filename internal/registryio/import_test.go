package registryio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// faulty returns a client whose transport asks hook before each request.
func faulty(url string, hook func(*http.Request) error) *client.Client {
	return client.New(url, client.Cache(0, 0), client.Refusals(0), client.Retries(0, 0),
		client.HTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if err := hook(r); err != nil {
				return nil, err
			}
			return http.DefaultTransport.RoundTrip(r)
		})}))
}

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet }

// small is a registry with a reference, a soft-deleted version, a version that was
// deleted for good, two contexts and settings.
func small(t *testing.T) (url string, d *registryio.Dump) {
	t.Helper()
	url = registrytest.New(t).URL
	reg, ctx := connect(url), t.Context()
	add := func(subject string, req api.RegisterRequest) {
		t.Helper()
		if _, err := reg.Add(ctx, subject, req); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(reg.SetLevel(ctx, "", "NONE"))
	money := `{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}`
	add("money", api.RegisterRequest{Schema: money})
	add("order", api.RegisterRequest{
		Schema:     `{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"}]}`,
		References: []api.Reference{{Name: "Money", Subject: "money", Version: 1}},
	})
	for i := range 3 {
		add("step", api.RegisterRequest{Schema: fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, i+1)})
	}
	add(":.team:money", api.RegisterRequest{Schema: money})
	must(reg.DeleteVersion(ctx, "step", 2, false))
	must(reg.DeleteVersion(ctx, "step", 3, false))
	must(reg.DeleteVersion(ctx, "step", 3, true))
	must(reg.SetLevel(ctx, "order", "FULL"))
	must(reg.SetMode(ctx, "money", "READONLY"))
	return url, export(t, reg)
}

// A purged version leaves its id behind: it is never given again.
func TestHighestIDIsKept(t *testing.T) {
	t.Parallel()
	_, d := small(t)
	copied := connect(registrytest.New(t).URL)
	copyInto(t, copied, d)
	got, err := copied.Add(t.Context(), "new", api.RegisterRequest{Schema: `"string"`})
	if err != nil || got.ID != 6 {
		t.Errorf("the next id is %d, %v, want 6: 5 was given to a version that was deleted for good", got.ID, err)
	}
}

// Each import is cut off at another request. The modes are set back, and going on
// leads to the same registry.
func TestImportGoesOnAfterFailures(t *testing.T) {
	t.Parallel()
	_, d := small(t)
	errCut := errors.New("the wire was cut")
	for after := int32(1); ; after++ {
		url := registrytest.New(t).URL
		var writes atomic.Int32
		cut := faulty(url, func(r *http.Request) error {
			restoring := r.Method == http.MethodDelete && strings.HasPrefix(r.URL.Path, "/mode") || r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/mode")
			if isWrite(r) && writes.Add(1) >= after && !restoring {
				return errCut
			}
			return nil
		})
		plan, err := registryio.PlanImport(t.Context(), cut, d, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = plan.Apply(t.Context(), cut, nil)
		if err == nil {
			if after < 10 {
				t.Errorf("the import takes %d writes, want more", after)
			}
			return
		}
		if !errors.Is(err, errCut) {
			t.Fatalf("cut at write %d: %v", after, err)
		}
		whole := connect(url)
		for _, scope := range []string{"", ":.team:"} {
			if mode, err := whole.EffectiveMode(t.Context(), scope); err != nil || mode != "READWRITE" {
				t.Fatalf("cut at write %d: mode of %q is %s, %v, want what it was", after, scope, mode, err)
			}
		}
		copyInto(t, whole, d)
		if diff := registryio.Compare(d, export(t, whole)); diff != nil {
			t.Fatalf("cut at write %d: %v", after, diff)
		}
	}
}

// A context that ends in the middle does not leave the registry in mode IMPORT.
func TestInterruptedImportSetsModesBack(t *testing.T) {
	t.Parallel()
	_, d := small(t)
	url := registrytest.New(t).URL
	ctx, cancel := context.WithCancel(t.Context())
	reg := faulty(url, func(r *http.Request) error {
		if r.Method == http.MethodPost {
			cancel()
		}
		return nil
	})
	plan, err := registryio.PlanImport(t.Context(), reg, d, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(ctx, reg, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply = %v, want that it was interrupted", err)
	}
	if mode, err := connect(url).EffectiveMode(t.Context(), ""); err != nil || mode != "READWRITE" {
		t.Errorf("the mode is %s, %v, want READWRITE", mode, err)
	}
}

// If not even the mode can be set back, the error says in which it is.
func TestStuckModeIsNamed(t *testing.T) {
	t.Parallel()
	_, d := small(t)
	var broken atomic.Bool
	reg := faulty(registrytest.New(t).URL, func(r *http.Request) error {
		if r.Method == http.MethodPost {
			broken.Store(true)
		}
		if broken.Load() {
			return errors.New("gone")
		}
		return nil
	})
	plan, err := registryio.PlanImport(t.Context(), reg, d, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(t.Context(), reg, nil); err == nil || !strings.Contains(err.Error(), "the default context is still in mode IMPORT") {
		t.Errorf("Apply = %v, want that it names the mode", err)
	}
}

// What is there differently stops an import before it writes anything.
func TestConflicts(t *testing.T) {
	t.Parallel()
	_, d := small(t)
	for name, c := range map[string]struct {
		prepare func(ctx context.Context, reg *client.Client) error
		want    []string
	}{
		"another schema": {func(ctx context.Context, reg *client.Client) error {
			_, err := reg.Add(ctx, "money", api.RegisterRequest{Schema: `"string"`})
			return err
		}, []string{"money@1 differs in its text", `"Money"`, `"string"`}},
		"another id": {func(ctx context.Context, reg *client.Client) error {
			for _, text := range []string{`"int"`, d.Schemas[0].Schema} {
				if _, err := reg.Add(ctx, map[bool]string{true: "money", false: "other"}[text != `"int"`], api.RegisterRequest{Schema: text}); err != nil {
					return err
				}
			}
			return nil
		}, []string{"money@1 differs in its id: id 1", "has id 2", `other@1 is in the registry (id 1, AVRO, "int")`}},
		"deleted there": {func(ctx context.Context, reg *client.Client) error {
			if _, err := reg.Add(ctx, "money", api.RegisterRequest{Schema: d.Schemas[0].Schema}); err != nil {
				return err
			}
			_, err := reg.Delete(ctx, "money", false)
			return err
		}, []string{"money@1 is live where it comes from, but soft-deleted"}},
	} {
		var writes atomic.Int32
		reg := faulty(registrytest.New(t).URL, func(r *http.Request) error {
			if isWrite(r) {
				writes.Add(1)
			}
			return nil
		})
		if err := c.prepare(t.Context(), reg); err != nil {
			t.Fatal(err)
		}
		before := writes.Load()
		_, err := registryio.PlanImport(t.Context(), reg, d, false, nil)
		var conflict *registryio.ConflictError
		if !errors.As(err, &conflict) || writes.Load() != before {
			t.Errorf("%s: %v after %d writes, want a conflict and none", name, err, writes.Load()-before)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", name, err, want)
			}
		}
	}
}

// One context can be exported alone and become another.
func TestContextsMove(t *testing.T) {
	t.Parallel()
	url, whole := small(t)
	if _, err := registryio.Rebase(whole, ".copy"); err == nil || !strings.Contains(err.Error(), "holds 2 contexts (., .team)") {
		t.Errorf("Rebase of two contexts = %v", err)
	}
	reg := connect(url)
	d := export(t, reg, ".")
	if slices.ContainsFunc(d.Schemas, func(s api.Schema) bool { return strings.HasPrefix(s.Subject, ":") }) || d.Whole {
		t.Errorf("the default context alone holds %+v", d)
	}
	moved, err := registryio.Rebase(d, ".copy")
	if err != nil {
		t.Fatal(err)
	}
	// Beside what is there already, in the same registry.
	copyInto(t, reg, moved)
	if diff := registryio.Compare(moved, export(t, reg, ".copy")); diff != nil {
		t.Errorf("the copy differs: %v", diff)
	}
	if diff := registryio.Compare(whole, export(t, reg, ".", ".team")); diff != nil {
		t.Errorf("the import changed other contexts: %v", diff)
	}
	src, err := client.New(url, client.Context(".copy")).SchemaByID(t.Context(), 2)
	if err != nil || !strings.Contains(src.References[0].Source.Text, "Money") {
		t.Errorf("in the copy, id 2 is %+v, %v", src, err)
	}
	back, err := registryio.Rebase(export(t, reg, ".copy"), ".")
	if err != nil {
		t.Fatal(err)
	}
	if diff := registryio.Compare(back, d); len(diff) != 1 || diff[0].What != "mode of the default context" {
		t.Errorf("there and back: %v, want only the mode that every server shows", diff)
	}
}

// Servers before 8 do not say what is deleted; those before 7 cannot list at all.
func TestOldServers(t *testing.T) {
	t.Parallel()
	url, d := small(t)
	notThere := func(path string) func(*http.Request) error {
		return func(r *http.Request) error {
			if r.URL.Path == path {
				return &api.Error{Code: 404, Message: "HTTP 404 Not Found"}
			}
			return nil
		}
	}
	got, err := registryio.Export(t.Context(), faulty(url, notThere("/schemas")), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := registryio.Compare(d, got); diff != nil {
		t.Errorf("without GET /schemas: %v", diff)
	}
}

// A registry that never holds still cannot be exported.
func TestExportOfMovingRegistry(t *testing.T) {
	t.Parallel()
	url, _ := small(t)
	other := connect(url)
	n := 0
	reg := faulty(url, func(r *http.Request) error {
		if r.URL.Path == "/contexts" {
			n++
			if _, err := other.Add(context.Background(), "moving", api.RegisterRequest{Schema: fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, n)}); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if _, err := registryio.Export(t.Context(), reg, nil, nil); err == nil || !strings.Contains(err.Error(), "set its mode to READONLY") {
		t.Errorf("Export = %v, want that the registry must hold still", err)
	}
}
