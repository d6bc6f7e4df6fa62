package gate

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
)

// Deploy says which side of a topic may be deployed first after a change.
type Deploy string

// Orders of deployment.
const (
	AnyOrder       Deploy = "any"             // both sides read each other
	ConsumersFirst Deploy = "consumers first" // new readers read old data, and not the other way round
	ProducersFirst Deploy = "producers first" // old readers read new data, and not the other way round
	NoOrder        Deploy = "no safe order"
)

// subjects checks all subjects, as many at a time as there are processors. The
// answers come together in the order of the subjects.
func (c *check) subjects(ctx context.Context) {
	parts := make([]part, len(c.in.Subjects))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		workers.Go(func() {
			for i := range next {
				parts[i].check(ctx, c, c.in.Subjects[i])
			}
		})
	}
	for i := range parts {
		next <- i
	}
	close(next)
	workers.Wait()
	for i, p := range parts {
		c.out.Findings = append(c.out.Findings, p.findings...)
		c.out.Problems = append(c.out.Problems, p.problems...)
		c.out.Proved += p.proved
		if p.isNew {
			c.out.New = append(c.out.New, c.in.Subjects[i].Name)
		}
		if p.deploy != "" {
			c.out.Changes = append(c.out.Changes, Change{c.in.Subjects[i].Name, p.deploy})
		}
	}
	slices.SortFunc(c.out.Changes, func(a, b Change) int { return strings.Compare(a.Subject, b.Subject) })
}

// A part is what was found about one subject.
type part struct {
	findings []Finding
	problems []Problem
	isNew    bool
	proved   int    // generated messages that were tried
	deploy   Deploy // empty if the subject did not change
}

func (p *part) check(ctx context.Context, c *check, s Subject) {
	defer func() {
		// A bug in a rule must not look like a verdict: the runtime's exit code
		// for a panic is that of a usage error, and a script may take it so.
		if r := recover(); r != nil {
			p.problems = append(p.problems, Problem{Subject: s.Name, Err: fmt.Errorf("the check panicked, which is a bug in it: %v", r)})
		}
	}()
	if err := ctx.Err(); err != nil {
		p.problems = append(p.problems, Problem{Subject: s.Name, Err: fmt.Errorf("not checked: %w", err)})
		return
	}
	newer, err := parse(s.New)
	if err != nil {
		p.problems = append(p.problems, c.problem(s, "", s.New, err))
		return
	}
	if len(s.History) == 0 {
		p.isNew = true
		return
	}
	var history []older
	for i, v := range s.History {
		last := i == len(s.History)-1
		if sameText(v.Source, s.New) || !last && !s.Level.Transitive() {
			continue // a schema is compatible with itself: there is no need to parse it twice
		}
		v = readable(v)
		schema, err := parse(v.Source)
		if err != nil {
			p.problems = append(p.problems, c.problem(s, v.Label, v.Source, err))
			continue
		}
		history = append(history, older{v, schema})
		if last {
			p.deploy = deployment(c.checker(s.New.Path), newer, schema)
		}
	}
	p.compare(c, s, newer, history)
}

// older is an earlier version, parsed.
type older struct {
	Version
	schema lang.Schema
}

func (p *part) compare(c *check, s Subject, newer lang.Schema, history []older) {
	byNumber := map[int]older{}
	var versions []compat.Version
	for _, o := range history {
		byNumber[o.Number] = o
		versions = append(versions, compat.Version{Number: o.Number, Schema: o.schema})
	}
	shown := map[int]*witness.Pair{}
	for _, f := range c.checker(s.New.Path).Check(s.Level, newer, versions).Findings {
		if c.in.Ignored != nil && f.ErrorType == "" && (c.in.Ignored(f.New.Path, f.Rule) || c.in.Ignored(f.Old.Path, f.Rule)) {
			continue
		}
		out := c.finding(s, f, byNumber)
		latest := f.Versions[len(f.Versions)-1]
		if shown[latest] == nil {
			shown[latest] = witness.NewPair(newer, byNumber[latest].schema)
		}
		if w, ok := shown[latest].Build(f.Finding); ok {
			out.Witness = w
		} else if err := shown[latest].Err(); err != nil {
			out.NoWitness = strings.TrimPrefix(err.Error(), "no witness: ")
		}
		out.Breaks = shown[latest].Whom(f.Finding)
		out.Why = why(s.Level, out.Severity, out.Breaks, short(byNumber, f.Versions))
		p.findings = append(p.findings, out)
	}
	for _, o := range history {
		p.prove(c, s, newer, o)
	}
}

// prove tries to refute the verdict on one version with generated messages, in
// each direction in which nothing was found.
func (p *part) prove(c *check, s Subject, newer lang.Schema, o older) {
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		against := slices.ContainsFunc(p.findings, func(f Finding) bool {
			return f.Breaks&dir != 0 && f.Rule.Severity == rule.Error && slices.Contains(f.Versions, o.Label)
		})
		if c.in.Prove == 0 || s.Level.Forbids()&dir == 0 || against {
			continue
		}
		w, err := witness.Prove(newer, o.schema, dir, c.in.Prove, c.in.Seed)
		if err != nil {
			p.problems = append(p.problems, Problem{Subject: s.Name, Err: fmt.Errorf("prove against %s: %w", o.Label, err)})
			continue
		}
		p.proved += c.in.Prove
		if w == nil {
			continue
		}
		f := compat.Finding{Finding: &rule.Finding{
			Rule: notProved, Breaks: dir, Message: "a generated message does not cross, although no rule speaks against the change",
			New: lang.Pos{Path: newer.Source().Path, Line: 1, Col: 1}, Old: lang.Pos{Path: o.Source.Path, Line: 1, Col: 1},
		}, Versions: []int{o.Number}}
		out := c.finding(s, f, map[int]older{o.Number: o})
		out.Why = why(s.Level, out.Severity, dir, o.short())
		out.Witness = w
		p.findings = append(p.findings, out)
	}
}

var notProved = &rule.Rule{
	ID: "EVENT_NOT_PROVED",
	Doc: `a generated message does not cross

check --prove has one side write generated messages and the other read them. No rule
found anything, and yet one of them was not read, or read as something else: the
witness shows it.

Before:  {"type": "record", "name": "Order", "fields": [{"name": "n", "type": "long"}]}
After:   a change that every rule lets pass
Instead: believe the message, and undo the change; report the two schemas, for a rule
         is missing.`,
	Fix:      "look at the witness; undo the change that it shows",
	Breaks:   rule.Readers | rule.OldReaders,
	Severity: rule.Error,
}

// deployment says which side may go first, whatever the level allows.
func deployment(checker *compat.Checker, newer, latest lang.Schema) Deploy {
	report := checker.Check(compat.Full, newer, []compat.Version{{Number: 1, Schema: latest}})
	var broken rule.Breaks
	for _, f := range report.Findings {
		// Buf's rules have no direction, so they say nothing of an order.
		if bufAlone := f.ErrorType == "" && len(f.Rule.Categories) > 0; f.Rule.Severity == rule.Error && !bufAlone {
			broken |= f.Breaks
		}
	}
	switch broken & (rule.Readers | rule.OldReaders) {
	case 0:
		return AnyOrder
	case rule.OldReaders:
		return ConsumersFirst
	case rule.Readers:
		return ProducersFirst
	}
	return NoOrder
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

func (c *check) finding(s Subject, f compat.Finding, byNumber map[int]older) Finding {
	out := Finding{
		ID: f.Fingerprint(s.Name), Rule: f.Rule, Severity: c.severity(f.Rule), Subject: s.Name, Level: s.Level, Breaks: f.Breaks,
		Message: f.Message, Decoder: f.Decoder, Fix: cmp.Or(f.Fix, f.Rule.Fix), Path: f.Path,
	}
	for _, n := range f.Versions {
		out.Versions = append(out.Versions, byNumber[n].Label)
	}
	out.New = placeOf(s.New, f.New, f.NewNote)
	out.New.Path = under(c.in.SchemaRoot, out.New.Path)
	if f.Edit != nil && f.Edit.Pos.Path != "" {
		edit := *f.Edit
		edit.Pos.Path = under(c.in.SchemaRoot, edit.Pos.Path)
		out.Edit = &edit
	}
	newest := byNumber[f.Versions[len(f.Versions)-1]]
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

// short names versions as people say them.
func short(byNumber map[int]older, versions []int) string {
	words := make([]string, len(versions))
	for i, n := range versions {
		words[i] = byNumber[n].short()
	}
	return strings.Join(words, ", ")
}

// why says whom a finding breaks, and why that counts.
func why(level compat.Level, severity rule.Severity, breaks rule.Breaks, versions string) string {
	cannot := "cannot read"
	if severity != rule.Error {
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
