package gate

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
)

// A Difference explains how one schema became another, whether that breaks
// somebody or not.
type Difference struct {
	Subject string
	Old     string // labels of the versions; empty for one that is not there
	New     string
	Edits   []Edit
	Deploy  Deploy
	// Findings are those of both directions: whom the change would break under
	// FULL. Those about an element are told beside it.
	Findings []Finding
}

// An Edit is one element that was added, removed or changed.
type Edit struct {
	Kind string // +, - or ~
	Path string
	What string // what it is, or each attribute from … to …
	Old  lang.Pos
	New  lang.Pos
}

// Diff compares two versions of a subject. An empty label of a version means that
// there is none.
func Diff(ctx context.Context, subject string, older, newer Version) (Difference, error) {
	d := Difference{Subject: subject, Old: older.Label, New: newer.Label, Deploy: AnyOrder}
	var sides [2][]element
	var schemas [2]lang.Schema
	for i, v := range []Version{older, newer} {
		if v.Label == "" {
			continue
		}
		s, err := parse(v.Source)
		if err != nil {
			return d, fmt.Errorf("%s: %w", v.Label, err)
		}
		schemas[i] = s
		if sides[i], err = outline(s); err != nil {
			return d, err
		}
	}
	d.Edits = edits(sides[0], sides[1])
	if schemas[0] == nil || schemas[1] == nil {
		return d, nil
	}
	v := older
	v.Number = 1
	r := Check(ctx, Input{Against: older.Label, Subjects: []Subject{{Name: subject, Level: compat.Full, New: newer.Source, History: []Version{v}}}})
	if len(r.Problems) > 0 {
		return d, r.Problems[0].Err
	}
	d.Findings = r.Findings
	for _, c := range r.Changes {
		d.Deploy = c.Deploy
	}
	return d, nil
}

// edits pairs the elements of both sides by key.
func edits(older, newer []element) []Edit {
	was, is := map[string]element{}, map[string]element{}
	for _, e := range older {
		was[e.key] = e
	}
	for _, e := range newer {
		is[e.key] = e
	}
	var out []Edit
	for _, e := range newer {
		o, ok := was[e.key]
		if !ok {
			out = append(out, Edit{"+", e.path, describeElement(e), lang.Pos{}, e.pos})
		} else if what := changes(o, e); what != "" {
			out = append(out, Edit{"~", e.path, what, o.pos, e.pos})
		}
	}
	for _, e := range older {
		if _, ok := is[e.key]; !ok {
			out = append(out, Edit{"-", e.path, describeElement(e), e.pos, lang.Pos{}})
		}
	}
	return out
}

// describeElement says what an added or removed element is.
func describeElement(e element) string {
	var parts []string
	for _, a := range e.attrs {
		if a.name != "name" {
			parts = append(parts, strings.TrimSpace(a.name+" "+shorten(a.value)))
		}
	}
	return strings.Join(parts, ", ")
}

// changes says how the attributes differ, or nothing.
func changes(older, newer element) string {
	value := func(e element, name string) (string, bool) {
		for _, a := range e.attrs {
			if a.name == name {
				return a.value, true
			}
		}
		return "", false
	}
	var out []string
	for _, a := range newer.attrs {
		was, ok := value(older, a.name)
		switch name := cmp.Or(a.name, "type"); {
		case !ok:
			out = append(out, fmt.Sprintf("%s %s is new", name, shorten(a.value)))
		case was != a.value:
			out = append(out, fmt.Sprintf("%s %s → %s", name, shorten(was), shorten(a.value)))
		}
	}
	for _, a := range older.attrs {
		if _, ok := value(newer, a.name); !ok {
			out = append(out, fmt.Sprintf("%s %s is gone", cmp.Or(a.name, "type"), shorten(a.value)))
		}
	}
	return strings.Join(out, "; ")
}

// DiffText writes differences for people: each subject with what was added (+),
// removed (-) and changed (~), then whom that breaks.
func DiffText(w io.Writer, differences []Difference, color bool) error {
	t := &textWriter{w: bufio.NewWriter(w), color: color}
	for i, d := range differences {
		if i > 0 {
			t.printf("\n")
		}
		from, to := shortLabel(cmp.Or(d.Old, "nothing")), shortLabel(cmp.Or(d.New, "nothing"))
		t.printf("%s  %s → %s\n", t.paint(bold, Clean(d.Subject)), Clean(from), Clean(to))
		width := 0
		for _, e := range d.Edits {
			width = max(width, min(len(e.Path), 40))
		}
		paint := map[string]string{"+": green, "-": red, "~": yellow}
		for _, e := range d.Edits {
			t.printf("  %s %-*s  %s\n", t.paint(paint[e.Kind], e.Kind), width, Clean(e.Path), Clean(e.What))
		}
		if len(d.Edits) == 0 {
			t.printf("  the same, but for layout and comments\n")
		}
		for _, f := range d.Findings {
			t.printf("  %s %s: %s (%s)\n", t.paint(severityColor(f.Severity), string(f.Severity)), f.Rule.ID, Clean(f.Message), whom(f.Breaks))
		}
		if d.Old != "" && d.New != "" {
			t.printf("  %s\n", verdict(d))
		}
	}
	return t.w.Flush()
}

func severityColor(s rule.Severity) string {
	switch s {
	case rule.Error:
		return red
	case rule.Warning:
		return yellow
	}
	return blue
}

func whom(b rule.Breaks) string {
	switch b & (rule.Readers | rule.OldReaders) {
	case rule.Readers:
		return "new readers of old data"
	case rule.OldReaders:
		return "old readers of new data"
	case rule.Readers | rule.OldReaders:
		return "both sides"
	}
	return "no reader"
}

// verdict says under which levels the change is allowed.
func verdict(d Difference) string {
	switch d.Deploy {
	case AnyOrder:
		return "allowed under every level; deploy in any order"
	case ConsumersFirst:
		return "allowed under BACKWARD, not under FORWARD or FULL; deploy consumers first"
	case ProducersFirst:
		return "allowed under FORWARD, not under BACKWARD or FULL; deploy producers first"
	}
	return "allowed under NONE only; no order of deployment is safe"
}

// DiffSummary says how many subjects differ, how, and from what.
func DiffSummary(differences []Difference, against string) string {
	broken := 0
	for _, d := range differences {
		if slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Severity == rule.Error }) {
			broken++
		}
	}
	verb := "differ"
	if len(differences) == 1 {
		verb = "differs"
	}
	return fmt.Sprintf("%s %s, %d not allowed under FULL, against %s", plural(len(differences), "subject"), verb, broken, shortLabel(against))
}
