package jsonrules

import (
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// A Difference is one place where two schemas differ.
type Difference struct {
	// Type is the protocol's name for it, such as MAX_LENGTH_DECREASED, or the
	// id of a rule for what the protocol does not compare.
	Type string
	// Path leads to it: "#/properties/a/maxLength".
	Path       string
	Compatible bool // under the policy
}

// Differences returns how update differs from original, in the order of the
// walk, compatible differences included. Compatible is whether update reads what
// original wrote: whether each difference is.
func Differences(update, original *jsonschema.Schema, policy Policy) (list []Difference, compatible bool) {
	r := compareRoots(original.Root(), update.Root(), policy)
	for _, d := range r.diffs {
		list = append(list, Difference{d.kind.name, d.path.String(), !d.bad})
	}
	return list, !r.incompatible
}

// Check returns everything that breaks when newer takes the place of older, and
// warnings of what might. With dir [rule.Readers] newer reads data of older; with
// [rule.OldReaders] older reads data of newer. Any other dir is nobody, and
// nothing breaks.
func Check(newer, older *jsonschema.Schema, dir rule.Breaks, policy Policy) []*rule.Finding {
	original, update := older, newer
	switch dir {
	case rule.Readers:
	case rule.OldReaders:
		original, update = newer, older
	default:
		return nil
	}
	var out []*rule.Finding
	for _, d := range compareRoots(original.Root(), update.Root(), policy).diffs {
		if d.bad || d.kind.ours {
			out = append(out, finding(d, dir))
		}
	}
	return out
}

// finding words a difference that has a rule: each that may be incompatible has.
func finding(d diff, dir rule.Breaks) *rule.Finding {
	f := &rule.Finding{
		Rule: d.kind.rule, Breaks: dir, Message: d.kind.message(d.said, dir),
		Path: d.path.String(), Pointer: d.path.String(), ErrorType: d.kind.rule.ErrorType,
		New: d.uPos, Old: d.oPos, NewNote: "the new schema reads with this", OldNote: "records already written fit this",
	}
	if dir == rule.OldReaders {
		f.New, f.Old = d.oPos, d.uPos
		f.NewNote, f.OldNote = "new records fit this", "the old schema reads with this"
	}
	return f
}

// message words a difference. {name}, {o} and {u} are its particulars; {r} is the
// schema that reads and {w} the one that wrote.
func (k *kind) message(s said, dir rule.Breaks) string {
	reader, writer := "new", "old"
	if dir == rule.OldReaders {
		reader, writer = "old", "new"
	}
	name := s.name
	if strings.Contains(k.say, "property {name}") {
		name = strconv.Quote(cut(s.name))
	}
	return strings.NewReplacer("{r}", reader, "{w}", writer, "{name}", cut(name), "{o}", s.o, "{u}", s.u).Replace(k.say)
}

// describe says what a schema takes.
func describe(n *jsonschema.Node) string {
	switch n.Kind {
	case jsonschema.Number:
		if n.Integer {
			return "integer"
		}
	case jsonschema.Combined:
		if n.Synthetic {
			return "several schemas at once"
		}
		if v := n.Value.Get("type"); v != nil && v.Kind == lang.Array && n.Criterion == jsonschema.Any {
			return "a list of types"
		}
		return string(n.Criterion)
	case jsonschema.Enum, jsonschema.Const:
		return "values given by " + n.Kind.String()
	}
	return n.Kind.String()
}

// cut shortens a text that an author chose to what fits into a message.
func cut(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && s[end]&0xc0 == 0x80 {
		end--
	}
	return s[:end] + "..."
}
