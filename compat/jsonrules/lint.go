package jsonrules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// LintRules returns the rules of style for JSON schemas.
func LintRules() []*rule.Rule {
	return []*rule.Rule{lintTitle, lintDescription, lintOpen, lintKeyword, lintFormat, lintType, lintDraft}
}

func lintRule(id, title, why, before, after, instead string) *rule.Rule {
	return &rule.Rule{ID: "JSON_LINT_" + id, Severity: rule.Warning, Fix: instead + ".",
		Doc: title + "\n\n" + why + "\n\nBefore:\n\n    " + before + "\n\nAfter:\n\n    " + after + "\n\nInstead: " + instead + "."}
}

// misspelt makes the rule an error: a validator skips the constraint in silence.
func misspelt(r *rule.Rule) *rule.Rule {
	r.Severity = rule.Error
	return r
}

var (
	lintTitle       = lintRule("TITLE_MISSING", "a schema has a title", "Generated types are named after it.", `{"type": "object"}`, `{"title": "Order", "type": "object"}`, "add a title")
	lintDescription = lintRule("DESCRIPTION_MISSING", "a schema has a description", "Others have to know what it means without asking.", `{"title": "Order"}`, `{"title": "Order", "description": "An order as it was placed."}`, "add a description")
	lintOpen        = lintRule("CONTENT_OPEN", "an object says whether it takes other properties", "A property that is added to an open object may meet values of another type that somebody sends already.", `{"type": "object", "properties": {}}`, `{"type": "object", "properties": {}, "additionalProperties": false}`, "set additionalProperties")
	lintKeyword     = misspelt(lintRule("KEYWORD_UNKNOWN", "every keyword is one of the draft", "A validator skips what it does not know, so that a slip of the pen takes a constraint away.", `"requried": ["id"]`, `"required": ["id"]`, "write the keyword of the draft, or begin the name of your own with x-"))
	lintFormat      = lintRule("FORMAT_UNKNOWN", "every format is one of the draft", "A validator skips what it does not know.", `"format": "datetime"`, `"format": "date-time"`, "write the format of the draft")
	lintType        = lintRule("TYPE_MISSING", "properties stand beside a type", "Without a type every string and number is valid too.", `{"properties": {"id": {}}}`, `{"type": "object", "properties": {"id": {}}}`, "add a type of object")
	lintDraft       = lintRule("DRAFT_MISSING", "a schema names its draft", "Keywords mean different things in different drafts.", `{"type": "object"}`, `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}`, "add $schema")
)

// keywords of each draft add to those of the drafts before it.
var keywords = []struct {
	since jsonschema.Draft
	names string
}{
	{jsonschema.Draft4, "$schema $ref id title description default multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern additionalItems items maxItems minItems uniqueItems maxProperties minProperties required additionalProperties definitions properties patternProperties dependencies enum type format allOf anyOf oneOf not"},
	{jsonschema.Draft6, "$id contains propertyNames const examples"},
	{jsonschema.Draft7, "$comment if then else readOnly writeOnly contentEncoding contentMediaType"},
	{jsonschema.Draft2019, "$anchor $defs $recursiveRef $recursiveAnchor $vocabulary dependentRequired dependentSchemas unevaluatedItems unevaluatedProperties maxContains minContains contentSchema deprecated"},
	{jsonschema.Draft2020, "$dynamicRef $dynamicAnchor prefixItems"},
}

var formats = []struct {
	since jsonschema.Draft
	names string
}{
	{jsonschema.Draft4, "date-time email hostname ipv4 ipv6 uri"},
	{jsonschema.Draft6, "uri-reference uri-template json-pointer"},
	{jsonschema.Draft7, "date time regex idn-email idn-hostname iri iri-reference relative-json-pointer"},
	{jsonschema.Draft2019, "duration uuid"},
}

// Lint returns what the rules of style find in a schema, in the order of the text.
// Only New is set of the positions.
func Lint(s *jsonschema.Schema) []*rule.Finding {
	src := s.Source()
	root, err := lang.ParseJSON(src.Path, src.Text)
	if err != nil || root.Kind != lang.Object {
		return nil
	}
	l := &linter{}
	for _, k := range keywords {
		if k.since <= s.Draft() {
			l.keywords = append(l.keywords, strings.Fields(k.names)...)
		}
	}
	for _, f := range formats {
		if f.since <= s.Draft() {
			l.formats = append(l.formats, strings.Fields(f.names)...)
		}
	}
	if root.Get("$schema") == nil {
		l.report(lintDraft, "", start(root), "the schema has no $schema and is read as draft 7")
	}
	if root.Get("title") == nil {
		l.report(lintTitle, "", start(root), "the schema has no title")
	}
	if root.Get("description") == nil {
		l.report(lintDescription, "", start(root), "the schema has no description")
	}
	l.schema(root, "")
	return l.found
}

// start is the brace that opens a value, since the whole of it is too much to
// show.
func start(v *lang.Value) lang.Pos {
	pos := v.Pos
	pos.End = min(pos.End, pos.Start+1)
	return pos
}

type linter struct {
	keywords, formats []string
	found             []*rule.Finding
}

func (l *linter) report(r *rule.Rule, path string, at lang.Pos, format string, args ...any) {
	l.found = append(l.found, &rule.Finding{Rule: r, Path: path, New: at, Message: fmt.Sprintf(format, args...)})
}

// schema looks at one schema and those inside it. Text was read with a bound on
// nesting.
func (l *linter) schema(v *lang.Value, path string) {
	if v.Kind != lang.Object {
		return
	}
	for _, m := range v.Members {
		l.member(m, path)
	}
	if p := v.Get("properties"); p != nil {
		if v.Get("type") == nil && v.Get("$ref") == nil {
			l.report(lintType, path, start(v), "there are properties and no type")
		}
		if v.Get("additionalProperties") == nil && v.Get("unevaluatedProperties") == nil {
			l.report(lintOpen, path, start(v), "the object does not say whether it takes other properties")
		}
	}
}

func (l *linter) member(m lang.Member, path string) {
	at := path + "/" + m.Key
	if !slices.Contains(l.keywords, m.Key) && !own(m.Key) {
		if near := nearest(m.Key, l.keywords); near != "" {
			l.report(lintKeyword, at, m.KeyPos, "%q is no keyword of the draft; did you mean %q?", m.Key, near)
		} else {
			l.report(lintKeyword, at, m.KeyPos, "%q is no keyword of the draft", m.Key)
		}
		return
	}
	switch m.Key {
	case "format":
		if m.Value.Kind != lang.String || slices.Contains(l.formats, m.Value.Str) {
			return
		}
		if near := nearest(m.Value.Str, l.formats); near != "" {
			l.report(lintFormat, at, m.Value.Pos, "%q is no format of the draft; did you mean %q?", m.Value.Str, near)
			return
		}
		l.report(lintFormat, at, m.Value.Pos, "%q is no format of the draft", m.Value.Str)
	case "properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas":
		for _, p := range m.Value.Members {
			l.schema(p.Value, at+"/"+p.Key)
		}
	case "items", "additionalItems", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else",
		"unevaluatedItems", "unevaluatedProperties", "contentSchema", "allOf", "anyOf", "oneOf", "prefixItems":
		l.schema(m.Value, at)
		for i, item := range m.Value.Items {
			l.schema(item, fmt.Sprintf("%s/%d", at, i))
		}
	}
}

// own reports whether a keyword is of those that tools add.
func own(key string) bool {
	return strings.HasPrefix(key, "x-") || strings.Contains(key, ":") || key == "javaType" || key == "tags" || key == "definitions"
}

// nearest returns the word that is at most two letters away, or nothing.
func nearest(word string, known []string) string {
	best, fewest := "", 3
	for _, k := range known {
		if len(word) > len(k)+2 || len(k) > len(word)+2 {
			continue
		}
		if n := distance(strings.ToLower(word), strings.ToLower(k)); n < fewest {
			best, fewest = k, n
		}
	}
	return best
}

// distance counts the letters to change, add or remove between two words that are
// about as long as a keyword.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
