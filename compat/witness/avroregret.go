package witness

import (
	"fmt"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/avro"
)

// What resolution lets pass shows in other ways than faults.

// renamed shows a field whose value the reader no longer sees, as it takes the default
// of a field that has another name.
func (e *avroEngine) renamed(rKey, wKey spotKey) *rule.Witness {
	const most = 16
	near := e.byReader[rKey]
	var best *rule.Witness
	for _, s := range near[:min(most, len(near))] {
		r, w := s.site.reader, s.site.writer
		rf, wf := fieldAt(r, rKey), fieldAt(w, wKey)
		if rf < 0 || wf < 0 || r.Fields[rf].Default == nil || !e.steps.take(len(w.Fields)) {
			continue
		}
		whole := e.least(r, w)
		if whole == nil {
			continue
		}
		typ := w.Fields[wf].Type
		def, err := ofDefault(r.Fields[rf].Type, r.Fields[rf].Default, e.resolver.steps)
		if err != nil {
			continue
		}
		for _, v := range append(edgesOf(typ), e.values(&spot{site: site{reader: typ, writer: typ}}, most)...) {
			m := e.message(s, &value{items: replaced(whole.items, wf, v)})
			if m == nil {
				continue
			}
			data, read, faults, err := e.cross(m, noClass)
			if err != nil || len(faults) > 0 {
				continue
			}
			is, was := string(appendJSON(nil, r.Fields[rf].Type, def, false)), string(appendJSON(nil, typ, v, false))
			if is == was || len(is)+len(was) > 200 {
				continue
			}
			if best == nil || len(data) < len(best.Data) {
				best = e.show(m, data, read, fault{comment: fmt.Sprintf("%s has %s, and the reader takes the default %s for %s",
					longer(s.path, "."+short(w.Fields[wf].Name)), was, is, short(r.Fields[rf].Name))})
			}
		}
	}
	return best
}

func fieldAt(t *avro.Type, at spotKey) int {
	for i, f := range t.Fields {
		if keyOf(f.NamePos) == at {
			return i
		}
	}
	return -1
}

func replaced(items []*value, i int, v *value) []*value {
	out := append([]*value(nil), items...)
	out[i] = v
	return out
}

// reordered shows the symbol that a reader finds who takes its own list for that of
// the writer. Who resolves by name finds the right one.
func (e *avroEngine) reordered(wKey spotKey) *rule.Witness {
	for _, s := range e.spots {
		r, w := s.site.reader, s.site.writer
		if !e.steps.take(1) {
			return nil
		}
		if r.Kind != avro.Enum || w.Kind != avro.Enum || !e.steps.take(len(w.Symbols)) {
			continue
		}
		for _, v := range e.symbolAt(s, wKey) {
			m := e.message(s, v)
			if m == nil || v.n >= int64(len(r.Symbols)) || r.Symbols[v.n].Name == w.Symbols[v.n].Name {
				continue
			}
			data, err := appendValue(nil, e.writer.Root, m)
			if err != nil {
				return nil
			}
			d := &decoder{data, budget{maxNodes}}
			read, err := d.value(e.reader.Root)
			if err != nil || len(d.data) > 0 {
				continue
			}
			return e.show(m, data, read, fault{comment: fmt.Sprintf("a reader that takes its own list of symbols for the writer's finds %s in %s",
				short(r.Symbols[v.n].Name), s.path)})
		}
	}
	return nil
}
