package buforacle_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
	"github.com/wireproof/wireproof/test/buforacle"
)

// validateText is buf/validate/validate.proto, printed from its descriptor.
func validateText(t *testing.T) string {
	t.Helper()
	raw, err := proto.Marshal(protodesc.ToFileDescriptorProto(validate.File_buf_validate_validate_proto))
	if err != nil {
		t.Fatal(err)
	}
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "buf/validate/validate.proto", Text: base64.StdEncoding.EncodeToString(raw)})
	if err != nil {
		t.Fatal(err)
	}
	return s.Canonical()
}

// constrained are types with the name of the constraints that fit them.
var constrained = [][2]string{
	{"string", "string"}, {"string", "string"}, {"string", "string"}, {"optional string", "string"}, {"google.protobuf.StringValue", "string"}, {"bytes", "bytes"}, {"bytes", "bytes"},
	{"int32", "int32"}, {"sint64", "sint64"}, {"fixed32", "fixed32"}, {"uint64", "uint64"}, {"optional int32", "int32"}, {"google.protobuf.Int32Value", "int32"}, {"float", "float"}, {"double", "double"},
	{"bool", "bool"}, {"E", "enum"}, {"google.protobuf.Timestamp", "timestamp"}, {"google.protobuf.Duration", "duration"}, {"google.protobuf.Any", "any"}, {"google.protobuf.FieldMask", "field_mask"},
	{"M", "string"}, {"repeated string", "repeated"}, {"repeated M", "repeated"}, {"repeated google.protobuf.StringValue", "repeated"}, {"map<string, int32>", "map"}, {"map<int32, M>", "map"},
}

// constraints are those of each kind, as members of a message.
var constraints = map[string][]string{
	"string":     {`const: "a"`, "len: 3", "min_len: #", "max_len: #", "len_bytes: 4", "min_bytes: #", "max_bytes: #", `pattern: "("`, `pattern: "^a"`, `prefix: "abc"`, `suffix: "éü"`, `contains: "b"`, `not_contains: "b"`, "strict: false", "well_known_regex: KNOWN_REGEX_HTTP_HEADER_NAME", `in: ["a"]`, `example: ["abc", "", "aéü"]`, `example: "b"`},
	"bytes":      {`const: "a"`, "len: 3", "min_len: #", "max_len: #", `pattern: "[" `, `prefix: "abc"`, `suffix: "\\xff"`, `contains: "bb"`, "ip: true", `example: ["abc", "\\xff"]`},
	"number":     {"const: #", "lt: #", "lte: #", "gt: #", "gte: #", "in: [1, 2]", "not_in: [3]", "example: [0, 1, #]"},
	"float":      {"const: nan", "lt: nan", "lte: #", "gt: #", "gte: nan", "in: [1, nan]", "not_in: [nan]", "finite: true", "example: [1, nan, inf]"},
	"bool":       {"const: true", "example: false"},
	"enum":       {"const: 1", "defined_only: true", "in: [1]", "example: [0, 1, 2]"},
	"any":        {`in: ["a"]`},
	"timestamp":  {"const: {seconds: #}", "lt: {seconds: #}", "lte: {seconds: #}", "gt: {seconds: #, nanos: -1}", "gte: {seconds: #}", "lt_now: true", "gt_now: true", "within: {seconds: -#}", "within: {seconds: 1, nanos: -1}", "gt: {seconds: 999999999999}", "example: [{seconds: #}, {nanos: 1}]"},
	"duration":   {"const: {seconds: #}", "lt: {seconds: #}", "lte: {seconds: #, nanos: 1000000000}", "gt: {seconds: #, nanos: -1}", "gte: {seconds: 9223372037}", "gte: {seconds: #}", "in: [{seconds: 1}]", "example: [{seconds: #}, {nanos: 1}]"},
	"field_mask": {`const: {paths: "a"}`, `in: ["a", "b"]`, `not_in: ["b"]`, `example: {paths: ["b", "c"]}`},
	"repeated":   {"min_items: #", "max_items: #", "unique: true", "items: {!}"},
	"map":        {"min_pairs: #", "max_pairs: #", "keys: {!}", "values: {!}"},
}

var flagConstraints = []string{"required: true", "ignore: IGNORE_ALWAYS", "ignore: IGNORE_IF_ZERO_VALUE", "ignore: IGNORE_UNSPECIFIED",
	`cel: {id: "a b", expression: "true"}`, `cel: [{id: "x", expression: "true"}, {id: "x", expression: "false"}]`, `cel: {id: "y", expression: " "}`, `cel_expression: "true"`, `cel_expression: ["", "true"]`,
	`cel: {id: "z", expression: "this == 1"}`, `cel: {id: "z", message: "m", expression: "this == 'a' ? '' : 'b'"}`, `cel: {id: "z", expression: "("}`, `cel: {id: "z", expression: "1"}`,
	`cel_expression: "this.isEmail() && this > now"`, `cel_expression: ["this", "this.size() > 1", "nothing"]`, `cel_expression: "this.all(x, x == 1)"`, `cel_expression: "this.unique()"`}

// body returns some constraints of a kind, each member at most once.
func body(r *rand.Rand, kind string, depth int) string {
	list, ok := constraints[kind]
	if !ok || kind == "float" && r.IntN(2) == 0 {
		list = constraints["number"]
	}
	var out []string
	for range 1 + r.IntN(3) {
		one := strings.ReplaceAll(pick(r, list), "#", fmt.Sprint(1+r.IntN(4)))
		name, _, _ := strings.Cut(one, ":")
		if strings.Contains(one, "!") {
			if depth > 1 {
				continue
			}
			one = strings.ReplaceAll(one, "!", fieldRules(r, pick(r, constrained)[1], depth+1))
		}
		// One member of a oneof, such as the two upper bounds, excludes the other.
		if !strings.Contains(strings.Join(out, ", "), name[:min(2, len(name))]) {
			out = append(out, one)
		}
	}
	return strings.Join(out, ", ")
}

// fieldRules returns the constraints of a field, mostly those of a kind.
func fieldRules(r *rand.Rand, kind string, depth int) string {
	var out []string
	if r.IntN(6) == 0 {
		kind = pick(r, constrained)[1]
	}
	if r.IntN(5) > 0 {
		out = append(out, kind+": {"+body(r, kind, depth)+"}")
	}
	for range r.IntN(3) {
		one := pick(r, flagConstraints)
		name, _, _ := strings.Cut(one, ":")
		if !strings.Contains(strings.Join(out, ", "), name+":") {
			out = append(out, one)
		}
	}
	return strings.Join(out, ", ")
}

// constrainedFile is a file with one element that has constraints.
func constrainedFile(r *rand.Rand, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\npackage v%d;\nimport \"buf/validate/validate.proto\";\n", pick(r, []string{`syntax = "proto3";`, `edition = "2023";`}), n)
	for _, name := range []string{"any", "duration", "field_mask", "timestamp", "wrappers"} {
		fmt.Fprintf(&b, "import \"google/protobuf/%s.proto\";\n", name)
	}
	b.WriteString("enum E { E_UNSPECIFIED = 0; E_A = 1; }\nmessage M {\n")
	typ := pick(r, constrained)
	rules := fieldRules(r, typ[1], 0)
	for strings.HasPrefix(typ[0], "repeated google") && strings.Contains(rules, "example") { // of which the oracle's program dies
		rules = fieldRules(r, typ[1], 0)
	}
	field := fmt.Sprintf("%s x = 1 [(buf.validate.field) = {%s}];", typ[0], rules)
	if kind, members, ok := strings.Cut(rules, ": {"); ok && r.IntN(2) == 0 && !strings.ContainsAny(strings.TrimSuffix(members, "}"), "{}") {
		var apart []string
		for _, m := range strings.Split(strings.TrimSuffix(members, "}"), ", ") {
			name, value, _ := strings.Cut(m, ": ")
			apart = append(apart, fmt.Sprintf("(buf.validate.field).%s.%s = %s", kind, name, value))
		}
		field = fmt.Sprintf("%s x = 1 [\n\t%s\n];", typ[0], strings.Join(apart, ",\n\t"))
	}
	switch r.IntN(8) {
	case 0:
		field = "oneof o { " + field + " string y = 2; }"
	case 1:
		field = fmt.Sprintf("option (buf.validate.message) = {%s}; string a = 1; string b = 2;", pick(r, []string{
			`oneof: {fields: ["a", "b"]}, oneof: {fields: ["b", "b"]}`, `oneof: {fields: ["c"]}, oneof: {}`, `oneof: [{fields: ["a"]}, {fields: ["a", "b"]}, {fields: ["b"]}]`,
			`cel: {id: "ü", expression: "true"}`, `cel: [{id: "x", expression: ""}, {id: "x", expression: "true"}]`, `cel_expression: "  "`,
			`cel: [{id: "m", expression: "this.a == 1"}, {id: "n", message: "m", expression: "this.b"}]`, `cel_expression: ["this.q", "this.a.isUri()", "this"]`}))
	}
	b.WriteString(field + "\n}\n")
	if r.IntN(10) == 0 && !strings.Contains(field, "example") { // of which the oracle's program dies
		fmt.Fprintf(&b, "message Base { extensions 100 to 200; }\nextend Base { %s }\n", strings.Replace(field, " = 1 ", " = 100 ", 1))
	}
	if r.IntN(10) == 0 {
		fmt.Fprintf(&b, "extend buf.validate.StringRules { bool p%d = %d [(buf.validate.predefined).cel = {id: %q, expression: %q}]; }\n", n, 50000+n, pick(r, []string{"a", "a b"}),
			pick(r, []string{"true", "rule && this == 'a'", "this > rule", "rules.min_len > 1u ? '' : 'b'", "rules"}))
	}
	return b.String()
}

// TestProtovalidateIsBufs compares the mistakes in constraints made at random.
func TestProtovalidateIsBufs(t *testing.T) {
	t.Parallel()
	buf := buforacle.Find(t)
	seed := seed(t)
	r := rand.New(rand.NewPCG(seed, 3))
	files := side{}
	for n := range int(setting(t, "BUF_TREES", 600)) {
		files[fmt.Sprintf("v%d.proto", n)] = constrainedFile(r, n)
	}
	files["buf/validate/validate.proto"] = validateText(t)
	var image *protobuf.Image
	for image == nil {
		var err error
		image, err = files.compile(t.Context())
		var list lang.ErrorList
		if err != nil && !errors.As(err, &list) {
			t.Fatal(err)
		}
		for _, e := range list {
			if files[e.Pos.Path] == "" || strings.HasPrefix(e.Pos.Path, "buf/") {
				if len(list) == 1 {
					t.Fatal(e)
				}
				continue
			}
			delete(files, e.Pos.Path)
		}
	}
	c := lintConfig{version: "v2", use: []string{"PROTOVALIDATE"}, options: protorules.LintOptions{CommentIgnores: true}}
	theirs, err := buf.Lint(files.write(t), c.text(t))
	if err != nil {
		t.Fatal(err)
	}
	// The text form of a time or duration has spaces by chance, and that of an example
	// is an address in Buf's.
	example := regexp.MustCompile(`^"[^"]*(seconds|nanos|paths|&\{\{).*" is an example value`)
	steady := func(list []buforacle.Finding) []buforacle.Finding {
		for i := range list {
			list[i].Message = example.ReplaceAllString(strings.Join(strings.Fields(list[i].Message), " "), "a message is an example value")
		}
		return list
	}
	kinds := map[string]bool{}
	for _, f := range theirs {
		kinds[shape(f.Message)] = true
	}
	t.Logf("%d files, %d findings of Buf's of %d kinds", len(files), len(theirs), len(kinds))
	report(t, "PROTOVALIDATE", nil, steady(oursLint(t, image, c)), steady(theirs))
}

// shape is a message without what it quotes and counts.
func shape(message string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, message)
}
