package gate_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// lintResult has a finding behind a tab, and a file that cannot be read.
func lintResult(t *testing.T) gate.Result {
	t.Helper()
	const text = "syntax = \"proto3\";\npackage a.v1;\n\tmessage under_score {}\n"
	im, err := protobuf.CompileImage(t.Context(), []string{"a.proto"}, func(name string) (string, error) {
		if name != "a.proto" {
			return "", fs.ErrNotExist
		}
		return text, nil
	}, protobuf.ImageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	broken := lang.Source{Type: lang.Avro, Path: "b.avsc", Text: "{\"type\": \"record\",\n \"name\": 7, \"fields\": []}"}
	_, err = avro.Parse(broken)
	return gate.Lint(gate.LintInput{
		Base: "svc",
		Files: []gate.LintFile{{
			Source:   lang.Source{Type: lang.Protobuf, Path: "schemas/a.proto", Text: text},
			Findings: protorules.Lint(im, protorules.LintSet{"MESSAGE_PASCAL_CASE": true}, protorules.LintOptions{}),
		}},
		Problems: []gate.Problem{gate.LintProblem(broken, err)},
	})
}

// Findings and problems of lint have places in the reports: lines, and columns in
// bytes.
func TestLintPlaces(t *testing.T) {
	t.Parallel()
	r := lintResult(t)
	var out bytes.Buffer
	if err := gate.JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var report gate.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 1 || *report.Findings[0].New != (gate.ReportedPlace{File: "schemas/a.proto", Line: 3, Column: 10, EndLine: 3, EndColumn: 21}) {
		t.Errorf("the finding of a report is %+v", report.Findings)
	}
	if len(report.Problems) != 1 || len(report.Problems[0].Places) != 1 {
		t.Fatalf("the problems of a report are %+v", report.Problems)
	}
	if p := report.Problems[0].Places[0]; p.File != "b.avsc" || p.Line != 2 || p.Column != 10 || p.EndColumn != 11 || !strings.Contains(p.Note, "AVRO_") {
		t.Errorf("the place of a problem is %+v", p)
	}
	out.Reset()
	if err := gate.SARIF(&out, r); err != nil {
		t.Fatal(err)
	}
	var log sarif.Report
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	notes := log.Runs[0].Invocations[0].ToolExecutionNotifications
	if len(notes) != 1 || len(notes[0].Locations) != 1 {
		t.Fatalf("the notifications are %s", out.String())
	}
	at := notes[0].Locations[0].PhysicalLocation
	if *at.ArtifactLocation.URI != "svc/b.avsc" || *at.Region.StartLine != 2 || *at.Region.StartColumn != 10 {
		t.Errorf("a notification stands at %s", out.String())
	}
}

// The summary of lint counts problems and files, not subjects.
func TestLintSummary(t *testing.T) {
	t.Parallel()
	r := lintResult(t)
	none, open := r, r
	none.Findings, none.Problems, none.Subjects = nil, nil, 14
	open.Findings = nil
	for want, r := range map[string]gate.Result{
		"1 problem in 1 of 2 files (0 errors, 1 warning), 1 not checked": r,
		"1 of 2 files not checked":                                       open,
		"no problems in 14 files":                                        none,
	} {
		if got := gate.Summary(r); got != want {
			t.Errorf("Summary = %q, want %q", got, want)
		}
	}
}
