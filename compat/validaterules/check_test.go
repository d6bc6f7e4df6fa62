package validaterules_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/validaterules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// validateProto is buf/validate/validate.proto as a descriptor.
func validateProto(t testing.TB) lang.Source {
	t.Helper()
	raw, err := proto.Marshal(protodesc.ToFileDescriptorProto(validate.File_buf_validate_validate_proto))
	if err != nil {
		t.Fatal(err)
	}
	return lang.Source{Type: lang.Protobuf, Path: "buf/validate/validate.proto", Text: base64.StdEncoding.EncodeToString(raw)}
}

func parse(t testing.TB, path, body string) *protobuf.Schema {
	t.Helper()
	ref := validateProto(t)
	s, err := protobuf.Parse(lang.Source{
		Type: lang.Protobuf, Path: path,
		Text: "syntax = \"proto3\";\npackage shop;\nimport \"buf/validate/validate.proto\";\nimport \"google/protobuf/timestamp.proto\";\nimport \"google/protobuf/duration.proto\";\nimport \"google/protobuf/wrappers.proto\";\n" +
			"enum E { A = 0; B = 1; }\nmessage Keep { buf.validate.FieldRules r = 1; google.protobuf.Timestamp t = 2; google.protobuf.Duration d = 3; }\n" + body,
		References: []lang.Reference{{Name: "buf/validate/validate.proto", Subject: "validate", Version: 1, Source: &ref}},
	})
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, body)
	}
	return s
}

// field returns a message with one field of a type with constraints.
func field(typ, rules string) string {
	if rules != "" {
		rules = " [" + strings.ReplaceAll(rules, "@", "(buf.validate.field)") + "]"
	}
	return fmt.Sprintf("message Order { %s x = 1%s; }\n", typ, rules)
}

// Each row says whether the new constraint is stricter than the old one, weaker,
// or both, which is another one.
var pairs = []struct {
	typ, older, newer string
	tighter, weaker   bool
}{
	{"string", ``, `@.string.max_len = 10`, true, false},
	{"string", `@.string.max_len = 10`, `@.string.max_len = 10`, false, false},
	{"string", `@.string.max_len = 10`, `@.string.max_len = 5`, true, false},
	{"string", `@.string.len = 5`, `@.string.max_len = 5`, false, true},
	{"string", `@.string.min_len = 2`, `@.string.min_len = 1`, false, true},
	{"string", `@.string.pattern = "^a"`, `@.string.pattern = "^b"`, true, true},
	{"string", `@.string.email = true`, `@.string.uuid = true`, true, true},
	{"string", `@.string.email = false`, ``, false, false},
	{"string", `@.string = {in: ["a", "b"]}`, `@.string = {in: ["a"]}`, true, false},
	{"string", `@.string.const = "a"`, `@.string = {in: ["a", "b"]}`, false, true},
	{"string", `@.string = {not_in: ["a"]}`, `@.string = {not_in: ["b", "a"]}`, true, false},
	{"string", `@.string.example = "a"`, `@.string.example = "b"`, false, false},
	{"string", `@.required = true`, ``, false, true},
	{"string", `@.string.max_len = 5, @.ignore = IGNORE_ALWAYS`, `@.string.max_len = 5`, true, false},
	{"string", `@.string.max_len = 5`, `@.string.max_len = 5, @.ignore = IGNORE_IF_ZERO_VALUE`, false, true},
	{"int32", `@.int32.gt = 5`, `@.int32.gte = 5`, false, true},
	{"int32", `@.int32.gte = 5`, `@.int32.gt = 4`, false, true}, // 4.5 is no int32, but the comparison does not know that
	{"int32", `@.int32 = {gte: 1, lte: 9}`, `@.int32 = {gte: 2, lte: 10}`, true, true},
	{"int32", `@.int32.const = 3`, `@.int32 = {gte: 1, lte: 9}`, false, true},
	{"int32", `@.int32 = {lt: 1, gt: 9}`, `@.int32 = {lt: 1, gt: 9}`, false, false},
	{"int32", `@.int32 = {lt: 1, gt: 9}`, `@.int32 = {gt: 9}`, true, true},
	{"double", `@.double.lt = 5`, `@.double.lt = 6`, false, true},
	{"double", `@.double.finite = true`, ``, false, true},
	{"uint64", `@.uint64.lte = 18446744073709551615`, `@.uint64.lte = 1`, true, false},
	{"bool", ``, `@.bool.const = false`, true, false},
	{"E", ``, `@.enum.defined_only = true`, true, false},
	{"repeated string", `@.repeated.max_items = 3`, `@.repeated = {max_items: 3, items: {string: {min_len: 1}}}`, true, false},
	{"map<string, int32>", `@.map.keys.string.min_len = 1`, `@.map.keys.string.min_len = 2`, true, false},
	{"google.protobuf.Timestamp", `@.timestamp.gt = {seconds: 10}`, `@.timestamp.gt = {seconds: 10, nanos: 1}`, true, false},
	{"google.protobuf.Duration", `@.duration.lt = {seconds: 10}`, `@.duration.lt = {seconds: 9}`, true, false},
	{"string", `@.cel = {id: "a", expression: "this != ''"}`, `@.cel = {id: "b", message: "no", expression: "this != ''"}`, false, false},
	{"string", `@.cel = {id: "a", expression: "this != ''"}`, `@.cel = {id: "a", expression: "this != 'x'"}`, true, true},
}

func TestPairs(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		older, newer := parse(t, "old.proto", field(p.typ, p.older)), parse(t, "new.proto", field(p.typ, p.newer))
		for _, dir := range []struct {
			who  rule.Breaks
			id   string
			want bool
		}{{rule.Readers, "PROTO_CONSTRAINT_TIGHTENED", p.tighter}, {rule.OldReaders, "PROTO_CONSTRAINT_LOOSENED", p.weaker}} {
			found := validaterules.Check(newer, older, dir.who)
			if (len(found) > 0) != dir.want {
				t.Errorf("%s from %q to %q: %s: %d findings, want some: %v", p.typ, p.older, p.newer, dir.id, len(found), dir.want)
			}
			for _, f := range found {
				if f.Rule.ID != dir.id || f.Breaks != dir.who || f.Path != "shop.Order.x" || !f.New.IsValid() || !f.Old.IsValid() {
					t.Errorf("%s from %q to %q: %+v", p.typ, p.older, p.newer, f)
				}
			}
		}
		// A law: what breaks one way is what breaks the other way with the sides swapped.
		if forth, back := validaterules.Check(newer, older, rule.Readers), validaterules.Check(older, newer, rule.OldReaders); len(forth) != len(back) {
			t.Errorf("%s from %q to %q: %d findings, and %d with the sides swapped", p.typ, p.older, p.newer, len(forth), len(back))
		}
	}
}

func TestMessagesAndOneofs(t *testing.T) {
	t.Parallel()
	const older = `message Order { oneof pay { string card = 1; string cash = 2; } message Line { string sku = 1; } }`
	const newer = `message Order {
  option (buf.validate.message).cel = {id: "x", expression: "this.card != 'x'"};
  oneof pay { option (buf.validate.oneof).required = true; string card = 1; string cash = 2; }
  message Line { string sku = 1 [(buf.validate.field).required = true]; string more = 2 [(buf.validate.field).required = true]; }
}`
	var got []string
	for _, f := range validaterules.Check(parse(t, "new.proto", newer), parse(t, "old.proto", older), rule.Readers) {
		got = append(got, f.Path+": "+f.NewNote)
	}
	want := `shop.Order: now cel = [this.card != 'x']
shop.Order.pay: now required = true
shop.Order.Line.sku: now required = true`
	if strings.Join(got, "\n") != want {
		t.Errorf("findings:\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for _, r := range validaterules.Table() {
		for _, part := range []string{"\n\n", "Before:", "After:", "Instead:"} {
			if !strings.Contains(r.Doc, part) {
				t.Errorf("%s: the documentation lacks %q", r.ID, part)
			}
		}
		if r.Fix == "" || r.Breaks == 0 || r.Severity != rule.Error {
			t.Errorf("%s: incomplete row", r.ID)
		}
	}
}
