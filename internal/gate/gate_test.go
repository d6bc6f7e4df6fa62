package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
)

func avroSubject(name, before, after string) gate.Subject {
	s := gate.Subject{Name: name, Level: compat.Backward, New: lang.Source{Type: lang.Avro, Path: name + ".avsc", Text: after}}
	if before != "" {
		s.History = []gate.Version{{Label: "git:main", Number: 1, Source: lang.Source{Type: lang.Avro, Path: name + ".avsc", Text: before}}}
	}
	return s
}

func TestWaiver(t *testing.T) {
	t.Parallel()
	in := gate.Input{Subjects: []gate.Subject{avroSubject("a", `"long"`, `"int"`)}}
	r := gate.Check(t.Context(), in)
	if len(r.Findings) != 1 || gate.ExitCode(r) != 1 {
		t.Fatalf("Check = %+v", r)
	}
	in.Waivers = []gate.Waiver{{ID: r.Findings[0].ID, Owner: "shop", Reason: "nobody reads it"}}
	r = gate.Check(t.Context(), in)
	if len(r.Findings) != 0 || len(r.Waived) != 1 || gate.ExitCode(r) != 0 {
		t.Errorf("with a waiver Check = %+v", r)
	}
	var out bytes.Buffer
	if err := gate.Text(&out, r, false); err != nil || !strings.Contains(out.String(), "nobody reads it") {
		t.Errorf("Text = %v\n%s", err, &out)
	}
	in.Waivers[0].Expired = true
	r = gate.Check(t.Context(), in)
	if len(r.Findings) != 2 || len(r.Waived) != 0 || gate.ExitCode(r) != 1 {
		t.Errorf("with an expired waiver Check = %+v", r)
	}
}

// An expired waiver for a finding that is gone fails too: somebody has to take
// it out.
func TestExpiredWaiverAlone(t *testing.T) {
	t.Parallel()
	r := gate.Check(t.Context(), gate.Input{Waivers: []gate.Waiver{{ID: "0", Expired: true}}})
	if gate.ExitCode(r) != 1 {
		t.Errorf("ExitCode = %d, want 1", gate.ExitCode(r))
	}
}

// A rule about waivers that is off finds nothing.
func TestWaiverRulesOff(t *testing.T) {
	t.Parallel()
	r := gate.Check(t.Context(), gate.Input{
		Waivers:    []gate.Waiver{{ID: "0", Expired: true}, {ID: "1"}},
		Severities: map[string]rule.Severity{"EVENT_WAIVER_EXPIRED": gate.Off, "EVENT_WAIVER_UNUSED": gate.Off},
	})
	if len(r.Findings) != 0 {
		t.Errorf("findings = %+v", r.Findings)
	}
}

// TestIDs: the id of a finding survives edits that move lines.
func TestIDs(t *testing.T) {
	t.Parallel()
	id := func(after string) string {
		t.Helper()
		r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{avroSubject("a", `{"type":"record","name":"R","fields":[]}`, after)}})
		if len(r.Findings) != 1 {
			t.Fatalf("findings = %+v", r.Findings)
		}
		return r.Findings[0].ID
	}
	one := id(`{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`)
	two := id("\n\n{\"type\":\"record\",\n\"name\":\"R\",\"fields\":[{\n\"name\":\"a\",\"type\":\"int\"}]}")
	if one != two || len(one) != 12 {
		t.Errorf("ids are %s and %s, want one of twelve digits", one, two)
	}
}

func TestLevelNoneAndContext(t *testing.T) {
	t.Parallel()
	s := avroSubject("a", `"long"`, `"int"`)
	s.Level = compat.None
	if r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{s}}); gate.ExitCode(r) != 0 {
		t.Errorf("under NONE ExitCode = %d", gate.ExitCode(r))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := gate.Check(ctx, gate.Input{Subjects: []gate.Subject{s}}); gate.ExitCode(r) != 5 {
		t.Errorf("after the end of the context ExitCode = %d, want 5", gate.ExitCode(r))
	}
}

// TestPanickingRule: a bug in a rule is no verdict, and the other subjects are
// still checked.
func TestPanickingRule(t *testing.T) {
	t.Parallel()
	r := gate.Check(t.Context(), gate.Input{
		Subjects: []gate.Subject{avroSubject("a", `"long"`, `"int"`), avroSubject("b", "", `"int"`)},
		Checker: func(string) *compat.Checker {
			return compat.New(compat.Language{Type: lang.Avro, Check: func(compat.Policy, lang.Schema, lang.Schema, rule.Breaks) []*rule.Finding {
				panic("boom")
			}})
		},
	})
	if gate.ExitCode(r) != 5 || len(r.Problems) != 1 || len(r.New) != 1 {
		t.Errorf("Check = %+v", r)
	}
}

// TestUnknownLanguage: what this build cannot read was not checked.
func TestUnknownLanguage(t *testing.T) {
	t.Parallel()
	s := avroSubject("a", "", "{}")
	s.New.Type = "THRIFT"
	r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{s}})
	if gate.ExitCode(r) != 5 || len(r.Problems) != 1 {
		t.Errorf("Check = %+v", r)
	}
	for _, write := range []func() string{
		func() string { var b bytes.Buffer; _ = gate.Text(&b, r, false); return b.String() },
		func() string { var b bytes.Buffer; _ = gate.Lines(&b, r); return b.String() },
		func() string { var b bytes.Buffer; _ = gate.GitHub(&b, r); return b.String() },
		func() string { var b bytes.Buffer; _ = gate.JSON(&b, r); return b.String() },
	} {
		if got := write(); !strings.Contains(got, "cannot be read") {
			t.Errorf("the problem is not in\n%s", got)
		}
	}
}

// TestTerminal: schema text cannot write to the terminal of whoever reviews it.
func TestTerminal(t *testing.T) {
	t.Parallel()
	evil := "{\"type\":\"record\",\"name\":\"R\",\"doc\":\"\x7f\u202e\u009b2J\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}"
	r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{avroSubject("a\x1b[2J", `{"type":"record","name":"R","fields":[]}`, evil)}})
	if len(r.Findings) == 0 {
		t.Fatalf("no finding: %+v", r.Problems)
	}
	var out bytes.Buffer
	if err := gate.Text(&out, r, false); err != nil {
		t.Fatal(err)
	}
	if err := gate.Lines(&out, r); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x7f\u202e\u009b") {
		t.Errorf("control characters reach the terminal: %q", &out)
	}
}

func TestColor(t *testing.T) {
	t.Parallel()
	r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{avroSubject("a", `"long"`, `"int"`)}})
	var plain, colored bytes.Buffer
	if err := gate.Text(&plain, r, false); err != nil {
		t.Fatal(err)
	}
	if err := gate.Text(&colored, r, true); err != nil {
		t.Fatal(err)
	}
	text := colored.String()
	for {
		before, rest, ok := strings.Cut(text, "\x1b[")
		if !ok {
			break
		}
		_, after, _ := strings.Cut(rest, "m")
		text = before + after
	}
	if text != plain.String() || colored.Len() == plain.Len() {
		t.Errorf("without its colours the text is\n%s\nwant\n%s", text, &plain)
	}
}

// TestGitHubLimit: ten annotations of a severity are shown, and a notice counts
// the rest.
func TestGitHubLimit(t *testing.T) {
	t.Parallel()
	var in gate.Input
	for i := range 13 {
		in.Subjects = append(in.Subjects, avroSubject(fmt.Sprintf("s%02d", i), `"long"`, `"int"`))
	}
	var out bytes.Buffer
	if err := gate.GitHub(&out, gate.Check(t.Context(), in)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "::error "); n != 10 {
		t.Errorf("%d errors, want 10", n)
	}
	if !strings.Contains(out.String(), "::notice title=wireproof check::3 more findings") {
		t.Errorf("no count of the others in\n%s", &out)
	}
}

// TestJSONIsARecord: what is written can be read back.
func TestJSONIsARecord(t *testing.T) {
	t.Parallel()
	r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{avroSubject("a", `"long"`, `"int"`), avroSubject("b", "", `"int"`)}})
	var out bytes.Buffer
	if err := gate.JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var report gate.Report
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&report); err != nil {
		t.Fatal(err)
	}
	if report.Schema != gate.SchemaV1 || report.ExitCode != 1 || report.Compatible || !report.Complete || len(report.Findings) != 1 || report.Summary.New[0] != "b" {
		t.Errorf("report = %+v", report)
	}
}

// TestTable: the rules of the gate are documented as the others are.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range append(gate.Rules(), compat.Default().Rules()...) {
		if seen[r.ID] || r.Fix == "" || r.Severity == "" || !strings.Contains(r.Doc, "\n\n") || strings.HasSuffix(r.Title(), ".") {
			t.Errorf("%s: there twice, or incomplete: %+v", r.ID, r)
		}
		seen[r.ID] = true
	}
}
