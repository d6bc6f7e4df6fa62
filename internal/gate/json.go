package gate

import (
	"encoding/json"
	"io"
	"time"

	"github.com/wireproof/wireproof/compat/rule"
)

// SchemaV1 names the form of [Report]. Fields may be added to it; one that is
// there keeps its meaning.
const SchemaV1 = "wireproof.check/v1"

// A Report is what [JSON] writes.
type Report struct {
	Schema     string            `json:"schema"` // SchemaV1
	Against    string            `json:"against"`
	CheckedAt  string            `json:"checked_at,omitempty"` // RFC 3339, UTC
	ElapsedMS  int64             `json:"elapsed_ms,omitempty"`
	ExitCode   int               `json:"exit_code"`
	Complete   bool              `json:"complete"`   // everything could be checked
	Compatible bool              `json:"compatible"` // and no finding fails
	Summary    ReportSummary     `json:"summary"`
	Findings   []ReportedFinding `json:"findings"`
	Waived     []ReportedFinding `json:"waived"`
	Problems   []ReportedProblem `json:"problems"`
}

// A ReportSummary counts.
type ReportSummary struct {
	Subjects int      `json:"subjects"`
	New      []string `json:"new"` // subjects without an earlier version
	Errors   int      `json:"errors"`
	Warnings int      `json:"warnings"`
}

// A ReportedFinding is a [Finding].
type ReportedFinding struct {
	ID       string         `json:"id"`
	Rule     string         `json:"rule"`
	Severity string         `json:"severity"`
	Subject  string         `json:"subject"`
	Level    string         `json:"level,omitempty"`
	Breaks   []string       `json:"breaks"` // readers, old_readers, json_readers, source_code
	Versions []string       `json:"versions"`
	Message  string         `json:"message"`
	Why      string         `json:"why,omitempty"`
	Fix      string         `json:"fix,omitempty"`
	Path     string         `json:"path"` // of the element in the schema
	New      *ReportedPlace `json:"new,omitempty"`
	Old      *ReportedPlace `json:"old,omitempty"`
	Waiver   *ReportedCause `json:"waiver,omitempty"`
}

// A ReportedPlace is a [Place]. Lines and columns count from 1, columns in
// bytes; end_column is exclusive.
type ReportedPlace struct {
	Version   string `json:"version,omitempty"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"end_line,omitempty"`
	EndColumn int    `json:"end_column,omitempty"`
	Note      string `json:"note,omitempty"`
}

// A ReportedCause says who accepts a finding, and why.
type ReportedCause struct {
	Owner  string `json:"owner"`
	Reason string `json:"reason"`
}

// A ReportedProblem is a [Problem].
type ReportedProblem struct {
	Subject string          `json:"subject,omitempty"`
	Message string          `json:"message"`
	Places  []ReportedPlace `json:"places"`
}

// JSON writes the result as one [Report].
func JSON(w io.Writer, r Result) error {
	code := ExitCode(r)
	out := Report{
		Schema: SchemaV1, Against: r.Against, ElapsedMS: r.Elapsed.Milliseconds(), ExitCode: code,
		Complete: len(r.Problems) == 0, Compatible: code == exitClean,
		Summary:  ReportSummary{r.Subjects, append([]string{}, r.New...), r.count(rule.Error), r.count(rule.Warning)},
		Findings: []ReportedFinding{}, Waived: []ReportedFinding{}, Problems: []ReportedProblem{},
	}
	if !r.Now.IsZero() {
		out.CheckedAt = r.Now.UTC().Format(time.RFC3339)
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, reported(f))
	}
	for _, f := range r.Waived {
		out.Waived = append(out.Waived, reported(f))
	}
	for _, p := range r.Problems {
		rp := ReportedProblem{Subject: p.Subject, Message: p.Err.Error(), Places: []ReportedPlace{}}
		for _, at := range p.Places {
			rp.Places = append(rp.Places, placeReport(at))
		}
		out.Problems = append(out.Problems, rp)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func reported(f Finding) ReportedFinding {
	out := ReportedFinding{
		ID: f.ID, Rule: f.Rule.ID, Severity: string(f.Severity), Subject: f.Subject, Level: string(f.Level),
		Breaks: breaksWords(f.Breaks), Versions: append([]string{}, f.Versions...), Message: f.Message, Why: f.Why, Fix: f.Fix,
		Path: f.Path, New: reportedPlace(f.New), Old: reportedPlace(f.Old),
	}
	if f.Waiver != nil {
		out.Waiver = &ReportedCause{f.Waiver.Owner, f.Waiver.Reason}
	}
	return out
}

// reportedPlace is nil for a finding that has no place on this side.
func reportedPlace(p Place) *ReportedPlace {
	if p.Path == "" && p.Label == "" {
		return nil
	}
	out := placeReport(p)
	return &out
}

func placeReport(p Place) ReportedPlace {
	return ReportedPlace{p.Label, p.Path, p.Line, p.Col, p.EndLine, p.EndCol, p.Note}
}

func breaksWords(b rule.Breaks) []string {
	out := []string{}
	for _, who := range []struct {
		bit  rule.Breaks
		word string
	}{{rule.Readers, "readers"}, {rule.OldReaders, "old_readers"}, {rule.JSONReaders, "json_readers"}, {rule.SourceCode, "source_code"}} {
		if b&who.bit != 0 {
			out = append(out, who.word)
		}
	}
	return out
}
