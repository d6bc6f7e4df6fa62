package witness

import (
	"math/rand/v2"
	"slices"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// random returns a document that has a fair chance to be one of w.
func (e *jsonEngine) random(w, r *jsonschema.Node, rnd *rand.Rand, depth int) *lang.Value {
	w, r = w.Resolved(), r.Resolved()
	pick := func(all []*lang.Value) *lang.Value {
		if len(all) == 0 {
			return &lang.Value{}
		}
		return all[rnd.IntN(len(all))]
	}
	if w == nil || depth <= 0 || rnd.IntN(4) == 0 {
		return pick(e.gen.choices(w, r, depth))
	}
	switch w.Kind {
	case jsonschema.Combined:
		if len(w.Members) > 0 {
			return e.randomMember(w, r, rnd, depth)
		}
	case jsonschema.Object:
		return e.randomObject(w, object0(r), rnd, depth)
	case jsonschema.Array:
		out := array()
		other := same(r, jsonschema.Array)
		low, _ := e.gen.limitOf(w, "minItems")
		high, ok := e.gen.limitOf(w, "maxItems")
		if !ok {
			high = low + 3
		}
		for i := range min(low+rnd.IntN(max(high-low, 0)+1), 20) {
			out.Items = append(out.Items, e.random(e.gen.item(w, i), e.gen.item(other, i), rnd, depth-1))
		}
		return out
	}
	return pick(e.gen.choices(w, r, depth))
}

func (e *jsonEngine) randomMember(w, r *jsonschema.Node, rnd *rand.Rand, depth int) *lang.Value {
	i := rnd.IntN(len(w.Members))
	v := e.random(w.Members[i], r, rnd, depth-1)
	if w.Criterion == jsonschema.All && v.Kind == lang.Object {
		for j, m := range w.Members {
			if j != i {
				if other := e.random(m, r, rnd, depth-1); other.Kind == lang.Object {
					v = merge(other, v)
				}
			}
		}
	}
	return v
}

func (e *jsonEngine) randomObject(w, r *jsonschema.Node, rnd *rand.Rand, depth int) *lang.Value {
	out := object()
	for _, name := range e.gen.names(w, r) {
		if !w.Required[name] && rnd.IntN(2) == 0 {
			continue
		}
		out = with(out, name, e.random(e.gen.part(w, name), e.gen.part(r, name), rnd, depth-1))
	}
	if rnd.IntN(4) != 0 {
		out = e.gen.closed(w, r, out, depth)
	}
	return out
}

const (
	luckyTries = 4000
	luckySteps = 4 * buildSteps
)

// luckyAt tries random documents where a search with a plan has found none.
func (e *jsonEngine) luckyAt(spots []*jsonSpot) *rule.Witness {
	var places [][]any
	for _, s := range spots[:min(len(spots), 4)] {
		places = append(places, s.place())
	}
	e.steps.left = luckySteps
	each := (len(e.writer.Source().Text) + len(e.reader.Source().Text)) / 32 // to validate with
	r := rand.New(rand.NewPCG(0, 0))
	for i := 0; i < luckyTries && e.steps.left > 0 && len(places) > 0; i++ {
		d := e.random(e.writer.Root(), e.reader.Root(), r, jsonDepth)
		e.steps.take(each + weigh(d)*len(places))
		for _, place := range places {
			if w := e.cross(d, place); w != nil {
				return e.smaller(d, place, w)
			}
		}
	}
	return nil
}

// smaller takes parts away from a document as long as what is left does not cross
// at a place either.
func (e *jsonEngine) smaller(d *lang.Value, place []any, best *rule.Witness) *rule.Witness {
	left := 200
	for again := true; again; {
		again = false
		for _, less := range reductions(d) {
			if left--; left < 0 {
				return best
			}
			if w := e.cross(less, place); w != nil && len(w.Data) < len(best.Data) {
				d, best, again = less, w, true
				break
			}
		}
	}
	return best
}

// reductions returns copies of a document with a little less.
func reductions(d *lang.Value) []*lang.Value {
	var out []*lang.Value
	switch d.Kind {
	case lang.String:
		if d.Str != "" {
			runes := []rune(d.Str)
			out = append(out, text(""), text(string(runes[:len(runes)/2])), text(string(runes[:len(runes)-1])))
		}
	case lang.Number:
		if len(d.Str) > 1 {
			out = append(out, number("0"), number("1"))
		}
	case lang.Object:
		for _, m := range d.Members {
			out = append(out, without(d, m.Key))
		}
		for _, m := range d.Members {
			for _, less := range reductions(m.Value) {
				out = append(out, with(d, m.Key, less))
			}
		}
	case lang.Array:
		for i := range d.Items {
			out = append(out, array(slices.Delete(slices.Clone(d.Items), i, i+1)...))
		}
		for i, item := range d.Items {
			for _, less := range reductions(item) {
				out = append(out, array(slices.Replace(slices.Clone(d.Items), i, i+1, less)...))
			}
		}
	}
	return out
}
