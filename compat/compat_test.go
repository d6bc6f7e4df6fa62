package compat_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

func schema(t *testing.T, fields string) lang.Schema {
	t.Helper()
	s, err := avro.Parse(lang.Source{Type: lang.Avro, Path: "o.avsc", Text: `{"type":"record","name":"O","fields":[` + fields + `]}`})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	id      = `{"name":"id","type":"string"}`
	idNote  = id + `,{"name":"note","type":"string","default":""}`
	idTotal = id + `,{"name":"total","type":"int"}`
	idWide  = id + `,{"name":"total","type":"long"}`
	idBool  = id + `,{"name":"total","type":"boolean"}`
)

func history(t *testing.T, fields ...string) []compat.Version {
	t.Helper()
	var out []compat.Version
	for i, f := range fields {
		out = append(out, compat.Version{Number: i + 1, Schema: schema(t, f)})
	}
	return out
}

// TestLevels holds which versions and which direction each level asks for.
func TestLevels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		newer string
		older []string
		bad   []compat.Level // all others are compatible
	}{
		{"no version", idTotal, nil, nil},
		{"the same", idTotal, []string{idTotal}, nil},
		{"field with default", idNote, []string{id}, nil},
		{
			"field without default", idTotal, []string{id},
			[]compat.Level{compat.Backward, compat.BackwardTransitive, compat.Full, compat.FullTransitive},
		},
		{
			"field removed", id, []string{idTotal},
			[]compat.Level{compat.Forward, compat.ForwardTransitive, compat.Full, compat.FullTransitive},
		},
		{
			"widened", idWide, []string{idTotal},
			[]compat.Level{compat.Forward, compat.ForwardTransitive, compat.Full, compat.FullTransitive},
		},
		{
			"against the first of two", idTotal, []string{id, idTotal},
			[]compat.Level{compat.BackwardTransitive, compat.FullTransitive},
		},
		{
			"against the last of two", id, []string{idNote, idTotal},
			[]compat.Level{compat.Forward, compat.ForwardTransitive, compat.Full, compat.FullTransitive},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := compat.Default()
			for _, level := range compat.Levels() {
				want := !slices.Contains(tt.bad, level)
				newer, older := schema(t, tt.newer), history(t, tt.older...)
				if got := c.Check(level, newer, older).Compatible; got != want {
					t.Errorf("Check(%s).Compatible = %v, want %v", level, got, want)
				}
				if _, found := c.First(level, newer, older); (len(found) == 0) != want {
					t.Errorf("First(%s) = %d findings, want compatible %v", level, len(found), want)
				}
			}
		})
	}
}

func TestVersionsAreMerged(t *testing.T) {
	t.Parallel()
	report := compat.Default().Check(compat.FullTransitive, schema(t, idBool), history(t, idTotal, idWide, idTotal))
	got := map[string][]int{}
	for _, f := range report.Findings {
		got[f.Message] = f.Versions
		if f.Breaks != rule.Readers|rule.OldReaders {
			t.Errorf("%s: Breaks = %d, want both", f.Message, f.Breaks)
		}
	}
	want := map[string][]int{
		`field "total" changed from int to boolean`:  {1, 3},
		`field "total" changed from long to boolean`: {2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFirstStopsAtTheNewestThatFails(t *testing.T) {
	t.Parallel()
	v, found := compat.Default().First(compat.BackwardTransitive, schema(t, idBool), history(t, idTotal, idWide, idBool))
	if v.Number != 2 || len(found) != 1 || found[0].ErrorType != "TYPE_MISMATCH" {
		t.Errorf("First = version %d, %d findings; want version 2 with one", v.Number, len(found))
	}
}

// TestDifferencesOrder: FULL lists what old readers miss before the rest.
func TestDifferencesOrder(t *testing.T) {
	t.Parallel()
	found := compat.Default().Differences(compat.Full, schema(t, idTotal), schema(t, id+`,{"name":"gone","type":"string"}`))
	var got []string
	for _, f := range found {
		got = append(got, f.Info)
	}
	if want := []string{"gone", "total"}; !slices.Equal(got, want) {
		t.Errorf("Differences = %q, want %q", got, want)
	}
}

// other is a schema of another language, or one that another parser made.
type other struct{ src lang.Source }

func (o other) Source() lang.Source { return o.src }
func (o other) Canonical() string   { return o.src.Text }
func (o other) Normalized() string  { return o.src.Text }

func TestLanguages(t *testing.T) {
	t.Parallel()
	c := compat.Default()
	for _, tt := range []struct {
		typ  lang.Type
		want string
	}{
		{lang.JSON, "EVENT_LANGUAGE_CHANGED"},
		{lang.Avro, "EVENT_LANGUAGE_UNKNOWN"},
	} {
		older := []compat.Version{{Number: 1, Schema: other{lang.Source{Type: tt.typ}}}}
		for _, level := range []compat.Level{compat.Backward, compat.Full} {
			report := c.Check(level, schema(t, id), older)
			if report.Compatible || len(report.Findings) != 1 || report.Findings[0].Rule.ID != tt.want {
				t.Errorf("Check(%s) after %s = %+v, want one %s", level, tt.typ, report, tt.want)
			}
			if _, found := c.First(level, schema(t, id), older); len(found) == 0 {
				t.Errorf("First(%s) after %s finds nothing", level, tt.typ)
			}
		}
		if !c.Check(compat.None, schema(t, id), older).Compatible {
			t.Errorf("NONE forbids %s", tt.want)
		}
	}
	older := []compat.Version{{Number: 1, Schema: other{lang.Source{Type: "THRIFT"}}}}
	if c.Check(compat.Backward, other{lang.Source{Type: "THRIFT"}}, older).Compatible {
		t.Error("a language without rules is called compatible")
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	if l, err := compat.ParseLevel("full_Transitive"); err != nil || l != compat.FullTransitive {
		t.Errorf("ParseLevel = %q, %v", l, err)
	}
	if _, err := compat.ParseLevel("SIDEWAYS"); err == nil {
		t.Error("ParseLevel accepts SIDEWAYS")
	}
	if compat.Level("SIDEWAYS").Forbids() != compat.Full.Forbids() {
		t.Error("an unknown level lets something pass")
	}
}

// TestRules: each id is there once and can be looked up.
func TestRules(t *testing.T) {
	t.Parallel()
	c := compat.Default()
	seen := map[string]bool{}
	for _, r := range c.Rules() {
		if seen[r.ID] {
			t.Errorf("%s is there twice", r.ID)
		}
		seen[r.ID] = true
		if got, ok := c.Rule(r.ID); !ok || got != r {
			t.Errorf("Rule(%s) = %v, %v", r.ID, got, ok)
		}
	}
	if _, ok := c.Rule("NO_SUCH_RULE"); ok {
		t.Error("Rule finds NO_SUCH_RULE")
	}
}
