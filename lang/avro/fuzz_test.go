package avro_test

import (
	"errors"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// Parse never panics, its errors are lists in the order of the text with places
// inside of it, and what it accepts obeys the laws.
func FuzzParse(f *testing.F) {
	for _, fix := range fixtures(f) {
		f.Add(fix.src.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := lang.Source{Type: lang.Avro, Path: "f.avsc", Text: text}
		checkLeniency(t, src)
		s, err := avro.Parse(src)
		if err != nil {
			checkErrors(t, src, err)
			return
		}
		for _, e := range s.Lint {
			checkPos(t, src, e)
		}
		laws(t, src, s)
		if _, used, err := avro.Names(src); err != nil || len(used) > 0 {
			t.Errorf("Names = %v, %v for a schema that parses alone", used, err)
		}
	})
}

func checkErrors(t *testing.T, src lang.Source, err error) {
	t.Helper()
	var list lang.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		t.Fatalf("Parse = %v, want a list of errors", err)
	}
	last := 0
	for _, e := range list {
		checkPos(t, src, e)
		if e.Pos.Start < last {
			t.Errorf("%v comes after a mistake at byte %d", e, last)
		}
		last = e.Pos.Start
	}
}

func checkPos(t *testing.T, src lang.Source, e *lang.Error) {
	t.Helper()
	p := e.Pos
	if !p.IsValid() || p.Col < 1 || p.Path != src.Path || p.Start > p.End || p.End > len(src.Text) {
		t.Fatalf("%v: the place %+v is not in the text of %d bytes", e, p, len(src.Text))
	}
	if e.Code == "" || e.Msg == "" {
		t.Errorf("%+v has no code or no message", e)
	}
}
