package registryio_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// foreign returns a client of a registry that lists no scopes, as others do.
func foreign(url string) *client.Client {
	return faulty(url, func(r *http.Request) error {
		if r.URL.Path == "/v1/metadata/scopes" {
			return &api.Error{Code: 404, Message: "HTTP 404 Not Found"}
		}
		return nil
	})
}

// prepared returns a registry where much is set and little registered.
func prepared(t *testing.T) string {
	t.Helper()
	url := registrytest.New(t).URL
	reg, ctx := connect(url), t.Context()
	if _, err := reg.Add(ctx, "now", api.RegisterRequest{Schema: `"int"`}); err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"now", "future", ":.new:", ":.new:future"} {
		if err := reg.SetLevel(ctx, scope, "FULL"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := reg.SetConfig(ctx, "old-name", api.ConfigUpdate{Alias: api.Set("now")}); err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"frozen", ":.new:frozen"} {
		if err := reg.SetMode(ctx, scope, "READONLY"); err != nil {
			t.Fatal(err)
		}
	}
	return url
}

// set lists what a dump has set, the server's own mode and level aside.
func set(d *registryio.Dump) string {
	var out []string
	for _, c := range d.Configs {
		if c.Scope != "" {
			out = append(out, c.Scope)
		}
	}
	for _, m := range d.Modes {
		if m.Scope != "" {
			out = append(out, m.Scope+"="+m.Mode)
		}
	}
	return strings.Join(out, " ")
}

// Settings and modes of subjects without versions are copied as others are, and
// compared.
func TestScopesWithoutVersions(t *testing.T) {
	t.Parallel()
	d := export(t, connect(prepared(t)))
	if got, want := set(d), ":.new: :.new:future future now old-name :.new:frozen=READONLY frozen=READONLY"; got != want || !d.EveryScope {
		t.Errorf("the export has %q, every scope %v, want %q", got, d.EveryScope, want)
	}
	read, err := registryio.Read(bytes.NewReader(file(t, d)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, read); diff != "" {
		t.Errorf("the file differs (-written +read):\n%s", diff)
	}
	one := export(t, connect(prepared(t)), ".new")
	if got, want := set(one), ":.new: :.new:future :.new:frozen=READONLY"; got != want {
		t.Errorf("the export of one context has %q, want %q", got, want)
	}

	to := connect(registrytest.New(t).URL)
	copyInto(t, to, read)
	if v, err := registryio.VerifyDump(t.Context(), to, read, nil); err != nil || v.Differences != nil || v.Unknown != nil {
		t.Errorf("after the import: %+v, %v", v, err)
	}
	if plan, err := registryio.PlanImport(t.Context(), to, read, false, nil); err != nil || plan.Pending() {
		t.Errorf("a second import has %+v, %v", plan, err)
	}
	if _, err := to.DeleteConfig(t.Context(), "future"); err != nil {
		t.Fatal(err)
	}
	if err := to.SetLevel(t.Context(), "other", "FULL"); err != nil {
		t.Fatal(err)
	}
	v, err := registryio.VerifyDump(t.Context(), to, read, nil)
	if err != nil || len(v.Differences) != 2 {
		t.Errorf("with one setting gone and one more: %v, %v, want both named", v.Differences, err)
	}
}

// A registry that does not list scopes is exported without what it does not tell,
// which is said, and an import takes nothing away that nobody knows about.
func TestExportOfForeignRegistry(t *testing.T) {
	t.Parallel()
	url := prepared(t)
	from := foreign(url)
	d := export(t, from)
	if got, want := set(d), "now old-name"; got != want || d.EveryScope {
		t.Errorf("the export has %q, every scope %v, want %q and that it does not know", got, d.EveryScope, want)
	}
	if text := string(file(t, d)); strings.Contains(text, "everyScope") {
		t.Errorf("the file claims to have every scope:\n%s", text)
	}
	to := connect(registrytest.New(t).URL)
	if err := to.SetLevel(t.Context(), "prepared", "FULL"); err != nil {
		t.Fatal(err)
	}
	if err := to.SetMode(t.Context(), "frozen", "READONLY"); err != nil {
		t.Fatal(err)
	}
	copyInto(t, to, d)
	v, err := registryio.VerifyDump(t.Context(), to, d, nil)
	if err != nil || v.Differences != nil || len(v.Unknown) != 1 || !strings.Contains(v.Unknown[0], "where it comes from") {
		t.Errorf("after the import: %+v, %v, want no difference and what is not known", v, err)
	}
	if got, want := set(export(t, to)), "now old-name prepared frozen=READONLY"; got != want {
		t.Errorf("the registry has %q, want %q", got, want)
	}
}

// Into a registry that does not list scopes, an import brings them all and finds
// them again.
func TestImportIntoForeignRegistry(t *testing.T) {
	t.Parallel()
	d := export(t, connect(prepared(t)))
	url := registrytest.New(t).URL
	to := foreign(url)
	copyInto(t, to, d)
	v, err := registryio.VerifyDump(t.Context(), to, d, nil)
	if err != nil || v.Differences != nil || len(v.Unknown) != 1 || !strings.Contains(v.Unknown[0], "whether more is set") {
		t.Errorf("after the import: %+v, %v, want no difference and what is not known", v, err)
	}
	if plan, err := registryio.PlanImport(t.Context(), to, d, false, nil); err != nil || plan.Pending() {
		t.Errorf("a second import has %+v, %v", plan, err)
	}
	if got, want := set(export(t, connect(url))), set(d); got != want {
		t.Errorf("the registry has %q, want %q", got, want)
	}
}

// A list that is there and was refused is not the same as none.
func TestScopesThatAreRefused(t *testing.T) {
	t.Parallel()
	reg := faulty(prepared(t), func(r *http.Request) error {
		if r.URL.Path == "/v1/metadata/scopes" {
			return &api.Error{Code: api.Forbidden, Message: "Forbidden"}
		}
		return nil
	})
	if _, err := registryio.Export(t.Context(), reg, nil, nil); err == nil || !strings.Contains(err.Error(), "list where settings are") {
		t.Errorf("Export = %v, want that the list was refused", err)
	}
}
