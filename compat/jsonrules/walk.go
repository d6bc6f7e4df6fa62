package jsonrules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

const (
	// maxSteps bounds one comparison. Two members of every combination may have
	// to be compared, and so on downwards, so schemas of a megabyte can ask for
	// more than anybody waits for.
	maxSteps = 200_000
	// maxDeep is how many pairs may be under comparison at once; references can
	// nest deeper than any text.
	maxDeep = 2_000
	// maxDifferences is how many differences of one pair are kept. Incompatible
	// ones push out others.
	maxDifferences = 100
	// maxExpressions is how many compiled regular expressions are kept.
	maxExpressions = 100
)

// A pair is two schemas under comparison: the original, with which data was
// written, and the update, which reads it.
type pair struct{ o, u *jsonschema.Node }

// A diff is one difference, with its path from the pair where it was found.
type diff struct {
	kind       *kind
	bad        bool // incompatible under the policy
	path       *trail
	oPos, uPos lang.Pos
	said       said
}

// A trail is a path, from above. Many differences share their ends.
type trail struct {
	step string
	rest *trail
}

// String prints the trail after a number sign. Names are as they are written:
// the protocol escapes nothing.
func (t *trail) String() string {
	const most = 2000
	b := []byte("#")
	for at := t; at != nil && len(b) < most; at = at.rest {
		b = append(b, at.step...)
	}
	if len(b) == 1 {
		b = append(b, '/')
	}
	return string(b)
}

func (t *trail) below(step string) *trail {
	if step == "" {
		return t
	}
	return &trail{step, t}
}

// step is the part of a path that leads to what has a name.
func step(key, name string) string { return "/" + key + "/" + cut(name) }

// said are the particulars of a difference for its message: a name and what
// stands on both sides.
type said struct{ name, o, u string }

type result struct {
	done         bool
	incompatible bool
	diffs        []diff
}

// A walker compares two trees under one policy.
type walker struct {
	policy Policy
	sums   sums
	steps  int
	deep   int
	over   bool // too much was asked for

	expressions map[string]*regexp.Regexp // nil for one that cannot be compiled

	memo    map[pair]*result
	assumed map[pair]bool // pairs that were met again while under comparison
	broken  map[pair]bool // pairs known to be incompatible
}

// compareRoots compares two schemas. A pair that is met again while it is being
// compared counts as compatible at first; as long as such a pair turns out not
// to be, the comparison starts again with that known. What is known only grows,
// so this ends.
func compareRoots(o, u *jsonschema.Node, policy Policy) *result {
	w := &walker{policy: policy, sums: sums{}, expressions: map[string]*regexp.Regexp{}, broken: map[pair]bool{}}
	for {
		w.memo, w.assumed = map[pair]*result{}, map[pair]bool{}
		r := w.pair(o, u)
		again := false
		for p := range w.assumed {
			if m := w.memo[p]; m.incompatible && !w.broken[p] {
				w.broken[p], again = true, true
			}
		}
		if w.over {
			out := &result{}
			w.add(out, "SCHEMA_TOO_COMPLEX", "", o.Pos, u.Pos, said{})
			return out
		}
		if !again {
			if r.incompatible && !slices.ContainsFunc(r.diffs, func(d diff) bool { return d.bad }) {
				// The only thing wrong is a pair within itself.
				w.add(r, "TYPE_CHANGED", "", o.Pos, u.Pos, said{o: describe(o), u: describe(u)})
			}
			return r
		}
	}
}

// spend counts steps and reports whether there are any left.
func (w *walker) spend(n int) bool {
	w.steps += n
	w.over = w.over || w.steps > maxSteps
	return !w.over
}

// pair compares two schemas.
func (w *walker) pair(o, u *jsonschema.Node) *result {
	o, u = o.Resolved(), u.Resolved()
	key := pair{o, u}
	if r := w.memo[key]; r != nil {
		if r.done {
			return r
		}
		w.assumed[key] = true
		return &result{incompatible: w.broken[key]}
	}
	r := &result{}
	if w.deep >= maxDeep {
		w.over = true
	}
	if !w.spend(1) {
		return r
	}
	w.memo[key] = r
	w.deep++
	w.compare(r, o, u)
	w.deep--
	r.incompatible = r.incompatible || w.broken[key]
	r.done = true
	return r
}

// under compares two schemas and adds what it finds below path.
func (w *walker) under(r *result, path string, o, u *jsonschema.Node) {
	w.take(r, path, w.pair(o, u))
}

// child is under for schemas that may be absent; the parents have the places.
func (w *walker) child(r *result, path string, parentO, parentU, o, u *jsonschema.Node) {
	switch {
	case o == nil && u == nil:
	case o == nil:
		w.add(r, "SCHEMA_ADDED", path, parentO.Pos, u.Pos, said{})
	case u == nil:
		w.add(r, "SCHEMA_REMOVED", path, o.Pos, parentU.Pos, said{})
	default:
		w.under(r, path, o, u)
	}
}

// take adds the differences of a part.
func (w *walker) take(r *result, path string, part *result) {
	r.incompatible = r.incompatible || part.incompatible
	w.spend(len(part.diffs) / 10)
	for _, d := range part.diffs {
		d.path = d.path.below(path)
		r.keep(d)
	}
}

func (r *result) keep(d diff) {
	if len(r.diffs) < maxDifferences {
		r.diffs = append(r.diffs, d)
		return
	}
	if !d.bad {
		return
	}
	for i := len(r.diffs) - 1; i >= 0; i-- {
		if !r.diffs[i].bad {
			r.diffs[i] = d
			return
		}
	}
}

// add adds one difference.
func (w *walker) add(r *result, name, path string, oPos, uPos lang.Pos, s said) {
	k := kinds[name]
	bad := !k.passes(w.policy)
	r.incompatible = r.incompatible || bad
	r.keep(diff{k, bad, (*trail)(nil).below(path), oPos, uPos, s})
}

// keyword returns the place of a keyword, or that of the schema without it.
func keyword(n *jsonschema.Node, key string) lang.Pos {
	if key == "id" && n.ID != nil {
		return n.ID.Pos
	}
	if v := n.Value.Get(key); v != nil {
		return v.Pos
	}
	return n.Pos
}

// at adds a difference of a keyword, at the path of its name.
func (w *walker) at(r *result, name, key string, o, u *jsonschema.Node, s said) {
	w.add(r, name, "/"+key, keyword(o, key), keyword(u, key), s)
}

// finds reports whether a regular expression finds anything in a name. One that
// Go does not have finds nothing, which is the careful answer: a name that no
// expression finds is not covered by one.
func (w *walker) finds(expression, name string) bool {
	if !w.spend(1 + len(expression)*len(name)/256) {
		return false
	}
	re, ok := w.expressions[expression]
	if !ok {
		// To compile one takes as long as many pairs, and repeats are unrolled.
		if !w.spend(50 + len(expression)/4 + 200*strings.Count(expression, "{")) {
			return false
		}
		re, _ = jsonschema.Compile(expression)
		if len(w.expressions) >= maxExpressions {
			clear(w.expressions)
		}
		w.expressions[expression] = re
	}
	return re != nil && re.MatchString(name)
}
