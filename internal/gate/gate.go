// Package gate checks the schemas of a work tree against a baseline and renders
// what it finds: for people, for pipes, as JSON and as annotations.
//
// The caller says what is compared ([Input]); the gate parses, runs the rules of
// package compat and returns a [Result]. What could not be checked is a
// [Problem] and never looks like a clean result or like a finding. The git
// baseline ([OpenGit], [MergeBase]) reads the object database through the git
// binary and checks nothing out.
package gate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
)

// An Input is everything that one check looks at.
type Input struct {
	Against  string // names the baseline, such as git:main
	Subjects []Subject
	Events   []Event
	// OldEvents are the events of the baseline; nil means that it knows no
	// events, and then none of them is missed.
	OldEvents []Event
	Waivers   []Waiver
	FailOn    rule.Severity // lowest severity that fails; empty means error
	// Severities replaces the severity of rules by id; Off drops their findings.
	Severities map[string]rule.Severity
	Now        time.Time // when the check ran, for reports; zero leaves it out
	// SchemaRoot is put before the paths of schemas, so that they can be opened
	// from the folder of the settings.
	SchemaRoot string
	// Settings is the path of the settings file; empty means wireproof.yaml.
	// Findings about events stand there.
	Settings string
	// Base is the folder of the settings as seen from the root of the repository;
	// empty if it is the root.
	Base string
	Tool string // version of this program, for reports; may be empty
	// Prove is how many generated messages are to cross, for each version and
	// direction in which no rule speaks against the change; 0 tries none. The
	// messages follow from Seed.
	Prove   int
	Seed    uint64
	Samples []Sample
	// Ignored leaves findings of a rule in a file out, unless they are verdicts of
	// the registry protocol; nil leaves out none. Files are as schemas name them.
	Ignored func(file string, r *rule.Rule) bool
	// Checker returns the rules for the schema in a file, named as schemas name it; nil
	// means those of [compat.Default] for all.
	Checker func(file string) *compat.Checker
}

// A Subject is one schema with the versions before it.
type Subject struct {
	Name    string
	Level   compat.Level
	New     lang.Source
	History []Version // live versions, oldest first; none for a new subject
}

// A Version is one earlier schema of a subject.
type Version struct {
	Label  string // says where it is kept: git:main, or orders-value v3
	Number int
	Source lang.Source

	laidOut bool // Source is not as it is kept
}

// A Sample is what came of reading real messages with the new schemas.
type Sample struct {
	Name    string // of the file or topic
	Read    int    // messages without a fault
	Skipped int    // tombstones and types that no event of the settings has
	Faults  []SampleFault
}

// A SampleFault is why messages could not be read, and how many.
type SampleFault struct {
	Subject string // empty if it is not known
	Text    string // why; where the first message is, and what it was written with
	Count   int
}

// Off, as a severity, drops the findings of a rule.
const Off rule.Severity = "off"

// A Waiver accepts one finding.
type Waiver struct {
	ID      string // of the finding
	Reason  string
	Owner   string
	Until   string // last day on which it holds, YYYY-MM-DD; may be empty
	Expired bool   // it holds no longer, which is a finding itself
	// Line and Col say where the settings name it; 0 if unknown.
	Line, Col int
}

// A Result is what a check found.
type Result struct {
	Against  string
	Findings []Finding // that count, by place
	Waived   []Finding // that a waiver accepts
	Problems []Problem // what could not be checked
	FailOn   rule.Severity
	Now      time.Time
	Elapsed  time.Duration // set by the caller; 0 leaves it out of reports

	Base string // as in Input
	Tool string // as in Input

	Lint     bool     // it is of [Lint], and each subject is a file
	Subjects int      // how many were asked for
	Names    []string // theirs, in the order of the input
	New      []string // subjects without a history, sorted
	Sampled  int      // real messages that were read, or could not be
	Proved   int      // generated messages that were tried
	Changes  []Change // subjects that differ from their latest version, by name
}

// A Change says what a changed subject asks of whoever deploys it.
type Change struct {
	Subject string
	Deploy  Deploy
}

// A Finding is one incompatibility of a subject or event, ready to be shown.
type Finding struct {
	ID       string // stable over edits that only move lines
	Rule     *rule.Rule
	Severity rule.Severity // the rule's, or what the settings make of it
	Subject  string
	Level    compat.Level // empty for findings about events
	Breaks   rule.Breaks
	Versions []string // labels of the versions that it is about, oldest first
	Message  string
	Why      string // whom it breaks, in a sentence
	Decoder  string // what decoders do with the data where the verdict is another; may be empty
	Fix      string
	Path     string // of the element
	New      Place
	Old      Place
	Edit     *rule.Edit    // of the file at New that mends it; nil where a person has to decide
	Witness  *rule.Witness // a message that shows it; nil if the finding is not about data
	// NoWitness says why there is none where there may be one; empty otherwise.
	NoWitness string
	Waiver    *Waiver // that accepts it, in Result.Waived
}

// A Problem is something that could not be checked.
type Problem struct {
	Subject string // empty if it concerns all of them
	Err     error
	Places  []Place // one for each line of what is wrong, with Note set
}

// Check runs the rules. It reads no file and asks nobody: what is to be compared
// is in the input. When ctx ends, what is left is a problem.
func Check(ctx context.Context, in Input) Result {
	c := &check{in: in, checker: in.Checker}
	if c.checker == nil {
		def := compat.Default()
		c.checker = func(string) *compat.Checker { return def }
	}
	c.in.Settings = cmp.Or(in.Settings, "wireproof.yaml")
	c.out = Result{Against: in.Against, FailOn: cmp.Or(in.FailOn, rule.Error), Now: in.Now, Subjects: len(in.Subjects), Base: in.Base, Tool: in.Tool}
	for _, s := range in.Subjects {
		c.out.Names = append(c.out.Names, s.Name)
	}
	c.subjects(ctx)
	c.events()
	c.samples()
	c.out.Findings = slices.DeleteFunc(c.out.Findings, func(f Finding) bool { return f.Severity == Off })
	c.waive()
	slices.SortFunc(c.out.New, strings.Compare)
	slices.SortStableFunc(c.out.Findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.New.Path, b.New.Path), cmp.Compare(a.New.Line, b.New.Line), cmp.Compare(a.New.Col, b.New.Col))
	})
	return c.out
}

// Exit codes of check.
const (
	exitClean      = 0
	exitFindings   = 1
	exitIncomplete = 5
)

// ExitCode returns 0 for a clean result, 1 if there are findings at or above
// FailOn, and 5 if something could not be checked, whatever else was found.
func ExitCode(r Result) int {
	switch {
	case len(r.Problems) > 0:
		return exitIncomplete
	case slices.ContainsFunc(r.Findings, r.fails):
		return exitFindings
	}
	return exitClean
}

func (r Result) fails(f Finding) bool {
	return f.Severity == rule.Error || f.Severity == rule.Warning && r.FailOn == rule.Warning
}

// A check is the state of one Check.
type check struct {
	in      Input
	checker func(file string) *compat.Checker
	out     Result
}

// severity returns that of a rule under the settings.
func (c *check) severity(r *rule.Rule) rule.Severity {
	return cmp.Or(c.in.Severities[r.ID], r.Severity)
}

// Count returns how many findings have the given severity.
func (r Result) Count(severity rule.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// broken returns the subjects with a finding that fails, and unchecked those
// that could not be checked.
func (r Result) broken() (broken, unchecked int) {
	bad, open := map[string]bool{}, map[string]bool{}
	for _, f := range r.Findings {
		if r.fails(f) && f.Level != "" {
			bad[f.Subject] = true
		}
	}
	for _, p := range r.Problems {
		if p.Subject != "" && !bad[p.Subject] {
			open[p.Subject] = true
		}
	}
	return len(bad), len(open)
}
