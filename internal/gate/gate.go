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
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
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
	Now       time.Time     // when the check ran, for reports; zero leaves it out
	// SchemaRoot is put before the paths of schemas, so that they can be opened
	// from the folder of the settings.
	SchemaRoot string
	// Settings is the path of the settings file; empty means wireproof.yaml.
	// Findings about events stand there.
	Settings string
	// Checker holds the rules; nil means [compat.Default].
	Checker *compat.Checker
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

// A Waiver accepts one finding.
type Waiver struct {
	ID      string // of the finding
	Reason  string
	Owner   string
	Expired bool // it holds no longer, which is a finding itself
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

	Subjects int      // how many were asked for
	New      []string // subjects without a history, sorted
}

// A Finding is one incompatibility of a subject or event, ready to be shown.
type Finding struct {
	ID       string // stable over edits that only move lines
	Rule     *rule.Rule
	Subject  string
	Level    compat.Level // empty for findings about events
	Breaks   rule.Breaks
	Versions []string // labels of the versions that it is about, oldest first
	Message  string
	Why      string // whom it breaks, in a sentence
	Fix      string
	Path     string // of the element
	New      Place
	Old      Place
	Waiver   *Waiver // that accepts it, in Result.Waived
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
	c := &check{in: in, checker: cmp.Or(in.Checker, compat.Default())}
	c.in.Settings = cmp.Or(in.Settings, "wireproof.yaml")
	c.out = Result{Against: in.Against, FailOn: cmp.Or(in.FailOn, rule.Error), Now: in.Now, Subjects: len(in.Subjects)}
	for _, s := range in.Subjects {
		if err := ctx.Err(); err != nil {
			c.out.Problems = append(c.out.Problems, Problem{Subject: s.Name, Err: fmt.Errorf("not checked: %w", err)})
			continue
		}
		c.subject(s)
	}
	c.events()
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
	return f.Rule.Severity == rule.Error || r.FailOn == rule.Warning
}

// A check is the state of one Check.
type check struct {
	in      Input
	checker *compat.Checker
	out     Result
}

func (c *check) subject(s Subject) {
	defer func() {
		// A bug in a rule must not look like a verdict: the runtime's exit code
		// for a panic is that of a usage error, and a script may take it so.
		if r := recover(); r != nil {
			c.out.Problems = append(c.out.Problems, Problem{Subject: s.Name, Err: fmt.Errorf("the check panicked, which is a bug in it: %v", r)})
		}
	}()
	newer, err := parse(s.New)
	if err != nil {
		c.problem(s, "", s.New, err)
		return
	}
	if len(s.History) == 0 {
		c.out.New = append(c.out.New, s.Name)
		return
	}
	if s.Level == compat.None {
		return
	}
	texts := map[int]Version{}
	var history []compat.Version
	for _, v := range s.History {
		if sameText(v.Source, s.New) {
			continue // a schema is compatible with itself: there is no need to parse it twice
		}
		if !c.compares(s, v) {
			continue
		}
		v = readable(v)
		older, err := parse(v.Source)
		if err != nil {
			c.problem(s, v.Label, v.Source, err)
			continue
		}
		texts[v.Number] = v
		history = append(history, compat.Version{Number: v.Number, Schema: older})
	}
	for _, f := range c.checker.Check(s.Level, newer, history).Findings {
		c.out.Findings = append(c.out.Findings, c.finding(s, f, texts))
	}
}

// compares reports whether the level of s asks for v at all: those that are not
// transitive ask for the latest only.
func (c *check) compares(s Subject, v Version) bool {
	return s.Level.Transitive() || v.Number == s.History[len(s.History)-1].Number
}

func sameText(a, b lang.Source) bool {
	return a.Type == b.Type && a.Text == b.Text && slices.EqualFunc(a.References, b.References, func(x, y lang.Reference) bool {
		switch {
		case x.Name != y.Name:
			return false
		case x.Source == nil || y.Source == nil:
			return reflect.DeepEqual(x, y)
		}
		return sameText(*x.Source, *y.Source)
	})
}

func parse(src lang.Source) (lang.Schema, error) {
	for _, l := range all.Languages() {
		if l.Type() == cmp.Or(src.Type, lang.Avro) {
			return l.Parse(src)
		}
	}
	return nil, fmt.Errorf("%s: schemas of type %s cannot be read by this build", src.Path, src.Type)
}

func (c *check) finding(s Subject, f compat.Finding, texts map[int]Version) Finding {
	out := Finding{
		ID: f.Fingerprint(s.Name), Rule: f.Rule, Subject: s.Name, Level: s.Level, Breaks: f.Breaks,
		Message: f.Message, Fix: cmp.Or(f.Fix, f.Rule.Fix), Path: f.Path,
	}
	var short []string
	for _, n := range f.Versions {
		out.Versions = append(out.Versions, texts[n].Label)
		short = append(short, texts[n].short())
	}
	out.Why = why(s.Level, f.Rule.Severity, f.Breaks, strings.Join(short, ", "))
	out.New = placeOf(s.New, f.New, f.NewNote)
	out.New.Path = under(c.in.SchemaRoot, out.New.Path)
	newest := texts[f.Versions[len(f.Versions)-1]]
	out.Old = placeOf(newest.Source, f.Old, f.OldNote)
	out.Old.Label = newest.Label
	if out.Old.Path == newest.Label {
		out.Old.Path = ""
	}
	if newest.laidOut {
		out.Old.Label += " (pretty-printed)"
	}
	if newest.isTree() {
		out.Old.Path = under(c.in.SchemaRoot, out.Old.Path)
	}
	return out
}

// why says whom a finding breaks, and why that counts.
func why(level compat.Level, severity rule.Severity, breaks rule.Breaks, versions string) string {
	cannot := "cannot read"
	if severity == rule.Warning {
		cannot = "may misread"
	}
	var who []string
	if breaks&rule.Readers != 0 {
		of := ""
		if strings.Contains(versions, ":") {
			of = "data of " // git:main is no data itself
		}
		who = append(who, "readers on the new schema "+cannot+" "+of+versions)
	}
	if breaks&rule.OldReaders != 0 {
		who = append(who, "readers on "+versions+" "+cannot+" new records")
	}
	if len(who) == 0 {
		who = append(who, "it differs from "+versions)
	}
	return string(level) + ": " + strings.Join(who, "; ")
}

// waive takes the accepted findings out, and reports waivers that have expired.
func (c *check) waive() {
	byID := map[string]*Waiver{}
	for i, w := range c.in.Waivers {
		if !w.Expired {
			byID[w.ID] = &c.in.Waivers[i]
			continue
		}
		f := rule.Finding{Rule: waiverExpired, Path: w.ID, Message: fmt.Sprintf("the waiver for %s (%s) has expired: %s", w.ID, w.Owner, w.Reason)}
		c.out.Findings = append(c.out.Findings, c.eventFinding(f, "waivers", Event{}, Event{}))
	}
	var left []Finding
	for _, f := range c.out.Findings {
		if w, ok := byID[f.ID]; ok {
			f.Waiver = w
			c.out.Waived = append(c.out.Waived, f)
			continue
		}
		left = append(left, f)
	}
	c.out.Findings = left
}

// count returns how many findings have the given severity.
func (r Result) count(severity rule.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Rule.Severity == severity {
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
