package gate

import (
	"encoding/hex"
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
	Schema     string            `json:"schema" enum:"wireproof.check/v1"` // SchemaV1
	Against    string            `json:"against"`
	CheckedAt  string            `json:"checked_at,omitempty"` // RFC 3339, UTC
	ElapsedMS  int64             `json:"elapsed_ms,omitempty"`
	ExitCode   int               `json:"exit_code"`
	Complete   bool              `json:"complete"`   // everything could be checked
	Compatible bool              `json:"compatible"` // and no finding fails
	Summary    ReportSummary     `json:"summary"`
	Deploy     string            `json:"deploy"`  // of all changes together: any, consumers first, producers first, no safe order
	Changes    []ReportedChange  `json:"changes"` // subjects that differ from their latest version
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
	Infos    int      `json:"infos"`
	Sampled  int      `json:"sampled,omitempty"` // real messages that were read, or could not be
	Proved   int      `json:"proved,omitempty"`  // generated messages that were tried
}

// A ReportedChange is a [Change].
type ReportedChange struct {
	Subject string `json:"subject"`
	Deploy  string `json:"deploy" enum:"any,consumers first,producers first,no safe order"`
}

// A ReportedWitness is a message that shows a finding.
type ReportedWitness struct {
	Writer  string `json:"writer" enum:"old,new"` // old or new: the side that wrote the message
	Message string `json:"message"`               // as its writer sees it, in JSON
	Data    string `json:"data"`                  // as its writer encodes it, without a frame, in hexadecimal
	Read    string `json:"read,omitempty"`        // what the other side reads, in JSON; absent if it fails
	Error   string `json:"error,omitempty"`       // why it fails; absent if it reads another value in silence
	Comment string `json:"comment,omitempty"`     // what to look at
}

// A ReportedEdit replaces bytes of a file.
type ReportedEdit struct {
	File   string `json:"file"`
	Offset int    `json:"offset"` // in bytes from the start of the file
	Length int    `json:"length"` // of what is replaced; 0 inserts
	Text   string `json:"text"`
}

// A ReportedFinding is a [Finding].
type ReportedFinding struct {
	ID        string           `json:"id"`
	Rule      string           `json:"rule"`
	Severity  string           `json:"severity" enum:"error,warning,info"`
	Subject   string           `json:"subject"`
	Level     string           `json:"level,omitempty"`
	Breaks    []string         `json:"breaks" enum:"readers,old_readers,json_readers,source_code"`
	Versions  []string         `json:"versions"`
	Message   string           `json:"message"`
	Why       string           `json:"why,omitempty"`
	Decoder   string           `json:"decoder,omitempty"` // what decoders do, where that is not the verdict
	Fix       string           `json:"fix,omitempty"`
	Edit      *ReportedEdit    `json:"edit,omitempty"` // that mends it for certain
	Witness   *ReportedWitness `json:"witness,omitempty"`
	NoWitness string           `json:"no_witness,omitempty"` // why there is none where there may be one
	Path      string           `json:"path"`                 // of the element in the schema
	New       *ReportedPlace   `json:"new,omitempty"`
	Old       *ReportedPlace   `json:"old,omitempty"`
	Waiver    *ReportedCause   `json:"waiver,omitempty"`
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
		Summary: ReportSummary{r.Subjects, append([]string{}, r.New...), r.Count(rule.Error), r.Count(rule.Warning), r.Count(rule.Info), r.Sampled, r.Proved}, Deploy: string(DeployFirst(r.Changes)), Changes: []ReportedChange{},
		Problems: []ReportedProblem{},
	}
	if !r.Now.IsZero() {
		out.CheckedAt = r.Now.UTC().Format(time.RFC3339)
	}
	for _, c := range r.Changes {
		out.Changes = append(out.Changes, ReportedChange{c.Subject, string(c.Deploy)})
	}
	out.Findings, out.Waived = ReportFindings(r.Findings), ReportFindings(r.Waived)
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

// ReportFindings returns findings as a report has them; never nil.
func ReportFindings(findings []Finding) []ReportedFinding {
	out := []ReportedFinding{}
	for _, f := range findings {
		out = append(out, reported(f))
	}
	return out
}

func reported(f Finding) ReportedFinding {
	out := ReportedFinding{
		ID: f.ID, Rule: f.Rule.ID, Severity: string(f.Severity), Subject: f.Subject, Level: string(f.Level),
		Breaks: breaksWords(f.Breaks), Versions: append([]string{}, f.Versions...), Message: f.Message, Why: f.Why, Fix: f.Fix,
		Decoder: f.Decoder, Witness: reportedWitness(f.Witness), NoWitness: f.NoWitness,
		Path: f.Path, New: reportedPlace(f.New), Old: reportedPlace(f.Old),
	}
	if f.Edit != nil {
		out.Edit = &ReportedEdit{f.Edit.Pos.Path, f.Edit.Pos.Start, f.Edit.Pos.End - f.Edit.Pos.Start, f.Edit.Text}
	}
	if f.Waiver != nil {
		out.Waiver = &ReportedCause{f.Waiver.Owner, f.Waiver.Reason}
	}
	return out
}

func reportedWitness(w *rule.Witness) *ReportedWitness {
	if w == nil {
		return nil
	}
	writer := "old"
	if w.Writer == rule.OldReaders {
		writer = "new"
	}
	return &ReportedWitness{writer, w.JSON, hex.EncodeToString(w.Data), w.Read, w.Err, w.Comment}
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
