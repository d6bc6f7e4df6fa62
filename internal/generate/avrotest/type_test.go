package avrotest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec"
	eventsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/events/v1"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
	"github.com/wireproof/wireproof/lang"
)

// What is registered is the file, letter for letter, with what it refers to.
func TestTypeHoldsTheSource(t *testing.T) {
	t.Parallel()
	typ := eventsv1.ContractSignedType()
	if typ.Name != "events.v1.ContractSigned" || !slices.Equal(typ.Aliases, []string{"events.v1.ContractAgreed", "old.ContractDone"}) {
		t.Errorf("name %q, aliases %q", typ.Name, typ.Aliases)
	}
	sources := []lang.Source{typ.Source, kindsv1.EverythingType().Source}
	for _, r := range typ.Source.References {
		if r.Name != "shared.v1.Party" || r.Subject != "shared.v1.Party" {
			t.Errorf("reference %q under subject %q", r.Name, r.Subject)
		}
		sources = append(sources, *r.Source)
	}
	if len(sources) != 3 {
		t.Errorf("%d references, want 1", len(sources)-2)
	}
	for _, src := range sources {
		file, err := os.ReadFile(filepath.Join("../testdata/avro/schemas", filepath.FromSlash(src.Path)))
		if err != nil || string(file) != src.Text || src.Type != lang.Avro {
			t.Errorf("%s: %v, or the text differs", src.Path, err)
		}
	}
	if eventsv1.ContractSignedType() != typ {
		t.Error("the type is described twice")
	}
	if eventsv1.ContractSignedSchema().References[0].Source != typ.Source.References[0].Source {
		t.Error("a text that is drawn in is made anew by each that draws it in")
	}
}

// registry knows schemas by id and says that each is registered under 1.
type registry map[uint32]lang.Source

func (r registry) SchemaByID(_ context.Context, id uint32) (lang.Source, error) {
	src, ok := r[id]
	if !ok {
		return lang.Source{}, fmt.Errorf("id %d: %w", id, codec.ErrUnknownID)
	}
	return src, nil
}

func (r registry) Lookup(context.Context, string, lang.Source) (uint32, error) { return 1, nil }

// The generated type through the codec: its own data, and that of an old writer.
func TestThroughCodec(t *testing.T) {
	t.Parallel()
	old := writers["alias"]
	reg := registry{1: kindsv1.OrderSchema(), 2: writerOf(old.fields)}
	ser, err := codec.NewSerializer(t.Context(), reg, "orders-value", kindsv1.OrderType())
	if err != nil {
		t.Fatal(err)
	}
	want := order()
	want.At = noon.Truncate(1e3)
	data, err := ser.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	des := codec.NewDeserializer(reg, kindsv1.OrderType())
	got, err := des.Decode(t.Context(), data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	body, err := oracle(t, reg[2]).Encode(old.value)
	if err != nil {
		t.Fatal(err)
	}
	got, err = des.Decode(t.Context(), append([]byte{0, 0, 0, 0, 2}, body...))
	if err != nil || got.ID != "o-1" || got.Amount != 9.25 {
		t.Errorf("of an old writer: %+v, %v", got, err)
	}
	if _, err := des.Decode(t.Context(), append([]byte{0, 0, 0, 0, 2}, body[:3]...)); err == nil {
		t.Error("half a message is accepted")
	}
}
