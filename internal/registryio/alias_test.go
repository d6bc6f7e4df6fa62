package registryio_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// An alias that both sides have is there after an import of versions of its
// subject, and also after one that failed, though the subject is read-only.
func TestImportLeavesAliases(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	alias := func(reg *client.Client) {
		t.Helper()
		if _, err := reg.SetConfig(ctx, "old", api.ConfigUpdate{Alias: api.Set("new")}); err != nil {
			t.Fatal(err)
		}
		if err := reg.SetMode(ctx, "old", "READONLY"); err != nil {
			t.Fatal(err)
		}
	}
	from := connect(registrytest.New(t).URL)
	for _, subject := range []string{"new", "old"} {
		if _, err := from.Add(ctx, subject, api.RegisterRequest{Schema: `"int"`}); err != nil {
			t.Fatal(err)
		}
	}
	alias(from)
	d := export(t, from)
	url := registrytest.New(t).URL
	alias(connect(url))
	errCut := errors.New("the wire was cut")
	cut := faulty(url, func(r *http.Request) error {
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/subjects/old") {
			return errCut
		}
		return nil
	})
	plan, err := registryio.PlanImport(ctx, cut, d, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(ctx, cut, nil); !errors.Is(err, errCut) {
		t.Fatalf("Apply = %v, want that it fails", err)
	}
	if got, err := connect(url).Config(ctx, "old"); err != nil || got.Alias == nil || *got.Alias != "new" {
		t.Errorf("after the import failed, the settings of the alias are %+v, %v", got, err)
	}
	whole := connect(url)
	copyInto(t, whole, d)
	if diff := registryio.Compare(d, export(t, whole)); diff != nil {
		t.Errorf("after the import: %v", diff)
	}
}
