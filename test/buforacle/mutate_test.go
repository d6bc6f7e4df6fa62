package buforacle_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// A tree is the files of one side of a case, by their path.
type tree map[string]string

func (t tree) clone() tree {
	out := tree{}
	for path, text := range t {
		out[path] = text
	}
	return out
}

func (t tree) paths() []string {
	var out []string
	for path := range t {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// A mutation changes a tree somewhere, or not at all where it finds nothing to
// change. Many results do not compile; those are thrown away.
type mutation struct {
	name string
	do   func(r *rand.Rand, t tree)
}

var mutations = []mutation{
	{"delete line", inText(deleteBlock)},
	{"delete line again", inText(deleteBlock)},
	{"delete statement", inText(deleteStatement)},
	{"move block", moveBlock},
	{"delete file", func(r *rand.Rand, t tree) { delete(t, pick(r, t.paths())) }},
	{"rename file", renameFile},
	{"renumber", replace(`= (-?\d+)`, "= 1", "= 2", "= 3", "= 21", "= 22", "= 31", "= 99", "= 536870911")},
	{"retype", replace(`\b(int32|int64|uint32|sint64|fixed64|string|bytes|double|float|bool|Line|Color|Kind|Status|Base|Level)( \w+ = )`, types("$2")...)},
	{"retype any", replace(`(?m)^(\s*(?:optional |repeated |required )?)(\w+)( \w+ = \d+)`, types("$3", "$1")...)},
	{"retype to map", replace(`\b(\w+)( \w+ = \d+)`, "map<string, Line>$2", "map<int32, string>$2", "map<string, Color>$2", "repeated int32$2")},
	{"key or value", replace(`map<(\w+), (\w+)>`, "map<int32, $2>", "map<string, string>", "map<$1, Color>", "map<$1, Base>")},
	{"label", replace(`\b(optional|required|repeated) `, "optional ", "required ", "repeated ", "")},
	{"add label", replace(`(?m)^(\s+)(\w+ \w+ = \d+)`, "${1}optional $2", "${1}repeated $2", "${1}required $2")},
	{"rename", replace(`\b(id|count|lines|color|card|iban|pay|note|text|KIND_B|PAID|SETTLED|GREEN|sku|a)( =| \{)`, "renamed$2", "RENAMED$2", "fooBar$2", "foo_bar$2")},
	{"rename everywhere", renameEverywhere},
	{"rename type", replace(`(message|enum|service|rpc|group) (\w+)`, "$1 Renamed", "$1 Base", "$1 Color")},
	{"new option", replace(`( = \d+);`, options("$1 [", "];")...)},
	{"more options", replace(`\];`, options(", ", "];")...)},
	{"drop options", replace(` \[[^\]\[]*\];`, ";")},
	{"option value", replace(`(default|json_name|jstype|ctype) = [^,\]]+`, "$1 = 5", `$1 = "five"`, "$1 = JS_STRING", "$1 = JS_NORMAL", "$1 = CORD", "$1 = STRING", "$1 = STRING_PIECE", "$1 = true", "$1 = nan", "$1 = -0.0", "$1 = 1e10", "$1 = BLUE", "$1 = KIND_C", "$1 = 0")},
	{"feature value", replace(`(field_presence|utf8_validation|message_encoding|json_format|enum_type|string_type)( =|:) \w+`, features("$1$2 ")...)},
	{"file option", replace(`(option \w+ = )("[^"]*"|\w+);`, `${1}"Changed";`, "${1}true;", "${1}false;", "${1}LITE_RUNTIME;", "${1}CODE_SIZE;", `${1}"";`)},
	{"add file option", after(`package [^;]+;`, fileOptionLines...)},
	{"add message option", after(`message \w+ \{`, " option no_standard_descriptor_accessor = true;", " option features.json_format = LEGACY_BEST_EFFORT;", " option deprecated = true;",
		" reserved 50 to 60;", ` reserved "card", "iban", "sku";`, " reserved 1 to 9;", " extensions 1000 to 1010;", " int32 fresh = 77;", " required int32 fresh = 77;", " optional int32 fresh = 78;", " oneof fresh { int32 f1 = 81; string f2 = 82; }", " int32 must = 79 [features.field_presence = LEGACY_REQUIRED];")},
	{"add enum option", after(`enum \w+ \{`, " option features.enum_type = OPEN;", " option features.enum_type = CLOSED;", " option features.json_format = LEGACY_BEST_EFFORT;", " reserved 60;", " reserved 1;", ` reserved "PAID", "GREEN", "HIGH";`, " FRESH = 88;", " FIRST = 0;")},
	{"into oneof", replace(`(?m)^\s+((?:optional )?\w+ \w+ = \d+[^;{]*;)`, " oneof wrapped { $1 }")},
	{"out of oneof", replace(`oneof \w+ \{([^{}]*)\}`, "$1")},
	{"from oneof to oneof", replace(`oneof (\w+) \{`, "oneof moved {")},
	{"ranges", replace(`(reserved|extensions) ([^";]*);`, "$1 31;", "$1 100 to 150, 152 to 199;", "$1 100 to 149, 150 to 199;", "$1 30 to 40, 41 to max;", "$1 3, 10 to 11;", "$1 33, 35, 500 to max;", "")},
	{"streaming", replace(`\((\w+)\)`, "(stream $1)", "(Line)", "(Order)")},
	{"no streaming", replace(`stream `, "")},
	{"idempotency", replace(`(rpc [^;{]*);`, "$1 { option idempotency_level = IDEMPOTENT; }", "$1 { option idempotency_level = NO_SIDE_EFFECTS; }")},
	{"idempotency value", replace(`idempotency_level = \w+`, "idempotency_level = IDEMPOTENT", "idempotency_level = IDEMPOTENCY_UNKNOWN")},
	{"package", replace(`(?m)^package [^;]+;`, "package PKG.v1;", "package PKG.other;", "package PKG.third;", "")},
	{"syntax", replace(`(?m)^(syntax|edition) = "\w+";`, `syntax = "proto2";`, `syntax = "proto3";`, `edition = "2023";`, `edition = "2024";`, `edition = "2026";`, "")},
	{"reorder", swapLines},
	{"layout", replace(`(?m)^ +`, "\t", "/* 字 */ ", "\n\n   ", " \t ")},
	{"one line", oneLine},
	{"line ends", inText(func(_ *rand.Rand, text string) string { return strings.ReplaceAll(text, "\n", "\r\n") })},
	{"byte order mark", inText(func(_ *rand.Rand, text string) string { return "\ufeff" + strings.TrimPrefix(text, "\ufeff") })},
	{"comments", replace(`([;{])`, "$1 // é 字 😀\n", "$1 /* é 字 😀 */ ", "$1 /*\n*/ ", "$1\t/*\t*/\t")},
	{"long line", replace(`(enum \w+ \{)`, "$1"+longLine())},
	{"required by edition", replace(`( = \d+);`, "$1 [features.field_presence = LEGACY_REQUIRED];")},
}

// longLine is longer than what is compiled with its places as it stands.
func longLine() string {
	var b strings.Builder
	for i := range 150 {
		fmt.Fprintf(&b, " LONG_%d = %d;", i, 1000+i)
	}
	return b.String()
}

func types(suffix string, prefix ...string) []string {
	var out []string
	for _, t := range strings.Fields("int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes float double Line Color Base Level Inner.Kind Order") {
		out = append(out, strings.Join(prefix, "")+t+suffix)
	}
	return out
}

func options(before, after string) []string {
	var out []string
	for _, o := range append([]string{
		"default = 1", `default = "z"`, "default = true", "default = GREEN", `json_name = "other"`, "jstype = JS_STRING", "ctype = CORD", "ctype = STRING_PIECE", "deprecated = true",
		"features.(pb.cpp).string_type = VIEW", "features.(pb.cpp).string_type = CORD", "features.(pb.java).utf8_validation = VERIFY", "features = { utf8_validation: NONE }",
	}, featureValues("features.", " = ")...) {
		out = append(out, before+o+after)
	}
	return out
}

func features(prefix string) []string {
	var out []string
	for _, v := range featureValues("", " ") {
		out = append(out, prefix+v[strings.LastIndexByte(v, ' ')+1:])
	}
	return out
}

func featureValues(prefix, equals string) []string {
	var out []string
	for name, values := range map[string]string{
		"field_presence": "EXPLICIT IMPLICIT LEGACY_REQUIRED", "utf8_validation": "VERIFY NONE", "message_encoding": "DELIMITED LENGTH_PREFIXED",
		"json_format": "ALLOW LEGACY_BEST_EFFORT", "enum_type": "OPEN CLOSED",
	} {
		for _, v := range strings.Fields(values) {
			out = append(out, prefix+name+equals+v)
		}
	}
	slices.Sort(out)
	return out
}

var fileOptionLines = func() []string {
	var out []string
	for _, o := range strings.Fields("go_package java_package java_outer_classname objc_class_prefix php_class_prefix php_metadata_namespace php_namespace ruby_package swift_prefix csharp_namespace") {
		out = append(out, "\noption "+o+` = "Fresh";`)
	}
	for _, o := range strings.Fields("cc_enable_arenas cc_generic_services java_generic_services java_multiple_files py_generic_services java_string_check_utf8") {
		out = append(out, "\noption "+o+" = true;", "\noption "+o+" = false;")
	}
	out = append(out, "\noption optimize_for = CODE_SIZE;", "\noption features.field_presence = IMPLICIT;", "\noption features.utf8_validation = NONE;",
		"\noption features.enum_type = CLOSED;", "\noption features.json_format = LEGACY_BEST_EFFORT;", "\noption features.message_encoding = DELIMITED;",
		"\noption features.(pb.java).utf8_validation = VERIFY;", "\noption features.(pb.cpp).string_type = VIEW;", "\noption features.(pb.cpp).string_type = CORD;")
	return out
}()

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// inText changes one of the files.
func inText(change func(r *rand.Rand, text string) string) func(*rand.Rand, tree) {
	return func(r *rand.Rand, t tree) {
		if len(t) == 0 {
			return
		}
		path := pick(r, t.paths())
		if r.IntN(2) == 0 {
			path = t.paths()[0] // which has the most
		}
		t[path] = change(r, t[path])
	}
}

// replace puts one of the templates in the place of one match.
func replace(pattern string, with ...string) func(*rand.Rand, tree) {
	re := regexp.MustCompile(pattern)
	return inText(func(r *rand.Rand, text string) string {
		found := re.FindAllStringSubmatchIndex(text, -1)
		if len(found) == 0 {
			return text
		}
		at := pick(r, found)
		pkg := regexp.MustCompile(`c\d{4}`).FindString(text)
		template := strings.ReplaceAll(pick(r, with), "PKG", pkg)
		return text[:at[0]] + string(re.ExpandString(nil, template, text, at)) + text[at[1]:]
	})
}

// after puts one of the texts behind one match.
func after(pattern string, texts ...string) func(*rand.Rand, tree) {
	var with []string
	for _, t := range texts {
		with = append(with, "$0"+t)
	}
	return replace(pattern, with...)
}

// block returns the lines of the statement that begins on a line.
func block(lines []string, at int) (end int) {
	depth := 0
	for end = at; end < len(lines); end++ {
		depth += strings.Count(lines[end], "{") - strings.Count(lines[end], "}")
		if depth <= 0 {
			return end + 1
		}
	}
	return len(lines)
}

func deleteBlock(r *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	at := r.IntN(len(lines))
	return strings.Join(lines[:at], "") + strings.Join(lines[block(lines, at):], "")
}

func deleteStatement(r *rand.Rand, text string) string {
	parts := strings.SplitAfter(text, ";")
	at := r.IntN(len(parts))
	cut := strings.LastIndexAny(parts[at], "{}\n")
	return strings.Join(parts[:at], "") + parts[at][:cut+1] + strings.Join(parts[at+1:], "")
}

var topLevel = regexp.MustCompile(`(?m)^(message|enum|service|extend) `)

func moveBlock(r *rand.Rand, t tree) {
	if len(t) < 2 {
		return
	}
	from, to := pick(r, t.paths()), pick(r, t.paths())
	lines := strings.SplitAfter(t[from], "\n")
	var starts []int
	for i, l := range lines {
		if topLevel.MatchString(l) {
			starts = append(starts, i)
		}
	}
	if len(starts) == 0 || from == to {
		return
	}
	at := pick(r, starts)
	end := block(lines, at)
	t[from] = strings.Join(lines[:at], "") + strings.Join(lines[end:], "")
	t[to] += strings.Join(lines[at:end], "")
}

func renameFile(r *rand.Rand, t tree) {
	path := pick(r, t.paths())
	to := strings.TrimSuffix(path, ".proto") + "_moved.proto"
	t[to] = t[path]
	delete(t, path)
	for p, text := range t {
		t[p] = strings.ReplaceAll(text, `"`+path+`"`, `"`+to+`"`)
	}
}

func renameEverywhere(r *rand.Rand, t tree) {
	name := regexp.MustCompile(`\b` + pick(r, []string{"Line", "Color", "Inner", "Kind", "Status", "Shared", "Mode", "Base", "GREEN", "FAST", "NEW", "Orders"}) + `\b`)
	to := pick(r, []string{"Other", "Fresh", "ZED"})
	for p, text := range t {
		t[p] = name.ReplaceAllString(text, to)
	}
}

func swapLines(r *rand.Rand, t tree) {
	inText(func(r *rand.Rand, text string) string {
		lines := strings.SplitAfter(text, "\n")
		if len(lines) < 3 {
			return text
		}
		i := r.IntN(len(lines) - 2)
		lines[i], lines[i+1] = lines[i+1], lines[i]
		return strings.Join(lines, "")
	})(r, t)
}

// oneLine joins the lines of a file that has no comment to its end.
func oneLine(r *rand.Rand, t tree) {
	inText(func(_ *rand.Rand, text string) string {
		if strings.Contains(text, "//") {
			return text
		}
		return strings.ReplaceAll(text, "\n", " ")
	})(r, t)
}

// A pairOfTrees is a case: what was and what is.
type pairOfTrees struct {
	name       string // of the folder and the packages
	what       []string
	older, now tree
}

// makePair derives both sides from a base, whose files are in the folder name.
func makePair(r *rand.Rand, number int, base tree) pairOfTrees {
	p := pairOfTrees{name: fmt.Sprintf("c%04d", number), older: tree{}}
	for path, text := range base {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "@P@", p.name), "@N@", fmt.Sprintf("5%04d", number))
		p.older[p.name+"/"+path] = text
	}
	apply := func(t tree, n int) {
		for range n {
			if len(t) > 0 {
				m := pick(r, mutations)
				m.do(r, t)
				p.what = append(p.what, m.name)
			}
		}
	}
	apply(p.older, r.IntN(3))
	p.now = p.older.clone()
	apply(p.now, 1+r.IntN(3))
	if r.IntN(3) == 0 {
		p.older, p.now = p.now, p.older
	}
	return p
}
