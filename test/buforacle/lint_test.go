package buforacle_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/lang/protobuf"
	"github.com/wireproof/wireproof/test/buforacle"
)

// lintTrees are the fixtures of the lint rules, and the newer sides of those of
// breaking changes.
func lintTrees(t *testing.T) map[string]side {
	t.Helper()
	out := map[string]side{}
	breaking := side{}
	for _, p := range fixtures(t) {
		maps.Copy(breaking, p.now)
	}
	out["breaking changes"] = breaking
	out["a field"] = side{"d/v1/d.proto": "syntax = \"proto3\";\npackage d.v1;\nmessage M {\n  string _Descriptor = 1;\n}\n"}
	paths, err := filepath.Glob("../../compat/protorules/testdata/lint/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, p := range paths {
		archive, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all := side{}
		for _, f := range archive.Files {
			all[f.Name] = string(f.Data)
		}
		out[filepath.Base(p)] = all
	}
	return out
}

// lintMutations change what lint rules look at; those of breaking changes run too.
var lintMutations = []mutation{
	{"lint ignore", replace(`(?m)^(\s*)((?:message|enum|service|rpc|oneof|extend|option|package|import|syntax|repeated|optional|string|int32|[A-Z_]+ =))`, lintComments("$1", "$2")...)},
	{"name", replace(`\b(message|enum|service|rpc|oneof|group) (\w+)`, names("$1 ")...)},
	{"field name", replace(`\b(string|int32|int64|bool|bytes|double) (\w+) = `, names("$1 ", " = ")...)},
	{"value name", replace(`(?m)^(\s+)([A-Z][A-Z0-9_]*) = (\d+)`, names("$1", " = $3")...)},
	{"zero", replace(`(?m)^(\s+)([A-Z][A-Z0-9_]*) = 0`, "$1${2}_NONE = 0", "$1${2}_UNSPECIFIED = 0", "$1$2 = 9")},
	{"package name", replace(`(?m)^package ([^;]+);`, "package $1.v1;", "package $1.v1beta1;", "package $1.v0;", "package $1.v2test_x;", "package $1.v1p1alpha;", "package $1.v1p0alpha2;", "package PKG.fooBar.v1;", "package PKG.Foo;", "package PKG.a__b.v01;", "package v1;", "")},
	{"import", replace(`(?m)^package [^;]*;`, "$0\nimport \"google/protobuf/empty.proto\";", "$0\nimport public \"google/protobuf/any.proto\";", "$0\nimport \"google/protobuf/struct.proto\";\nmessage UsesStruct { google.protobuf.Value v = 1; }", "$0\nimport \"google/protobuf/descriptor.proto\";")},
	{"public import", replace(`(?m)^import "`, `import public "`)},
	{"file name", func(r *rand.Rand, t tree) {
		path := pick(r, t.paths())
		dir, to := filepath.Dir(path), pick(r, []string{"Camel.proto", "a.b.proto", "snake_case_2.proto", "UP.proto", "x-y.proto", "deep/er.proto", "_a_.proto"})
		renameTo(t, path, filepath.ToSlash(filepath.Join(dir, to)))
	}},
	{"comment", replace(`(?m)^(\s*)((?:message|enum|service|rpc|oneof|repeated|optional|string|int32|[A-Z_]+ =))`, "$1// c\n$1$2", "$1/* c */ $2", "$1// c\n\n$1$2", "$1//\n$1$2", "$1/**/\n$1$2", "$1// buf:lint:ignore\n$1$2", "$1/* é\n * 字 */\n$1$2")},
	{"no comment", replace(`(?m)^\s*//.*\n`, "")},
	{"trailing comment", replace(`;\n`, "; // behind\n", "; /* behind */\n")},
	{"empty rpc", replace(`rpc (\w+)[^;{]*`, "rpc $1(google.protobuf.Empty) returns (google.protobuf.Empty)", "rpc $1(google.protobuf.Empty) returns (Line)", "rpc $1(Line) returns (Line)", "rpc $1(Line) returns (stream Order)", "rpc $1(stream ${1}Request) returns (${1}Response)")},
	{"alias", replace(`enum \w+ \{`, "$0 option allow_alias = true; SECOND = 0;", "$0 option allow_alias = false;")},
}

func lintComments(indent, rest string) []string {
	var out []string
	for _, id := range []string{"FIELD_LOWER_SNAKE_CASE", "ENUM_VALUE_PREFIX", "COMMENT_FIELD", "COMMENT_MESSAGE because of that", "ENUM_ZERO_VALUE_SUFFIX", "PACKAGE_VERSION_SUFFIX", "RPC_REQUEST_STANDARD_NAME", "PACKAGE_DIRECTORY_MATCH", "IMPORT_USED", "MESSAGE", "SERVICE_SUFFIX", "RPC_PASCAL_CASE_X", "PACKAGE_SAME_GO_PACKAGE"} {
		out = append(out, indent+"// buf:lint:ignore "+id+"\n"+indent+rest, indent+"//   buf:lint:ignore  "+id+"\n"+indent+rest, indent+"/* buf:lint:ignore "+id+" */ "+rest,
			indent+"// words\n"+indent+"// buf:lint:ignore "+id+"\n"+indent+"// more\n"+indent+rest, indent+"// buf:lint:ignore "+id+"\n\n"+indent+rest)
	}
	return out
}

func names(before string, after ...string) []string {
	var out []string
	for _, n := range strings.Fields("fooBar FooBar FOOBar foo_bar FOO_BAR Foo_Bar foo__bar _foo foo_ f a1b2 A1B2 foo1Bar Foo2_3 ABCService V1 descriptor __Descriptor_ HTTPServer getURL2") {
		out = append(out, before+n+strings.Join(after, ""))
	}
	return out
}

func renameTo(t tree, path, to string) {
	if _, ok := t[to]; ok {
		return
	}
	t[to] = t[path]
	delete(t, path)
	for p, text := range t {
		t[p] = strings.ReplaceAll(text, `"`+path+`"`, `"`+to+`"`)
	}
}

// mutated makes trees that compile, changed at random.
func mutated(t *testing.T, r *rand.Rand, wanted int) side {
	t.Helper()
	from := bases(t)
	var all []pairOfTrees
	for number := 0; len(all) < wanted; {
		var some []pairOfTrees
		for range 40 {
			p := makePair(r, number, pick(r, from))
			number++
			for range r.IntN(8) {
				if len(p.now) > 0 {
					m := pick(r, lintMutations)
					m.do(r, p.now)
					p.what = append(p.what, m.name)
				}
			}
			p.older = tree{}
			some = append(some, p)
		}
		some, _, _, _ = compilable(t, some)
		all = append(all, some...)
	}
	_, out, _, _ := compilable(t, all)
	return out
}

// A lintConfig is the lint section of a buf.yaml, with what it means to us.
type lintConfig struct {
	version     string
	use, except []string
	options     protorules.LintOptions
}

// text is the configuration as buf takes it.
func (c lintConfig) text(t *testing.T) string {
	t.Helper()
	o := c.options
	lint := map[string]any{
		"use": c.use, "except": append([]string{}, c.except...), "enum_zero_value_suffix": o.EnumZeroValueSuffix, "service_suffix": o.ServiceSuffix,
		"rpc_allow_same_request_response":           o.RPCAllowSameRequestResponse,
		"rpc_allow_google_protobuf_empty_requests":  o.RPCAllowGoogleProtobufEmptyRequests,
		"rpc_allow_google_protobuf_empty_responses": o.RPCAllowGoogleProtobufEmptyResponses,
	}
	if c.version == "v2" {
		lint["disallow_comment_ignores"] = !o.CommentIgnores
	} else {
		lint["allow_comment_ignores"] = o.CommentIgnores
	}
	out, err := json.Marshal(map[string]any{"version": c.version, "lint": lint})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// everyRule are the categories that have all rules of a version, and rules without
// a category.
var everyRule = map[string][]string{
	"v1beta1": {"STANDARD", "COMMENTS", "UNARY_RPC", "OTHER"},
	"v1":      {"STANDARD", "COMMENTS", "UNARY_RPC", "PACKAGE_NO_IMPORT_CYCLE"},
	"v2":      {"STANDARD", "COMMENTS", "UNARY_RPC", "STABLE_PACKAGE_NO_IMPORT_UNSTABLE"},
}

// lintConfigs are every rule of each version, and selections and options at random.
func lintConfigs(r *rand.Rand, random int) []lintConfig {
	var out []lintConfig
	for _, version := range []string{"v1beta1", "v1", "v2"} {
		out = append(out, lintConfig{version: version, use: everyRule[version]},
			lintConfig{version: version, use: everyRule[version], options: protorules.LintOptions{CommentIgnores: true}})
		for range random {
			yes := func() bool { return r.IntN(2) == 0 }
			c := lintConfig{version: version, use: everyRule[version], options: protorules.LintOptions{
				EnumZeroValueSuffix: pick(r, []string{"", "_NONE", "NONE", "_"}), ServiceSuffix: pick(r, []string{"", "API", "s"}),
				RPCAllowSameRequestResponse: yes(), RPCAllowGoogleProtobufEmptyRequests: yes(), RPCAllowGoogleProtobufEmptyResponses: yes(), CommentIgnores: yes(),
			}}
			if yes() {
				c.use = []string{pick(r, []string{"MINIMAL", "BASIC", "STANDARD", "COMMENTS", "DEFAULT"}), "ENUM_ZERO_VALUE_SUFFIX"}
			}
			if yes() {
				c.except = []string{pick(r, []string{"COMMENT_FIELD", "IMPORT_NO_PUBLIC", "COMMENTS", "ENUM_PASCAL_CASE"})}
			}
			out = append(out, c)
		}
	}
	return out
}

// TestLintIsBufs: every finding of buf lint is found, with its place and words, and
// no other, over schemas that were changed at random.
func TestLintIsBufs(t *testing.T) {
	t.Parallel()
	buf := buforacle.Find(t)
	seed := seed(t)
	wanted := int(setting(t, "BUF_TREES", 40))
	t.Logf("BUF_SEED=%d BUF_TREES=%d", seed, wanted)
	r := rand.New(rand.NewPCG(seed, 2))
	total, fired := 0, map[string]bool{}
	compare := func(name string, files side, configs []lintConfig) {
		image, err := files.compile(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		dir := files.write(t)
		for _, c := range configs {
			theirs, err := buf.Lint(dir, c.text(t))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, f := range theirs {
				fired[f.Type] = true
			}
			total += len(theirs)
			compareLint(t, name+" "+c.text(t), oursLint(t, image, c), theirs)
		}
	}
	trees := lintTrees(t)
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		compare(name, trees[name], lintConfigs(r, 1))
	}
	compare("changed at random", mutated(t, r, wanted), lintConfigs(r, 2))
	t.Logf("%d findings are the same; %d rules have fired", total, len(fired))
	for _, rule := range protorules.LintRules() {
		if !fired[rule.ID] && rule.ID != "PROTOVALIDATE" { // which has a test of its own
			t.Errorf("%s never fired", rule.ID)
		}
	}
}

// oursLint asks Wireproof in the form of Buf's answers.
func oursLint(t *testing.T, image *protobuf.Image, c lintConfig) []buforacle.Finding {
	t.Helper()
	set, err := protorules.SelectLint(c.version, c.use, c.except)
	if err != nil {
		t.Fatal(err)
	}
	var out []buforacle.Finding
	for _, f := range protorules.Lint(image, set, c.options) {
		out = append(out, buforacle.Finding{Path: f.New.Path, StartLine: f.New.Line, StartColumn: f.New.Col,
			EndLine: f.New.EndLine, EndColumn: f.New.EndCol, Type: f.Rule.ID, Message: f.Message})
	}
	return out
}

// compareLint reports the findings of one that the other has not, and another order.
func compareLint(t *testing.T, what string, ours, theirs []buforacle.Finding) {
	t.Helper()
	report(t, what, nil, ours, theirs)
}

// TestSelectLintIsBufs compares which lint rule belongs to what.
func TestSelectLintIsBufs(t *testing.T) {
	t.Parallel()
	buf := buforacle.Find(t)
	for _, version := range []string{"v1beta1", "v1", "v2"} {
		rules, err := buf.LintRules(t.TempDir(), version)
		if err != nil {
			t.Fatal(err)
		}
		byCategory := map[string][]string{}
		for _, r := range rules {
			want := []string{r.ID}
			if r.Deprecated {
				want = r.Replacements
			}
			if ids, err := protorules.ExpandLint(version, r.ID); err != nil || !slices.Equal(ids, want) {
				t.Errorf("%s: ExpandLint(%s) = %v, %v; want %v", version, r.ID, ids, err, want)
			}
			for _, c := range r.Categories {
				byCategory[c] = append(byCategory[c], r.ID)
			}
			if r.Default {
				byCategory[""] = append(byCategory[""], r.ID)
			}
		}
		for category, want := range byCategory {
			use := []string{category}
			if category == "" {
				use = nil
			}
			set, err := protorules.SelectLint(version, use, nil)
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(set)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: SelectLint(%q) = %v, %v; want %v", version, category, got, err, want)
			}
		}
	}
}
