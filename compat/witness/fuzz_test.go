package witness_test

import (
	"encoding/json"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/internal/randavro"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
)

// fuzzPair holds for any two schemas of a language: nothing panics or runs away, a
// schema reads its own data, a witness is a message that one side does not read as the
// other wrote it, and what a proof says is the same every time.
func fuzzPair(f *testing.F, typ lang.Type) {
	checker := compat.Default()
	f.Fuzz(func(t *testing.T, newText, oldText string) {
		newer, older := tryParse(typ, "new", newText), tryParse(typ, "old", oldText)
		if newer == nil || older == nil {
			return
		}
		if w, _ := witness.Prove(newer, newer, rule.Readers, 20, 1); w != nil {
			t.Fatalf("%s does not read its own data: %+v", newText, w)
		}
		pair := witness.NewPair(newer, older)
		found := checker.Check(compat.Full, newer, []compat.Version{{Number: 1, Schema: older}}).Findings
		for _, f := range found[:min(len(found), 10)] {
			w, ok := pair.Build(f.Finding)
			whom := pair.Whom(f.Finding)
			if whom&f.Breaks != f.Breaks || whom&^(f.Rule.Breaks|f.Breaks) != 0 {
				t.Fatalf("%s breaks %d, and its finding says %d", f.Rule.ID, whom, f.Breaks)
			}
			if ok {
				holds(t, f.Rule.ID, w)
			}
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			w, err := witness.Prove(newer, older, dir, 20, 1)
			again, err2 := witness.Prove(newer, older, dir, 20, 1)
			if (w == nil) != (again == nil) || (err == nil) != (err2 == nil) || w != nil && w.JSON != again.JSON {
				t.Fatalf("two proofs: %+v, %v and %+v, %v", w, err, again, err2)
			}
			if w != nil {
				holds(t, "a proof", w)
			}
		}
	})
}

// holds holds what is true of every witness.
func holds(t *testing.T, what string, w *rule.Witness) {
	t.Helper()
	switch {
	case w.Writer != rule.Readers && w.Writer != rule.OldReaders:
		t.Fatalf("%s: nobody wrote %+v", what, w)
	case !json.Valid([]byte(w.JSON)) || w.Read != "" && !json.Valid([]byte(w.Read)):
		t.Fatalf("%s: no JSON: %+v", what, w)
	case (w.Err == "") == (w.Read == ""):
		t.Fatalf("%s: the reader fails and reads, or neither: %+v", what, w)
	case w.Err == "" && w.Comment == "" && w.Read == w.JSON:
		t.Fatalf("%s: the reader reads what was written: %+v", what, w)
	}
}

func tryParse(typ lang.Type, path, text string) lang.Schema {
	for _, l := range all.Languages() {
		if l.Type() != typ {
			continue
		}
		s, err := l.Parse(lang.Source{Type: typ, Path: path, Text: text})
		if err == nil {
			return s
		}
	}
	return nil
}

func FuzzAvro(f *testing.F) {
	for _, tt := range avroCases {
		f.Add(tt.newer, tt.older)
	}
	for seed := range uint64(20) {
		f.Add(randavro.Schema(seed, 1), randavro.Schema(seed, 2))
	}
	fuzzPair(f, lang.Avro)
}

func FuzzProtobuf(f *testing.F) {
	for _, tt := range protoFixed {
		f.Add(tt.newer, tt.older)
	}
	for seed := range uint64(10) {
		f.Add(protoPair(seed))
	}
	fuzzPair(f, lang.Protobuf)
}

func FuzzJSON(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(jsonPair(seed))
	}
	fuzzPair(f, lang.JSON)
}
