package avro_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// checkLeniency compares the two ways to parse a text: what both accept is the
// same schema, and what only the lenient one accepts is wrong in exactly what
// CheckStrict says.
func checkLeniency(t *testing.T, src lang.Source) (onlyLenient bool) {
	t.Helper()
	strict, strictErr := avro.Parse(src)
	mild, err := avro.ParseLenient(src)
	if strictErr == nil {
		if err != nil || mild.CheckStrict() != nil || mild.Canonical() != strict.Canonical() {
			t.Errorf("%s\nparses strictly, but leniently: %v", src.Text, err)
		}
		return false
	}
	if err != nil {
		return false
	}
	if strict := mild.CheckStrict(); strict == nil || strict.Error() != strictErr.Error() {
		t.Errorf("%s\nParse       %v\nCheckStrict %v", src.Text, strictErr, strict)
	}
	lawsFor(t, avro.ParseLenient, src, mild)
	return true
}

func TestLenientAcceptsMoreAndSaysWhy(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures(t) {
		if len(f.src.References) == 0 { // what is wrong in them is not told again
			checkLeniency(t, f.src)
		}
	}
	m, n := newMutator(t, 21), 0
	for range 1500 {
		if checkLeniency(t, lang.Source{Text: m.next()}) {
			n++
		}
	}
	if n < 3 {
		t.Errorf("only %d mutants are schemas for a lenient parse alone", n)
	}
}

func TestCheckStrict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string // codes in the order of the text; nil: not even leniently
		err  []string
	}{
		{text: `{"type":"record","name":"a-b","fields":[{"name":"x.y","type":"int","default":"1"},{"name":"1z","type":"a-b"}]}`,
			want: []string{avro.CodeNameInvalid, avro.CodeNameInvalid, avro.CodeDefaultInvalid, avro.CodeNameInvalid}},
		{text: `{"type":"enum","name":"n-s.E","symbols":["a-b"],"aliases":["ä ö"]}`,
			want: []string{avro.CodeNameInvalid, avro.CodeSymbolInvalid, avro.CodeAliasInvalid}},
		{text: `{"type":"record","name":"R","fields":[{"name":"é","type":"int"}]}`},
		{text: `{"type":"enum","name":"E","symbols":["A"],"default":"B"}`, err: []string{avro.CodeDefaultInvalid}},
		{text: `{"type":"record","name":"","fields":[]}`, err: []string{avro.CodeNameInvalid}},
		{text: `{"type":"record","name":"R-","fields":[{"name":"a","type":"Nope"}]}`, err: []string{avro.CodeNameUnknown}},
		{text: `{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":"x"}]}`, err: []string{avro.CodeDefaultInvalid}},
	} {
		s, err := avro.ParseLenient(lang.Source{Path: "t.avsc", Text: c.text})
		if err != nil {
			if !slices.Equal(codes(err), c.err) {
				t.Errorf("%s: %v, want %v", c.text, err, c.err)
			}
			continue
		}
		var got []string
		if err := s.CheckStrict(); err != nil {
			got = codes(err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", c.text, d)
		}
	}
}

// A mistake in a new schema is told with its place.
func TestCheckStrictHasPlaces(t *testing.T) {
	t.Parallel()
	s, err := avro.Lenient().Parse(lang.Source{Path: "p.avsc", Text: "{\"type\":\"record\",\"name\":\"R\",\"fields\":[\n{\"name\":\"a\",\"type\":\"int\",\"default\":\"x\"}]}"})
	if err != nil {
		t.Fatal(err)
	}
	var list lang.ErrorList
	strict, ok := s.(interface{ CheckStrict() error })
	if !ok || !errors.As(strict.CheckStrict(), &list) || list[0].Pos.String() != "p.avsc:2:36" {
		t.Errorf("%T: %v", s, list)
	}
}
