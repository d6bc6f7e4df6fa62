// Package compat decides whether a schema may follow the versions before it. It
// joins the rules of each language with the levels of the registry protocol;
// what a rule says is the business of compat/avrorules, compat/protorules and
// compat/jsonrules.
//
// It decides on parsed schemas only: no file, no registry, no clock. A [Checker]
// is immutable and safe for concurrent use.
package compat

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
)

// A Language pairs a schema language with its rules.
type Language struct {
	Type  lang.Type
	Rules []*rule.Rule
	// Check returns what breaks when newer takes the place of older, for one of
	// the directions: [rule.Readers], newer reads older, or [rule.OldReaders].
	// Both schemas are of Type. A language whose verdicts know no policy ignores
	// it.
	Check func(policy Policy, newer, older lang.Schema, dir rule.Breaks) []*rule.Finding
	// Gate is Check with the findings that no registry knows. Nil means Check.
	Gate func(newer, older lang.Schema, dir rule.Breaks) []*rule.Finding
}

// A Checker knows the rules of some languages.
type Checker struct {
	languages []Language
}

// New returns a checker for the given languages. Of two with the same type the
// first holds.
func New(languages ...Language) *Checker {
	return &Checker{languages: slices.Clone(languages)}
}

// With returns a checker with l in the place of the language of its type.
func (c *Checker) With(l Language) *Checker {
	languages := slices.DeleteFunc(slices.Clone(c.languages), func(have Language) bool { return have.Type == l.Type })
	return New(append(languages, l)...)
}

// Default returns a checker for all languages of this module.
func Default() *Checker { return New(avroLanguage(), Protobuf(wireJSON()), jsonLanguage()) }

// A Version is an earlier version of a subject.
type Version struct {
	Number int
	Schema lang.Schema
}

// A Report is all that speaks against a schema.
type Report struct {
	// Compatible is whether no finding is of severity error.
	Compatible bool
	Findings   []Finding
}

// A Finding is an incompatibility with one version or several. Its Breaks is a
// set here: both Readers and OldReaders where the same change breaks both. Its
// old position is in the newest of the versions.
type Finding struct {
	*rule.Finding
	Versions []int // ascending
}

// Check compares newer with the versions that level asks for: the last of
// history, or all of it. History is oldest first and holds live versions only.
// Every finding is reported, those with the newest version first; one that
// several versions share is reported once. The policy is [Strict].
func (c *Checker) Check(level Level, newer lang.Schema, history []Version) Report {
	report := Report{Compatible: true}
	if level.Forbids() == 0 {
		return report
	}
	at := map[findingKey]int{}
	for _, v := range newestFirst(level, history) {
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			if level.Forbids()&dir == 0 {
				continue
			}
			for _, f := range c.gate(newer, v.Schema, dir) {
				report.add(at, f, v.Number)
			}
		}
	}
	return report
}

type findingKey struct{ id, path, message string }

func (r *Report) add(at map[findingKey]int, f *rule.Finding, version int) {
	r.Compatible = r.Compatible && f.Rule.Severity != rule.Error
	key := findingKey{f.Rule.ID, f.Path, f.Message}
	i, ok := at[key]
	if !ok {
		copied := *f
		at[key] = len(r.Findings)
		r.Findings = append(r.Findings, Finding{&copied, []int{version}})
		return
	}
	have := &r.Findings[i]
	have.Breaks |= f.Breaks
	if pos, found := slices.BinarySearch(have.Versions, version); !found {
		have.Versions = slices.Insert(have.Versions, pos, version)
	}
}

// newestFirst returns the versions that level compares with.
func newestFirst(level Level, history []Version) []Version {
	out := slices.Clone(history)
	slices.Reverse(out)
	if !level.Transitive() {
		out = out[:min(1, len(out))]
	}
	return out
}

// First answers as the registry protocol does: the newest version is compared
// first, and the first that fails ends the check. It returns that version with
// its differences as [Checker.Differences] orders them, and none if newer may
// follow the history, which is oldest first.
func (c *Checker) First(level Level, newer lang.Schema, history []Version) (Version, []*rule.Finding) {
	for _, v := range newestFirst(level, history) {
		if found := c.Differences(level, newer, v.Schema); len(found) > 0 {
			return v, found
		}
	}
	return Version{}, nil
}

// Differences returns what the registry protocol counts against newer after
// older: first what older cannot read of newer, then what newer cannot read of
// older, as far as level forbids it. Findings that are one difference in the
// protocol's words are returned once; findings that are none are left out. The
// policy is [Strict].
func (c *Checker) Differences(level Level, newer, older lang.Schema) []*rule.Finding {
	return c.DifferencesUnder(Strict, level, newer, older)
}

// DifferencesUnder is [Checker.Differences] under a policy.
func (c *Checker) DifferencesUnder(policy Policy, level Level, newer, older lang.Schema) []*rule.Finding {
	var out []*rule.Finding
	for _, dir := range []rule.Breaks{rule.OldReaders, rule.Readers} {
		if level.Forbids()&dir == 0 {
			continue
		}
		said := map[[3]string]bool{}
		for _, f := range c.compare(policy, newer, older, dir) {
			words := [3]string{f.ErrorType, f.Pointer, f.Info}
			if f.Rule.Severity != rule.Error || f.ErrorType == "" || said[words] {
				continue
			}
			said[words] = true
			out = append(out, f)
		}
		if older.Source().Type != newer.Source().Type {
			break // one difference, whichever way one looks
		}
	}
	return out
}

// gate is compare with what no registry says.
func (c *Checker) gate(newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
	if is := typeOf(newer); is == typeOf(older) {
		for _, l := range c.languages {
			if l.Type == is && l.Gate != nil {
				return l.Gate(newer, older, dir)
			}
		}
	}
	return c.compare(Strict, newer, older, dir)
}

func (c *Checker) compare(policy Policy, newer, older lang.Schema, dir rule.Breaks) []*rule.Finding {
	was, is := typeOf(older), typeOf(newer)
	whole := &rule.Finding{
		Rule: languageChanged, Breaks: dir, Path: "", ErrorType: languageChanged.ErrorType, Pointer: "/",
		New: start(newer), Old: start(older),
		Message: fmt.Sprintf("the schema language changed from %s to %s", was, is),
	}
	if was != is {
		return []*rule.Finding{whole}
	}
	for _, l := range c.languages {
		if l.Type == is {
			return l.Check(policy, newer, older, dir)
		}
	}
	whole.Rule, whole.ErrorType = noRules, noRules.ErrorType
	whole.Message = fmt.Sprintf("there are no rules for %s, so no change of it can be called compatible", is)
	return []*rule.Finding{whole}
}

func typeOf(s lang.Schema) lang.Type { return cmp.Or(s.Source().Type, lang.Avro) }

// start is the position of a whole text.
func start(s lang.Schema) lang.Pos {
	return lang.Pos{Path: s.Source().Path, Line: 1, Col: 1}
}

// Rules returns every rule, language by language.
func (c *Checker) Rules() []*rule.Rule {
	out := []*rule.Rule{languageChanged, noRules}
	for _, l := range c.languages {
		out = append(out, l.Rules...)
	}
	return out
}

// Rule returns the rule with the given id.
func (c *Checker) Rule(id string) (*rule.Rule, bool) {
	for _, r := range c.Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return nil, false
}

var languageChanged = &rule.Rule{
	ID: "EVENT_LANGUAGE_CHANGED",
	Doc: `the schema language of a subject changed

Data of one language cannot be read with a schema of another, and a consumer that
was built for one has no codec for the other.

Before:  orders-value is an Avro schema
After:   orders-value is a Protobuf schema
Instead: publish the new schema on a topic, or at least under a subject, of its
own, and move the consumers.`,
	Fix:       "publish the new schema under a subject of its own",
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: "SCHEMA_TYPE_MISMATCH",
}

var noRules = &rule.Rule{
	ID: "EVENT_LANGUAGE_UNKNOWN",
	Doc: `nothing is known about changes in this schema language

This build has no rules for the language, so it calls no change compatible.

Before:  {"type": "object"}
After:   {"type": "object", "required": ["id"]}
Instead: set the level NONE for the subject and review its changes by hand.`,
	Fix:       "set the level NONE for this subject",
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: "SCHEMA_TYPE_UNKNOWN",
}
