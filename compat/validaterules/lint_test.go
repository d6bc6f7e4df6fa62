package validaterules_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/validaterules"
)

// Each row says what is wrong with the constraints of a field; nothing is wrong
// without it. That all of it is said as Buf says it is compared in test/buforacle.
func TestLintField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, rules string
		want       []string
		path       []int32 // of the first
	}{
		{"string", `@.string.min_len = 3`, nil, nil},
		{"string", `@.int32.gt = 3`, []string{"is of type string but has (buf.validate.field).int32 rules"}, []int32{1159, 3}},
		{"repeated string", `@.string.len = 3`, []string{"is of type repeated string but"}, []int32{1159, 14}},
		{"string", `@.string = {min_len: 3, max_len: 2}`, []string{"must be lower than value 2", "must be higher than value 3"}, []int32{1159, 14, 2}},
		{"string", `@.string.pattern = "("`, []string{"fails to compile: error parsing regexp"}, []int32{1159, 14, 6}},
		{"string", `@.string = {const: "a", prefix: "b"}`, []string{"are not applied and should be removed"}, []int32{1159, 14, 1}},
		{"double", `@.double = {in: [1, nan]}`, []string{"this entry can never match"}, []int32{1159, 2, 6, 1}},
		{"int32", `@.int32 = {gt: 9, lt: 1}`, nil, nil}, // outside of both
		{"int32", `@.int32 = {gt: 1, lte: 1}`, []string{"All values are rejected", "All values are rejected"}, []int32{1159, 3, 4}},
		{"map<string, int32>", `@.map.keys.int32.gt = 1`, []string{"is of type map<string, int32> but has (buf.validate.field).map.keys.int32 rules"}, []int32{1159, 19, 4, 3}},
		{"repeated Keep", `@.repeated.unique = true`, []string{"only allowed for scalar types and wrapper types"}, []int32{1159, 18, 3}},
		{"google.protobuf.Duration", `@.duration.lt = {seconds: 1, nanos: -1}`, []string{"different signs"}, []int32{1159, 21, 3}},
		{"google.protobuf.Timestamp", `@.timestamp = {lt_now: true, gt_now: true}`, []string{"both before and after", "both before and after"}, []int32{1159, 22, 8}},
		{"E", `@.enum.defined_only = true`, nil, nil},
		{"string", `@.ignore = IGNORE_ALWAYS, @.required = true`, []string{"other rules in (buf.validate.field) are not applied"}, []int32{1159, 27}},
		{"string", `@.cel = {id: "a b", expression: " "}`, []string{"invalid characters", "an empty (buf.validate.field).cel.expression"}, []int32{1159, 23, 0}},
		{"string", `@.cel = {id: "a", expression: "this.isEmail() && this.size() > 3"}`, nil, nil},
	} {
		f := parse(t, "a.proto", field(tt.typ, tt.rules)).File().Messages().ByName("Order").Fields().Get(0)
		found := validaterules.LintField(f)
		ok := len(found) == len(tt.want) && (len(found) == 0 || slices.Equal(found[0].Path, tt.path))
		for i := range min(len(found), len(tt.want)) {
			ok = ok && strings.HasPrefix(found[i].Message, `Field "x" `) && strings.Contains(found[i].Message, tt.want[i])
		}
		if !ok {
			t.Errorf("%s with %s: %v, want %q at %v", tt.typ, tt.rules, found, tt.want, tt.path)
		}
	}
}

func TestLintMessage(t *testing.T) {
	t.Parallel()
	m := parse(t, "a.proto", `message Order {
  option (buf.validate.message) = {oneof: [{fields: ["a", "b"]}, {fields: ["b", "c"]}, {}], cel_expression: ""};
  string a = 1; string b = 2;
}`).File().Messages().ByName("Order")
	want := map[string][]int32{
		`entry with no fields`:                               {1159, 4, 2},
		`references field "c", which is not defined`:         {1159, 4, 1, 1, 1},
		`references field "b" in more than one`:              {1159, 4, 0},
		`has an empty (buf.validate.message).cel_expression`: {1159, 5, 0},
	}
	found := validaterules.LintMessage(m)
	for text, path := range want {
		if !slices.ContainsFunc(found, func(m validaterules.Mistake) bool {
			return strings.Contains(m.Message, text) && slices.Equal(m.Path, path)
		}) {
			t.Errorf("%v; want %q at %v", found, text, path)
		}
	}
}

// The checks read whatever bytes an option has.
func FuzzLintField(f *testing.F) {
	types := []string{"string", "bytes", "int64", "double", "E", "repeated Keep", "map<string, int32>", "google.protobuf.Duration", "google.protobuf.Timestamp"}
	for i := range types {
		f.Add(uint8(i), []byte("\x72\x04\x10\x05\x18\x03"))
	}
	f.Fuzz(func(t *testing.T, typ uint8, rules []byte) {
		d := parse(t, "a.proto", field(types[int(typ)%len(types)], "")).File().Messages().ByName("Order").Fields().Get(0)
		for _, m := range validaterules.LintField(withOption{d, rules}) {
			if m.Path[0] != 1159 || !strings.Contains(m.Message, `"x"`) && !strings.Contains(m.Message, "is an example value") {
				t.Errorf("%+v", m)
			}
		}
	})
}

// withOption is a field with the bytes of an option.
type withOption struct {
	protoreflect.FieldDescriptor
	rules []byte
}

func (w withOption) Options() protoreflect.ProtoMessage { return optionsOf(w.rules) }

func optionsOf(rules []byte) *descriptorpb.FieldOptions {
	out := new(descriptorpb.FieldOptions)
	out.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1159, protowire.BytesType), rules))
	return out
}

// Expressions are compiled with the type of what they are about.
func TestLintExpressions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, rules, want string }{
		{"string", `@.cel = {id: "a", expression: "no CEL at all ("}`, `(buf.validate.field).cel.expression on field "x" fails to compile: mismatched input`},
		{"string", `@.cel_expression = "this > 1"`, `(buf.validate.field).cel_expression on field "x" fails to compile: found no matching overload`},
		{"string", `@.cel_expression = "this.size()"`, "evaluates to a int, only string and boolean are allowed."},
		{"string", `@.cel = {id: "a", message: "m", expression: "this"}`, "The message is redundant"},
		{"repeated string", `@.repeated.items.cel_expression = "this == 1"`, `(buf.validate.field).repeated.items.cel_expression on field "x" fails to compile`},
		{"repeated string", `@.cel_expression = "this == ['']"`, ""},
	} {
		f := parse(t, "a.proto", field(tt.typ, tt.rules)).File().Messages().ByName("Order").Fields().Get(0)
		found := validaterules.LintField(f)
		if (tt.want == "") != (len(found) == 0) || len(found) > 0 && !strings.Contains(found[0].Message, tt.want) {
			t.Errorf("%s with %s: %v, want %q", tt.typ, tt.rules, found, tt.want)
		}
	}
}

// Example values are tried against all that is asked of what they are examples of,
// and against nothing else.
func TestLintExamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, rules string
		want       []string
		path       []int32 // of the first
	}{
		{"string", `@.string = {min_len: 3, example: "abc", example: "ab"}`, []string{`"ab" is an example value but does not satisfy rule "string.min_len": must be at least 3 characters`}, []int32{1159, 14, 34, 1}},
		{"string", `@.string = {min_len: 3, prefix: "x", example: "ab"}`, []string{"string.min_len", "string.prefix"}, []int32{1159, 14, 34, 0}},
		{"string", `@.string.example = "a", @.cel = {id: "q", message: "no", expression: "this == 'b'"}`, []string{`rule "q": no`}, []int32{1159, 14, 34, 0}},
		{"string", `@.string = {min_len: 3, example: "a"}, @.ignore = IGNORE_IF_ZERO_VALUE`, []string{"string.min_len"}, []int32{1159, 14, 34, 0}},
		{"int32", `@.int32 = {gt: 3, example: 4}`, nil, nil},
		{"E", `@.enum = {in: [1], example: 1, example: 0}`, []string{"must be in list [1]"}, []int32{1159, 16, 5, 1}},
		{"google.protobuf.Duration", `@.duration = {gt: {seconds: 3}, example: {seconds: 1}}`, []string{"must be greater than 3s"}, []int32{1159, 21, 9, 0}},
		{"google.protobuf.StringValue", `@.string = {min_len: 3, example: "ab"}`, []string{"string.min_len"}, []int32{1159, 14, 34, 0}},
		{"repeated string", `@.repeated = {min_items: 5, items: {string: {min_len: 3, example: "ab"}}}`, []string{"string.min_len"}, []int32{1159, 18, 4, 14, 34, 0}},
		{"map<string, int32>", `@.map = {min_pairs: 5, keys: {string: {min_len: 3, example: "ab"}}, values: {int32: {gt: 3, example: 1}}}`, []string{"string.min_len", "int32.gt"}, []int32{1159, 19, 4, 14, 34, 0}},
		{"string", `@.string = {pattern: "(", example: "a"}`, []string{"fails to compile"}, []int32{1159, 14, 6}},
		{"map<int32, E>", `@.map = {keys: {int32: {gt: 2, example: 1}}, values: {bytes: {min_len: 2}}}`, []string{"has (buf.validate.field).map.values.bytes rules"}, []int32{1159, 19, 5, 15}},
		{"string", `@.string.example = "a", @.cel = {id: "q", expression: "1/0 == 1"}`, []string{"cannot be tried: runtime error: error evaluating q: division by zero"}, []int32{1159, 14, 34}},
	} {
		f := parse(t, "a.proto", field(tt.typ, tt.rules)).File().Messages().ByName("Order").Fields().Get(0)
		found := validaterules.LintField(f)
		ok := len(found) == len(tt.want) && (len(found) == 0 || slices.Equal(found[0].Path, tt.path))
		for i := range min(len(found), len(tt.want)) {
			ok = ok && strings.Contains(found[i].Message, tt.want[i])
		}
		if !ok {
			t.Errorf("%s with %s: %v, want %q at %v", tt.typ, tt.rules, found, tt.want, tt.path)
		}
	}
	extension := parse(t, "a.proto", `import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { string e = 50100 [(buf.validate.field).string = {min_len: 3, example: "ab"}]; }`).
		File().Extensions().Get(0)
	if found := validaterules.LintField(extension); len(found) != 0 {
		t.Errorf("an extension, at whose constraints protovalidate does not look: %v", found)
	}
}
