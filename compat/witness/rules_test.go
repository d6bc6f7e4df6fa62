package witness_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
)

// example cuts what the documentation of a rule gives as before and after.
func example(r *rule.Rule) (before, after string, ok bool) {
	_, rest, ok := strings.Cut(r.Doc, "Before:")
	before, rest, ok2 := strings.Cut(rest, "After:")
	after, _, ok3 := strings.Cut(rest, "Instead:")
	return strings.TrimSpace(before), strings.TrimSpace(after), ok && ok2 && ok3
}

// TestJSONRules: the example in the documentation of a rule has a witness, unless
// it is no whole schema.
func TestJSONRules(t *testing.T) {
	t.Parallel()
	// Of these the example is in words, or of what is refused without need.
	own := map[string][2]string{
		"JSON_PATTERN_CHANGED": {`{"type":"string","pattern":"^[A-Z]+$"}`, `{"type":"string","pattern":"^[a-z]+$"}`},
		"JSON_REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL": {
			`{"properties":{"id":{}}}`, `{"properties":{"id":{},"note":{"type":"string","default":""}},"required":["note"]}`},
		"JSON_REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL": {
			`{"properties":{"id":{}}}`, `{"properties":{"id":{},"note":{"type":"string"}},"required":["note"]}`},
		"JSON_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL": {
			`{"properties":{"id":{}},"additionalProperties":false}`, `{"properties":{"id":{},"note":{}},"required":["note"],"additionalProperties":false}`},
	}
	for _, r := range jsonrules.Table() {
		if r.Severity != rule.Error || r.ID == "JSON_SCHEMA_TOO_COMPLEX" {
			continue
		}
		before, after, _ := example(r)
		if pair, ok := own[r.ID]; ok {
			before, after = pair[0], pair[1]
		}
		if strings.Contains(r.ID, "UNEVALUATED") || strings.Contains(r.ID, "CONTAINS") {
			const draft = `{"$schema":"https://json-schema.org/draft/2020-12/schema",`
			before, after = draft+before[1:], draft+after[1:]
			before, after = strings.Replace(before, ",}", "}", 1), strings.Replace(after, ",}", "}", 1)
		}
		older, err := parseJSON("old", before)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		newer, err := parseJSON("new", after)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		fired := false
		for _, f := range jsonrules.Check(newer, older, rule.Readers, jsonrules.Strict) {
			if f.Rule != r {
				continue
			}
			fired = true
			w, ok := witness.Build(f, newer, older)
			if !ok {
				t.Errorf("%s: no witness for %s", r.ID, f.Message)
				continue
			}
			t.Logf("%s: %s: %s", r.ID, w.JSON, w.Err)
		}
		if !fired {
			t.Errorf("%s: its example does not fire it", r.ID)
		}
	}
}

// TestAvroRules holds the smallest witness of each rule of Avro: what people see.
func TestAvroRules(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, tt := range avroCases {
		t.Run(tt.rule, func(t *testing.T) {
			older, err := parseAvro("old.avsc", tt.older)
			if err != nil {
				t.Fatal(err)
			}
			newer, err := parseAvro("new.avsc", tt.newer)
			if err != nil {
				t.Fatal(err)
			}
			fired := false
			for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
				for _, f := range avrorules.Check(newer, older, dir) {
					if f.Rule.ID != tt.rule || fired {
						continue
					}
					fired = true
					w, ok := witness.Build(f, newer, older)
					if !ok {
						t.Fatalf("no witness for %s", f.Message)
					}
					if got := w.JSON + " → " + w.Read + w.Err; got != tt.want {
						t.Errorf("got  %s\nwant %s", got, tt.want)
					}
					if w.Writer != dir {
						t.Errorf("the writer is %d, want %d", w.Writer, dir)
					}
				}
			}
			if !fired {
				t.Error("the rule does not fire")
			}
		})
		shown[tt.rule] = true
	}
	for _, r := range avrorules.Table() {
		reason, excused := avroReasons[r.ID]
		if shown[r.ID] == excused {
			t.Errorf("%s has a case: %t, and a reason to have none: %t", r.ID, shown[r.ID], excused)
		}
		if excused {
			testAvroReason(t, r.ID, reason)
		}
	}
}

// testAvroReason: the rule fires, and nothing shows it.
func testAvroReason(t *testing.T, id string, reason avroReason) {
	t.Helper()
	older, err := parseAvro("old.avsc", reason.older)
	newer, err2 := parseAvro("new.avsc", reason.newer)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	fired := false
	for _, f := range avrorules.Check(newer, older, rule.Readers) {
		if f.Rule.ID != id {
			continue
		}
		fired = true
		if w, ok := witness.Build(f, newer, older); ok {
			t.Errorf("%s needs no reason: %+v", id, w)
		}
		if f.Rule.Severity == rule.Error {
			t.Errorf("%s is an error, and nothing shows it", id)
		}
	}
	if !fired {
		t.Errorf("%s does not fire, so nothing needs its reason: %s", id, reason.why)
	}
}

type avroReason struct{ why, older, newer string }

// avroReasons gives the rules of Avro that no message of the two schemas shows.
var avroReasons = map[string]avroReason{
	"AVRO_DEFAULT_CHANGED": {"both sides write the field; only data of a third schema, from before it, takes the default",
		order(`{"name":"n","type":"int","default":1}`), order(`{"name":"n","type":"int","default":2}`)},
	"AVRO_DEFAULT_REMOVED": {"both sides write the field; only data of a third schema, from before it, takes the default",
		order(`{"name":"n","type":"int","default":1}`), order(`{"name":"n","type":"int"}`)},
	"AVRO_ALIAS_REMOVED": {"both sides write the new name; only data of a third schema has the old one",
		order(`{"name":"total","type":"int","aliases":["sum"]}`), order(`{"name":"total","type":"int"}`)},
	"AVRO_ENUM_DEFAULT_CHANGED": {"the default is for symbols that the reader does not know, of a third schema",
		order(`{"name":"s","type":{"type":"enum","name":"S","symbols":["A","B"],"default":"A"}}`),
		order(`{"name":"s","type":{"type":"enum","name":"S","symbols":["A","B"],"default":"B"}}`)},
	"AVRO_NAMESPACE_CHANGED": {"resolution compares simple names, so the data is read; Java's decoder, which does not, is no engine of this package",
		`{"type":"record","name":"a.Order","fields":[]}`, `{"type":"record","name":"b.Order","fields":[]}`},
	"AVRO_DOC_CHANGED": {"no byte depends on documentation",
		`{"type":"record","name":"Order","fields":[],"doc":"a"}`, `{"type":"record","name":"Order","fields":[],"doc":"b"}`},
}

var avroCases = []struct{ rule, older, newer, want string }{
	{"AVRO_FIELD_ADDED_NO_DEFAULT", order(`{"name":"id","type":"string"}`), order(`{"name":"id","type":"string"},{"name":"total","type":"long"}`),
		`{"id":""} → there is no value for the field Order.total, and it has no default`},
	{"AVRO_FIELD_REMOVED_NO_DEFAULT", order(`{"name":"id","type":"string"},{"name":"note","type":"string"}`), order(`{"name":"id","type":"string"}`),
		`{"id":""} → there is no value for the field Order.note, and it has no default`},
	{"AVRO_FIELD_AMBIGUOUS", order(`{"name":"total","type":"long"},{"name":"sum","type":"long"}`), order(`{"name":"total","type":"long","aliases":["sum"]}`),
		`{"total":0,"sum":0} → the field Order.total has 2 values, of total and sum`},
	{"AVRO_FIELD_TYPE_CHANGED", order(`{"name":"items","type":{"type":"array","items":"long"}}`), order(`{"name":"items","type":{"type":"array","items":"int"}}`),
		`{"items":[0]} → Order.items[] holds long, and the reader expects int`},
	{"AVRO_TYPE_CHANGED", `"long"`, order(``), `0 → long holds long, and the reader expects record Order`},
	{"AVRO_LOGICAL_TYPE_CHANGED",
		order(`{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}`), order(`{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}`),
		`{"at":"2026-01-01T00:00:00Z"} → {"at":"1970-01-21T10:53:45.6Z"}`},
	{"AVRO_ENUM_SYMBOL_REMOVED", order(`{"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","PAID"]}}`), order(`{"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN"]}}`),
		`{"state":"PAID"} → Order.state holds the symbol PAID, which the reader does not know`},
	{"AVRO_ENUM_SYMBOL_ADDED", order(`{"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN"]}}`), order(`{"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","PAID"]}}`),
		`{"state":"PAID"} → Order.state holds the symbol PAID, which the reader does not know`},
	{"AVRO_UNION_BRANCH_REMOVED", order(`{"name":"note","type":["null","string"]}`), order(`{"name":"note","type":"string"}`),
		`{"note":null} → Order.note holds null, and the reader has nothing for it`},
	{"AVRO_UNION_BRANCH_ADDED", order(`{"name":"note","type":["null","string"]}`), order(`{"name":"note","type":["null","string","long"]}`),
		`{"note":{"long":0}} → Order.note holds long, and the reader has nothing for it`},
	{"AVRO_NAME_CHANGED", order(``), `{"type":"record","name":"Purchase","fields":[]}`,
		`{} → Order holds record Order, and the reader expects Purchase`},
	{"AVRO_FIXED_SIZE_CHANGED", order(`{"name":"hash","type":{"type":"fixed","name":"Hash","size":2}}`), order(`{"name":"hash","type":{"type":"fixed","name":"Hash","size":4}}`),
		"{\"hash\":\"\\u0000\\u0000\"} → Order.hash holds 2 bytes, and the reader expects 4"},
	{"AVRO_FIELD_RENAMED_NO_ALIAS", order(`{"name":"sum","type":"long"}`), order(`{"name":"total","type":"long","default":0}`),
		`{"sum":-1} → {"total":0}`},
	{"AVRO_ENUM_SYMBOLS_REORDERED", order(`{"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","PAID"]}}`), order(`{"name":"state","type":{"type":"enum","name":"State","symbols":["PAID","OPEN"]}}`),
		`{"state":"OPEN"} → {"state":"PAID"}`},
	{"AVRO_LOGICAL_TYPE_ADDED_OR_REMOVED", order(`{"name":"at","type":"long"}`), order(`{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}`),
		`{"at":0} → {"at":"1970-01-01T00:00:00Z"}`},
	{"AVRO_LOGICAL_TYPE_ADDED_OR_REMOVED", order(`{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}`), order(`{"name":"price","type":"bytes"}`),
		`{"price":"0.00"} → {"price":""}`},
	{"AVRO_DECIMAL_PRECISION_CHANGED", order(`{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}`), order(`{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":3,"scale":2}}`),
		`{"price":"99.99"} → Order.price has 4 digits, and the reader expects at most 3`},
}

func order(fields string) string {
	return `{"type":"record","name":"Order","fields":[` + fields + `]}`
}

// TestNothingClaimed: a finding that claims no unreadable data has no witness, nor
// has one of another pair.
func TestNothingClaimed(t *testing.T) {
	t.Parallel()
	s, err := parseAvro("a", order(``))
	if err != nil {
		t.Fatal(err)
	}
	docs := &rule.Rule{ID: "AVRO_DOC_CHANGED", Severity: rule.Info}
	for _, f := range []*rule.Finding{nil, {}, {Rule: docs}, {Rule: docs, Breaks: rule.SourceCode}, {Rule: docs, Breaks: rule.Readers}} {
		if w, ok := witness.Build(f, s, s); ok {
			t.Errorf("%+v: %+v", f, w)
		}
	}
	j, err := parseJSON("a", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	typeChanged := &rule.Finding{Rule: &rule.Rule{ID: "EVENT_LANGUAGE_CHANGED"}, Breaks: rule.Readers}
	if w, ok := witness.Build(typeChanged, s, j); ok {
		t.Errorf("two languages: %+v", w)
	}
	for _, pair := range [][2]lang.Schema{{s, j}, {nil, nil}} {
		if _, err := witness.Prove(pair[0], pair[1], rule.Readers, 1, 1); err == nil {
			t.Errorf("%v: no error", pair)
		}
	}
	if _, err := witness.Prove(s, s, rule.SourceCode, 1, 1); err == nil {
		t.Error("no error for a direction that is none")
	}
}
