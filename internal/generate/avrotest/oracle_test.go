package avrotest_test

import (
	"math/rand/v2"
	"testing"

	twmb "github.com/twmb/avro"

	eventsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/events/v1"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
	"github.com/wireproof/wireproof/lang"
)

// oracle parses a schema with twmb/avro.
func oracle(t *testing.T, src lang.Source) *twmb.Schema {
	t.Helper()
	cache := new(twmb.SchemaCache)
	var parse func(lang.Source) *twmb.Schema
	parse = func(src lang.Source) *twmb.Schema {
		for _, r := range src.References {
			parse(*r.Source)
		}
		s, err := cache.Parse(src.Text)
		if err != nil {
			t.Fatalf("twmb/avro refuses %s: %v", src.Path, err)
		}
		return s
	}
	return parse(src)
}

// crosses checks that twmb/avro reads what we write, that we read what it
// writes, and that both are the same bytes.
func crosses[T any, P value[T]](t *testing.T, s *twmb.Schema, v P) {
	t.Helper()
	data := encode[T, P](t, v)
	var native any
	rest, err := s.Decode([]byte(data), &native, twmb.TaggedUnions())
	if err != nil || len(rest) != 0 {
		t.Fatalf("twmb/avro: %v, %d bytes left", err, len(rest))
	}
	theirs, err := s.Encode(native)
	if err != nil {
		t.Fatalf("twmb/avro writes %v: %v", native, err)
	}
	if string(theirs) != data {
		t.Errorf("bytes differ, of %v", native)
	}
	if err := P(new(T)).DecodeAvro(string(theirs)); err != nil {
		t.Errorf("we do not read what twmb/avro writes: %v", err)
	}
}

func TestAgreesWithTwmb(t *testing.T) {
	t.Parallel()
	everythingSchema := oracle(t, kindsv1.EverythingSchema())
	for _, v := range variants() {
		crosses(t, everythingSchema, v)
	}
	crosses(t, oracle(t, eventsv1.ContractSignedSchema()), contract())
	rng := rand.New(rand.NewPCG(3, 4))
	treeSchema := oracle(t, kindsv1.TreeSchema())
	for range 20 {
		v := tree(rng, 2)
		for k := range v.ByName { // more than one entry has more than one encoding
			v.ByName = map[string]kindsv1.Tree{k: {Value: 5}}
			break
		}
		v.Children, v.Left, v.Either = []kindsv1.Tree{{Value: 1}, {}}, &kindsv1.Tree{}, nil
		crosses(t, treeSchema, &v)
	}
}
