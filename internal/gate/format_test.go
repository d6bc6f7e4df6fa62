package gate_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	goast "go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
)

// results are those of every fixture, and one that has everything a result can
// have.
func results(t *testing.T) map[string]gate.Result {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("fixtures: %v, %v", paths, err)
	}
	out := map[string]gate.Result{}
	for _, p := range paths {
		r := gate.Check(t.Context(), input(t, golden.Load(t, p)))
		r.Elapsed, r.Now = time.Second, time.Unix(0, 0)
		out[p] = r
	}
	broken := &rule.Rule{ID: "X_Y", Doc: "title | with <b> and `ticks`\n\nBody.\n", Severity: rule.Error}
	odd := gate.Place{Path: "a b/ä%|<x>.avsc", Line: 2, Col: 7, EndLine: 2, EndCol: 9, Text: "\tüü \x1b[31mred\x00", Note: "a\x1bnote"}
	everything := gate.Finding{
		ID: "0123456789ab", Rule: broken, Severity: rule.Info, Subject: "s\x1b:x", Level: "FULL", Breaks: rule.Readers | rule.SourceCode, Versions: []string{"s v1"},
		Message: "a\nb::c ]]> & \x07", Why: "why", Fix: "fix", Decoder: "reads it", Path: "A.b", New: odd, Old: gate.Place{Label: "git:main", Path: "x"},
		Edit:    &rule.Edit{Pos: lang.Pos{Path: odd.Path, Start: 3, End: 5}, Text: "new"},
		Witness: &rule.Witness{Writer: rule.OldReaders, JSON: `{"a":1}`, Data: []byte{1, 2}, Err: "no"},
	}
	waived := everything
	waived.Waiver = &gate.Waiver{ID: everything.ID, Owner: "shop", Reason: "agreed"}
	out["everything"] = gate.Result{
		Against: "git:main", Base: "services/orders", Tool: "v1.0.0", Subjects: 2, Names: []string{"s", "t"}, New: []string{"t"},
		Changes: []gate.Change{{Subject: "s", Deploy: gate.NoOrder}}, Findings: []gate.Finding{everything}, Waived: []gate.Finding{waived},
		Problems: []gate.Problem{{Subject: "t", Err: errors.New("a\x00b")}, {Err: errors.New("c"), Places: []gate.Place{odd}}},
	}
	out["nothing"], out["lint"] = gate.Result{}, lintResult(t)
	return out
}

// TestFormats: what each format writes is valid in the eyes of somebody who
// reads that format.
func TestFormats(t *testing.T) {
	t.Parallel()
	read := map[string]func(*testing.T, gate.Result, string){
		"text": noControls, "lines": noControls, "json": readJSON, "sarif": readSARIF, "junit": readJUnit,
		"github": readGitHub, "gitlab": readGitLab, "markdown": readMarkdown, "buf-json": readBufJSON,
	}
	for name, r := range results(t) {
		for _, f := range gate.Formats() {
			t.Run(filepath.Base(name)+"/"+f.Name, func(t *testing.T) {
				var out bytes.Buffer
				if err := f.Write(&out, r, false); err != nil {
					t.Fatal(err)
				}
				if read[f.Name] == nil {
					t.Fatal("nobody reads this format")
				}
				read[f.Name](t, r, out.String())
				if t.Failed() {
					t.Log(out.String())
				}
			})
		}
	}
}

// noControls: schemas come from others, and must not write to a terminal.
func noControls(t *testing.T, _ gate.Result, got string) {
	if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("a control character at %d: %q", i, got[max(0, i-20):i+1])
	}
}

func readJSON(t *testing.T, r gate.Result, got string) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(gate.ReportSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", schema); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile("report.json").Validate(doc); err != nil {
		t.Error(err)
	}
	var report gate.Report
	dec := json.NewDecoder(strings.NewReader(got))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&report); err != nil || len(report.Findings) != len(r.Findings) {
		t.Errorf("%d findings, %v; want %d", len(report.Findings), err, len(r.Findings))
	}
}

func readSARIF(t *testing.T, r gate.Result, got string) {
	var strict sarif.Report
	dec := json.NewDecoder(strings.NewReader(got))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&strict); err != nil {
		t.Fatal(err)
	}
	if len(strict.Runs) != 1 || len(strict.Runs[0].Results) != len(r.Findings)+len(r.Waived) {
		t.Errorf("want one run with %d results and %d waived", len(r.Findings), len(r.Waived))
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if err := officialSARIF(t).Validate(doc); err != nil {
		t.Error(err)
	}
}

// officialSARIF is the schema of OASIS, which the library of its name carries as
// a constant.
var officialSARIF = func() func(*testing.T) *jsonschema.Schema {
	var schema *jsonschema.Schema
	var once sync.Once
	return func(t *testing.T) *jsonschema.Schema {
		once.Do(func() {
			dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			text := file.Decls[0].(*goast.GenDecl).Specs[0].(*goast.ValueSpec).Values[0].(*goast.BasicLit).Value
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Trim(text, "`")))
			if err != nil {
				t.Fatal(err)
			}
			c := jsonschema.NewCompiler()
			if err := c.AddResource("sarif.json", doc); err != nil {
				t.Fatal(err)
			}
			schema = c.MustCompile("sarif.json")
		})
		if schema == nil {
			t.Fatal("there is no schema")
		}
		return schema
	}
}()

func readJUnit(t *testing.T, r gate.Result, got string) {
	var doc struct {
		XMLName xml.Name `xml:"testsuites"`
		Suite   struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Cases    []struct {
				Name    string    `xml:"name,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(got), &doc); err != nil {
		t.Fatal(err)
	}
	failures, faults := 0, 0
	for _, c := range doc.Suite.Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Error != nil {
			faults++
		}
	}
	if s := doc.Suite; s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != faults || s.Tests < len(r.Names) {
		t.Errorf("the suite counts %d, %d, %d; there are %d, %d, %d", s.Tests, s.Failures, s.Errors, len(s.Cases), failures, faults)
	}
	if (failures+faults == 0) != (gate.ExitCode(r) == 0) {
		t.Errorf("%d failures and %d errors, exit code %d", failures, faults, gate.ExitCode(r))
	}
}

var workflowCommand = regexp.MustCompile(`^::(error|warning|notice) ((?:[a-zA-Z]+=[^,:\r\n]*)(?:,[a-zA-Z]+=[^,:\r\n]*)*)::[^\r\n]*$`)

func readGitHub(t *testing.T, _ gate.Result, got string) {
	for line := range strings.Lines(got) {
		if !workflowCommand.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("no workflow command: %q", line)
		}
	}
}

func readGitLab(t *testing.T, r gate.Result, got string) {
	var issues []struct {
		Description, Fingerprint, Severity string
		CheckName                          string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin, End int }
		}
	}
	dec := json.NewDecoder(strings.NewReader(got))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&issues); err != nil {
		t.Fatal(err)
	}
	if len(issues) != len(r.Findings)+len(r.Problems) {
		t.Errorf("%d issues, want %d", len(issues), len(r.Findings)+len(r.Problems))
	}
	severities := map[string]bool{"info": true, "minor": true, "major": true, "critical": true, "blocker": true}
	for _, i := range issues {
		if i.Description == "" || i.CheckName == "" || i.Fingerprint == "" || i.Location.Path == "" || i.Location.Lines.Begin < 1 || !severities[i.Severity] {
			t.Errorf("GitLab would not show %+v", i)
		}
	}
}

func readMarkdown(t *testing.T, r gate.Result, got string) {
	doc := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader([]byte(got)))
	rows := 0
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if row, ok := n.(*extast.TableRow); ok && entering {
			rows++
			if row.ChildCount() != 5 {
				t.Errorf("a row of %d cells", row.ChildCount())
			}
		}
		if html, ok := n.(*ast.RawHTML); ok && entering {
			t.Errorf("HTML got through: %s", html.Segments.Value([]byte(got)))
		}
		return ast.WalkContinue, nil
	})
	if err != nil || rows != len(r.Findings)+len(r.Problems) {
		t.Errorf("%d rows, %v; want %d", rows, err, len(r.Findings)+len(r.Problems))
	}
}

func readBufJSON(t *testing.T, r gate.Result, got string) {
	n := 0
	for line := range strings.Lines(got) {
		var l struct {
			Path, Type, Message string
			StartLine           int `json:"start_line"`
			StartColumn         int `json:"start_column"`
			EndLine             int `json:"end_line"`
			EndColumn           int `json:"end_column"`
		}
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&l); err != nil || l.Type == "" || l.Path != "" && (l.StartLine < 1 || l.EndColumn < 1) {
			t.Errorf("%v: %s", err, line)
		}
		n++
	}
	if n < len(r.Findings)+len(r.Problems) {
		t.Errorf("%d lines, want at least %d", n, len(r.Findings)+len(r.Problems))
	}
}
