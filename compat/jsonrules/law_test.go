package jsonrules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// A schema is compatible with itself, and with its other forms.
func TestNothingBreaksWithoutAChange(t *testing.T) {
	t.Parallel()
	for _, tt := range allCases() {
		for _, text := range []string{tt.old, tt.new} {
			s := parse(t, "s", text)
			for _, form := range []string{text, s.Canonical(), s.Normalized()} {
				found, compatible := differences(parse(t, "f", form), s, jsonrules.Strict)
				// "not" always has one of two types of difference.
				found = slices.DeleteFunc(found, func(d string) bool { return strings.HasPrefix(d, "NOT_TYPE_NARROWED ") })
				if !compatible || len(found) > 0 {
					t.Errorf("%s against itself: %v", text, found)
				}
			}
		}
	}
}

// What is compatible under STRICT is under LENIENT.
func TestLenientForbidsLess(t *testing.T) {
	t.Parallel()
	cases := allCases()
	for i, a := range cases {
		for j, b := range cases {
			if (i+j)%17 != 0 {
				continue // a sample of all pairs
			}
			older, newer := parse(t, "o", a.old), parse(t, "n", b.new)
			_, strict := differences(newer, older, jsonrules.Strict)
			if _, lenient := differences(newer, older, jsonrules.Lenient); strict && !lenient {
				t.Errorf("%s\n%s\nis compatible under STRICT and not under LENIENT", a.old, b.new)
			}
		}
	}
}

// The same question has the same answer: nothing depends on the order of maps.
func TestAnswersAreSteady(t *testing.T) {
	t.Parallel()
	const text = `{"properties":{%s},"dependencies":{%s},"anyOf":[%s]}`
	side := func(from, to int) *jsonschema.Schema {
		var props, deps, members []string
		for i := from; i < to; i++ {
			props = append(props, fmt.Sprintf(`"p%d":{"type":"string","maxLength":%d}`, i, i%5))
			deps = append(deps, fmt.Sprintf(`"p%d":["p%d"]`, i, i+1))
			members = append(members, fmt.Sprintf(`{"minimum":%d}`, i))
		}
		return parse(t, "s", fmt.Sprintf(text, strings.Join(props, ","), strings.Join(deps, ","), strings.Join(members, ",")))
	}
	older, newer := side(0, 12), side(3, 15)
	first, _ := differences(newer, older, jsonrules.Strict)
	for range 20 {
		if again, _ := differences(newer, older, jsonrules.Strict); !slices.Equal(first, again) {
			t.Fatalf("%v and %v", first, again)
		}
	}
}

func TestTooComplex(t *testing.T) {
	t.Parallel()
	many := func(n int, f func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = f(i)
		}
		return strings.Join(parts, ",")
	}
	wide := func(n, from int) string {
		return `{"anyOf":[` + many(n, func(i int) string { return fmt.Sprintf(`{"type":"number","maximum":%d}`, from+i) }) + `]}`
	}
	deep := func(n int) string {
		return `{"definitions":{` + many(n, func(i int) string {
			return fmt.Sprintf(`"d%d":{"properties":{"p":{"$ref":"#/definitions/d%d"}}}`, i, i+1)
		}) + fmt.Sprintf(`,"d%d":{}},"$ref":"#/definitions/d0"}`, n)
	}
	bush := func(leaf string) string {
		return `{"definitions":{"d0":` + leaf + `,` + many(60, func(i int) string {
			return fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/definitions/d%d"},{"properties":{"a":{"$ref":"#/definitions/d%d"},"b":{"$ref":"#/definitions/d%d"}}}]}`, i+1, i, i, i)
		}) + `},"$ref":"#/definitions/d60"}`
	}
	patterns := func(n int) string {
		return `{"type":"object","patternProperties":{` + many(n, func(i int) string { return fmt.Sprintf(`"^%d(a|b)*c$":{}`, i) }) + `},"properties":{%s}}`
	}
	names := many(9_000, func(i int) string { return fmt.Sprintf(`"x%d":{"type":"string"}`, i) })
	for _, tt := range []struct {
		name, old, new string
		over           bool
	}{
		{"wide", wide(2_000, 0), wide(2_000, 1), true},
		{"not so wide", wide(200, 0), wide(200, 1), false},
		{"deep", deep(8_000), deep(8_001), true},
		{"not so deep", deep(1_000), deep(1_000), false},
		{"a bush", bush(`{"type":"number"}`), bush(`{"type":"integer"}`), false},
		{"expressions for names", fmt.Sprintf(patterns(5_000), ""), fmt.Sprintf(patterns(5_000), names), true},
		{"many properties", `{"type":"object"}`, `{"type":"object","properties":{` + names + `}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			older, newer := parse(t, "old", tt.old), parse(t, "new", tt.new)
			found := jsonrules.Check(newer, older, rule.Readers, jsonrules.Strict)
			if over := len(found) == 1 && found[0].ErrorType == "SCHEMA_TOO_COMPLEX"; over != tt.over {
				t.Errorf("%d findings, over %t, want %t", len(found), over, tt.over)
			}
			if len(found) > 100 {
				t.Errorf("%d findings", len(found))
			}
		})
	}
}

// FuzzCheck holds that no pair of schemas makes the comparison panic or run
// away, that no schema breaks itself, and that verdicts and findings agree.
func FuzzCheck(f *testing.F) {
	for _, tt := range allCases() {
		f.Add(tt.old, tt.new)
	}
	f.Fuzz(func(t *testing.T, old, new string) {
		o, err := jsonschema.Parse(lang.Source{Type: lang.JSON, Path: "old", Text: old})
		if err != nil {
			return
		}
		if _, compatible := jsonrules.Differences(o, o, jsonrules.Strict); !compatible {
			t.Fatalf("%s breaks itself", old)
		}
		n, err := jsonschema.Parse(lang.Source{Type: lang.JSON, Path: "new", Text: new})
		if err != nil {
			return
		}
		for _, policy := range []jsonrules.Policy{jsonrules.Strict, jsonrules.Lenient} {
			_, compatible := jsonrules.Differences(n, o, policy)
			bad := slices.ContainsFunc(jsonrules.Check(n, o, rule.Readers, policy), func(f *rule.Finding) bool {
				return f.Rule.Severity == rule.Error
			})
			if compatible == bad {
				t.Fatalf("%s\n%s\ncompatible %t, findings %t", old, new, compatible, bad)
			}
		}
	})
}
