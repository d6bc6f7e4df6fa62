package protobuf

import (
	"fmt"

	"github.com/wireproof/wireproof/lang"
)

// The compiler tells every mistake of a text, at two kilobytes each, and cannot be
// stopped. So texts in which everything is wrong do not get to it: those that even
// our own parser refuses, if they are long, and those that declare the same things
// again and again.

// withMore cuts a list to the mistakes that are told; it ends with one that says
// that there are more.
func withMore(bad lang.ErrorList) lang.ErrorList {
	if len(bad) <= maxMistakes {
		return bad
	}
	return append(bad[:maxMistakes:maxMistakes], &lang.Error{Pos: bad[maxMistakes].Pos, Code: "PROTO_LIMIT_MISTAKES",
		Msg: fmt.Sprintf("there are more mistakes than these %d", maxMistakes)})
}

// duplicates reports fields with a number or a name, and types and constants with
// a name, that another in the same place has already. It stops after one more than
// are told.
func duplicates(path, text string, f *fileNode) lang.ErrorList {
	d := duplicateFinder{lines: newLines(path, text)}
	d.types(f.messages, f.enums)
	return d.bad
}

type duplicateFinder struct {
	lines *lines
	bad   lang.ErrorList
}

// once reports a key that was seen before.
func (d *duplicateFinder) once(seen map[string]bool, kind, key string, at span) {
	if seen[kind+key] && len(d.bad) <= maxMistakes {
		d.bad = append(d.bad, &lang.Error{Pos: d.lines.pos(at.start, at.end), Code: "PROTO_DUPLICATE",
			Msg: fmt.Sprintf("the %s %s is taken already, expected another", kind, key)})
	}
	seen[kind+key] = true
}

func (d *duplicateFinder) types(messages []*messageNode, enums []*enumNode) {
	seen := map[string]bool{}
	for _, m := range messages {
		d.once(seen, "name", m.name, m.at)
		d.message(m)
	}
	for _, e := range enums {
		d.once(seen, "name", e.name, e.at)
		values := map[string]bool{}
		for _, v := range e.values {
			d.once(values, "name", v.name, v.nameAt)
		}
	}
}

func (d *duplicateFinder) message(m *messageNode) {
	seen := map[string]bool{}
	fields := func(fs []*fieldNode) {
		for _, f := range fs {
			d.once(seen, "name", f.name, f.nameAt)
			d.once(seen, "number", f.number, f.numberAt)
			if f.group != nil {
				d.message(f.group)
			}
		}
	}
	fields(m.fields)
	for _, o := range m.oneofs {
		fields(o.fields)
	}
	d.types(m.messages, m.enums)
}
