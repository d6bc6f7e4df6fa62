package gate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
)

// A LintInput is what lint rules found in schemas.
type LintInput struct {
	Files      []LintFile
	Problems   []Problem
	FailOn     rule.Severity // as in [Input]
	Severities map[string]rule.Severity
	Now        time.Time
	Base, Tool string // as in [Result]
}

// A LintFile is a schema file with what was found in it. The path of its source
// is relative to the folder in which reports are read.
type LintFile struct {
	Source   lang.Source
	Findings []*rule.Finding
}

// LintRules returns the rules of style of all languages.
func LintRules() []*rule.Rule {
	return slices.Concat(avrorules.LintRules(), protorules.LintRules(), jsonrules.LintRules())
}

// LintProblem says why a schema file could not be read. The path of its source, and
// those of the mistakes, are as in [LintFile].
func LintProblem(src lang.Source, err error) Problem {
	p := Problem{Subject: src.Path, Err: err}
	for _, e := range mistakesOf(err) {
		p.Places = append(p.Places, placeOf(src, e.Pos, e.Code+": "+e.Msg))
	}
	return p
}

// Lint turns findings into a result like that of [Check], with a file in the place
// of a subject.
func Lint(in LintInput) Result {
	out := Result{FailOn: cmp.Or(in.FailOn, rule.Error), Now: in.Now, Base: in.Base, Tool: in.Tool, Problems: in.Problems, Lint: true}
	for _, p := range in.Problems {
		if p.Subject != "" && !slices.Contains(out.Names, p.Subject) {
			out.Names = append(out.Names, p.Subject)
		}
	}
	for _, file := range in.Files {
		name := file.Source.Path
		out.Names = append(out.Names, name)
		for _, f := range file.Findings {
			severity := cmp.Or(in.Severities[f.Rule.ID], f.Rule.Severity)
			if severity == Off {
				continue
			}
			pos := f.New
			pos.Path = name
			out.Findings = append(out.Findings, Finding{ID: f.Fingerprint(name), Rule: f.Rule, Severity: severity, Subject: name,
				Message: f.Message, Fix: cmp.Or(f.Fix, f.Rule.Fix), Path: f.Path, New: placeOf(file.Source, pos, f.NewNote)})
		}
	}
	out.Subjects = len(out.Names)
	slices.SortStableFunc(out.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.New.Path, b.New.Path), cmp.Compare(a.New.Line, b.New.Line), cmp.Compare(a.New.Col, b.New.Col))
	})
	return out
}
