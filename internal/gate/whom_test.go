package gate_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
)

func checkOne(t *testing.T, typ lang.Type, newer, older string, prove int) gate.Result {
	t.Helper()
	return gate.Check(t.Context(), gate.Input{Prove: prove, Subjects: []gate.Subject{{
		Name: "s", Level: compat.Full, New: lang.Source{Type: typ, Path: "new", Text: newer},
		History: []gate.Version{{Number: 1, Label: "v1", Source: lang.Source{Type: typ, Path: "old", Text: older}}},
	}}})
}

// Whom a finding of Buf's alone breaks is what a message shows.
func TestWhom(t *testing.T) {
	t.Parallel()
	r := checkOne(t, lang.Protobuf, `syntax = "proto3"; message M { repeated string b = 2; }`, `syntax = "proto3"; message M { string a = 1; string b = 2; }`, 0)
	got := map[string]rule.Breaks{}
	for _, f := range r.Findings {
		got[f.Rule.ID] = f.Breaks & (rule.Readers | rule.OldReaders)
		if shown := strings.Contains(f.Why, "cannot read"); shown != (got[f.Rule.ID] != 0) {
			t.Errorf("%s: %s", f.Rule.ID, f.Why)
		}
	}
	if who, ok := got["FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"]; !ok || who != 0 {
		t.Errorf("a deleted field breaks %d (%t), and its data is only put aside", who, ok)
	}
	if who := got["FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY"]; who != rule.OldReaders {
		t.Errorf("one value that became many breaks %d, want the old readers", who)
	}
}

// What could not be searched or proved does not look like nothing.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	fixed := func(size int) string { return fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, size) }
	r := checkOne(t, lang.Avro, fixed(2_000_000_000), fixed(1_999_999_999), 10)
	if len(r.Findings) == 0 || r.Findings[0].Witness != nil || r.Findings[0].NoWitness != "too large" {
		t.Errorf("%+v", r.Findings)
	}
	var out bytes.Buffer
	if err := gate.Text(&out, r, false); err != nil || !strings.Contains(out.String(), "= witness none: too large\n") {
		t.Errorf("%v\n%s", err, &out)
	}
	r = checkOne(t, lang.Avro, fixed(2_000_000_000), fixed(2_000_000_000)+" ", 10)
	if len(r.Findings) > 0 || len(r.Problems) != 2 || !strings.Contains(r.Problems[0].Err.Error(), "could be written and read") {
		t.Errorf("nothing was proved, and that is %+v, %+v", r.Findings, r.Problems)
	}
}
