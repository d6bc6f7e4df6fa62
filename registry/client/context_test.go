package client_test

import (
	"errors"
	"testing"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// A schema of another context is not registered in this one, though registries
// find it there: its id means another schema here.
func TestLookupStaysInItsContext(t *testing.T) {
	t.Parallel()
	url := registrytest.New(t).URL
	ctx := t.Context()
	schema := lang.Source{Type: lang.Avro, Text: `"string"`}
	team, plain := client.New(url, client.Context(".team")), client.New(url)
	id, err := team.Register(ctx, "s", schema)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := team.Lookup(ctx, "s", schema); err != nil || got != id {
		t.Errorf("Lookup in the context = %d, %v, want %d", got, err, id)
	}
	if _, err := plain.Lookup(ctx, "s", schema); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("Lookup in the default context = %v, want codec.ErrNotRegistered", err)
	}
	if got, err := plain.Lookup(ctx, ":.team:s", schema); err != nil || got != id {
		t.Errorf("Lookup by the full name = %d, %v, want %d", got, err, id)
	}
	if src, err := team.SchemaByID(ctx, id); err != nil || src.Text != schema.Text {
		t.Errorf("SchemaByID = %+v, %v", src, err)
	}
	if _, err := plain.SchemaByID(ctx, id); !errors.Is(err, codec.ErrUnknownID) {
		t.Errorf("SchemaByID in the default context = %v, want codec.ErrUnknownID", err)
	}
	if names, err := team.Subjects(ctx); err != nil || len(names) != 1 || names[0] != ":.team:s" {
		t.Errorf("Subjects = %q, %v", names, err)
	}
}
