package witness

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// A jsonEngine crosses JSON documents.
type jsonEngine struct {
	reader, writer *jsonschema.Schema
	steps          budget
	gen            *jsonGenerator
	edges          []*lang.Value
	asked          bool
	tooLarge       bool // the last search with a plan ended for its budget
}

func newJSONEngine(reader, writer *jsonschema.Schema) *jsonEngine {
	e := &jsonEngine{reader: reader, writer: writer, steps: budget{buildSteps}}
	e.gen = newJSONGenerator(&e.steps)
	return e
}

// validations is how many documents are held against both schemas for one finding.
const validations = 60

func (e *jsonEngine) spent() bool { return e.tooLarge }

func (e *jsonEngine) build(f *rule.Finding, _ bool) *rule.Witness {
	e.tooLarge = f.Rule.ID == "JSON_SCHEMA_TOO_COMPLEX"
	if e.tooLarge {
		return nil
	}
	if e.steps.left <= 0 { // what was made when the budget was spent may be poor
		clear(e.gen.memo)
	}
	e.steps.left = buildSteps
	near, around := e.spotsOf(f.Path)
	if w := e.smallestAt(near); w != nil {
		return w
	}
	if strings.Contains(f.Rule.ID, "REQUIRED") {
		if w := e.smallestAt(around); w != nil {
			return w
		}
	}
	e.tooLarge = e.steps.left <= 0 || e.gen.skipped
	return e.luckyAt(near)
}

func (e *jsonEngine) smallestAt(spots []*jsonSpot) *rule.Witness {
	var best *rule.Witness
	left := validations
	for _, s := range spots {
		docs := e.around(s, e.gen.choices(s.w, s.r, jsonDepth))
		for _, d := range docs {
			if left--; left < 0 {
				return best
			}
			if best != nil && len(best.Data) <= weigh(d)/2 {
				continue
			}
			w := e.cross(d, s.place())
			if w != nil && (best == nil || len(w.Data) < len(best.Data)) {
				best = w
				left = min(left, 10) // for a smaller one
			}
		}
	}
	return best
}

// A jsonSpot is a place in a document where two schemas meet. Above is the one of
// the object or array that it is in.
type jsonSpot struct {
	w, r  *jsonschema.Node
	above *jsonSpot
	key   string // of an object
	index int    // of an array, or -1
}

// place returns the way to the spot.
func (s *jsonSpot) place() []any {
	var out []any
	for ; s.above != nil; s = s.above {
		if s.index >= 0 {
			out = append(out, s.index)
		} else {
			out = append(out, s.key)
		}
	}
	slices.Reverse(out)
	return out
}

// around puts values where a spot is. Of each object and array on the way it makes
// the smallest that hold them.
func (e *jsonEngine) around(s *jsonSpot, values []*lang.Value) []*lang.Value {
	const most = 3 * maxChoices
	for ; s.above != nil; s = s.above {
		up := s.above
		var next []*lang.Value
		for _, v := range values {
			if len(next) >= most || !e.steps.take(1) {
				break
			}
			next = append(next, e.holding(up, s, v)...)
		}
		// As long as anything is taken by the writer there, the rest is of no use.
		taken := slices.DeleteFunc(slices.Clone(next), func(v *lang.Value) bool { return !e.gen.accepts(up.w, v, judgeDepth) })
		if values = taken; len(taken) == 0 {
			values = next
		}
	}
	return values
}

// holding returns objects or arrays that have v at a spot.
func (e *jsonEngine) holding(up, s *jsonSpot, v *lang.Value) []*lang.Value {
	if s.index >= 0 {
		return e.holdingItem(up, s, v)
	}
	w, r := same(up.w, jsonschema.Object), same(up.r, jsonschema.Object)
	bases := []*lang.Value{object()}
	if w != nil {
		if b := e.gen.base(w, r, jsonDepth); b != nil {
			bases = []*lang.Value{b}
		}
	}
	for _, c := range e.gen.choices(up.w, up.r, jsonDepth) {
		if c.Kind == lang.Object && len(bases) < 6 {
			bases = append(bases, c)
		}
	}
	var out []*lang.Value
	for _, b := range bases {
		o := with(b, s.key, v)
		if w != nil {
			o = e.gen.closed(w, r, o, jsonDepth)
		}
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b *lang.Value) int { return cmp.Compare(weigh(a), weigh(b)) })
	return out[:min(len(out), 4)]
}

func (e *jsonEngine) holdingItem(up, s *jsonSpot, v *lang.Value) []*lang.Value {
	w, r := same(up.w, jsonschema.Array), same(up.r, jsonschema.Array)
	if w == nil {
		w = &jsonschema.Node{Kind: jsonschema.Array}
	}
	var out []*lang.Value
	for _, size := range []int{s.index + 1, s.index + 2, s.index + 3} {
		row := e.gen.row(w, r, size, jsonDepth)
		if row == nil {
			continue
		}
		items := slices.Clone(row.Items)
		items[s.index] = v
		out = append(out, array(items...))
	}
	return out
}

// cross holds a document against both schemas. It returns a witness if the writer
// takes it, the reader does not, and what the reader says is about the place.
func (e *jsonEngine) cross(d *lang.Value, place []any) *rule.Witness {
	w, _ := e.crossed(d, place)
	return w
}

// crossed is cross; written is whether the writer takes the document and the reader
// can be asked.
func (e *jsonEngine) crossed(d *lang.Value, place []any) (w *rule.Witness, written bool) {
	data := d.AppendJSON(nil)
	if len(data) > maxBytes || !e.takes(e.writer, data) {
		return nil, false
	}
	err := e.reader.Validate(data)
	if err == nil {
		return nil, true
	}
	var list lang.ErrorList
	if !errors.As(err, &list) || list[0].Code != jsonschema.CodeDocument {
		e.gen.skipped = true // the reader's schema is too large to be asked
		return nil, false
	}
	at := slices.IndexFunc(list, func(m *lang.Error) bool { return e.about(data, m, place) })
	if at < 0 {
		return nil, true
	}
	return &rule.Witness{JSON: string(data), Data: data, Err: list[at].Msg}, true
}

func (e *jsonEngine) takes(s *jsonschema.Schema, data []byte) bool {
	err := s.Validate(data)
	var list lang.ErrorList
	if err != nil && (!errors.As(err, &list) || list[0].Code != jsonschema.CodeDocument) {
		e.gen.skipped = true
	}
	return err == nil
}

// about reports whether a mistake in a document is at a place, below it, or in
// what holds it.
func (e *jsonEngine) about(data []byte, m *lang.Error, place []any) bool {
	v, err := lang.ParseJSON("document", string(data))
	if err != nil {
		return false
	}
	for _, step := range place {
		var next *lang.Value
		switch step := step.(type) {
		case string:
			next = v.Get(step)
		case int:
			if v.Kind == lang.Array && step < len(v.Items) {
				next = v.Items[step]
			}
		}
		if next == nil {
			break
		}
		v = next
	}
	return m.Pos.Start >= v.Pos.Start && m.Pos.End <= v.Pos.End || m.Pos.Start <= v.Pos.Start && m.Pos.End >= v.Pos.End
}

// spotsOf finds the places that the path of a finding leads to. Where a
// combination is on the way, each of its members is one. Around are the objects and
// arrays that they are in: there it shows that something is not there.
func (e *jsonEngine) spotsOf(path string) (near, around []*jsonSpot) {
	const most = 40
	type step struct {
		*jsonSpot
		rest string
	}
	queue := []step{{&jsonSpot{w: e.writer.Root(), r: e.reader.Root(), index: -1}, strings.TrimSuffix(strings.TrimPrefix(path, "#"), "/")}}
	seen := map[nodePair]int{}
	for len(queue) > 0 && len(near) < most && e.steps.take(1) {
		s := queue[0]
		queue = queue[1:]
		s.w, s.r = s.w.Resolved(), s.r.Resolved()
		p := nodePair{s.w, s.r}
		if seen[p] > 200 {
			continue
		}
		seen[p]++
		before := len(queue)
		for _, next := range e.follow(s.jsonSpot, s.rest) {
			if len(queue) < 10*most {
				queue = append(queue, step(next))
			}
			if next.rest == "" && next.above == s.jsonSpot && !slices.Contains(around, s.jsonSpot) {
				around = append(around, s.jsonSpot)
			}
		}
		if len(queue) == before || isKeyword(s.rest) {
			near = append(near, s.jsonSpot)
		}
	}
	return near, around
}

// isKeyword reports whether what is left of a path names a keyword of the schema
// that it has led to, or nothing.
func isKeyword(rest string) bool { return strings.Count(rest, "/") <= 1 }

type followed struct {
	*jsonSpot
	rest string
}

// follow takes one step of a path, on both sides.
func (e *jsonEngine) follow(s *jsonSpot, rest string) []followed {
	var out []followed
	// Rules step into members without a word where the other side has none.
	for _, m := range membersOf(s.w) {
		out = append(out, followed{&jsonSpot{m, s.r, s.above, s.key, s.index}, rest})
	}
	for _, m := range membersOf(s.r) {
		out = append(out, followed{&jsonSpot{s.w, m, s.above, s.key, s.index}, rest})
	}
	if s.w == nil && s.r == nil {
		return out
	}
	for _, key := range []string{"properties", "required", "dependencies"} {
		held, ok := strings.CutPrefix(rest, "/"+key+"/")
		if !ok {
			continue
		}
		names := e.namesAt(s)
		for _, shown := range prefixes(held) {
			name, ok := names[shown]
			if !ok {
				continue
			}
			after := held[len(shown):]
			if key == "properties" {
				out = append(out, followed{&jsonSpot{e.gen.part(object0(s.w), name), e.gen.part(object0(s.r), name), s, name, -1}, after})
			} else if key == "dependencies" && after != "" {
				out = append(out, followed{&jsonSpot{s.w, s.r, s.above, s.key, s.index}, after})
			}
		}
		return out
	}
	return append(out, e.followRest(s, rest)...)
}

func (e *jsonEngine) followRest(s *jsonSpot, rest string) []followed {
	key, after, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if after != "" {
		after = "/" + after
	}
	switch key {
	case "items", "additionalItems", "unevaluatedItems":
		w, r := same(s.w, jsonschema.Array), same(s.r, jsonschema.Array)
		at := 0
		if key != "items" {
			at = max(tupleOf(w), tupleOf(r))
		} else if tupleOf(w)+tupleOf(r) > 0 {
			number, deeper, _ := strings.Cut(strings.TrimPrefix(after, "/"), "/")
			at = atoi(number)
			if after = deeper; after != "" {
				after = "/" + after
			}
		}
		if at > 200 {
			return nil
		}
		return []followed{{&jsonSpot{e.gen.item(w, at), e.gen.item(r, at), s, "", at}, after}}
	case "additionalProperties", "unevaluatedProperties":
		w, r := same(s.w, jsonschema.Object), same(s.r, jsonschema.Object)
		var out []followed
		for _, name := range append(e.unnamed(w, r), spare(0)) {
			out = append(out, followed{&jsonSpot{e.gen.part(w, name), e.gen.part(r, name), s, name, -1}, after})
		}
		return out[:min(len(out), 4)]
	case "allOf", "anyOf", "oneOf":
		_, deeper, found := strings.Cut(strings.TrimPrefix(after, "/"), "/")
		if !found {
			deeper = ""
		} else {
			deeper = "/" + deeper
		}
		var out []followed
		for _, m := range membersOf(s.w) {
			for _, other := range append(membersOf(s.r), s.r) {
				out = append(out, followed{&jsonSpot{m, other, s.above, s.key, s.index}, deeper})
			}
		}
		return out[:min(len(out), 64)]
	}
	return nil
}

func membersOf(n *jsonschema.Node) []*jsonschema.Node {
	if n = n.Resolved(); n == nil || n.Kind != jsonschema.Combined {
		return nil
	}
	return n.Members
}

func object0(n *jsonschema.Node) *jsonschema.Node { return same(n, jsonschema.Object) }

func tupleOf(n *jsonschema.Node) int {
	if n == nil {
		return 0
	}
	return len(n.Tuple)
}

func atoi(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1e6 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// shorten cuts a name as the rules do in their paths.
func shorten(s string) string {
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

// prefixes returns the parts of a path that may be one name: names are not escaped.
func prefixes(path string) []string {
	const most = 20
	var out []string
	for i := range len(path) {
		if path[i] == '/' && len(out) < most {
			out = append(out, path[:i])
		}
	}
	return append(out, path)
}

// namesAt returns the names that either side has, by how rules shorten them.
func (e *jsonEngine) namesAt(s *jsonSpot) map[string]string {
	out := map[string]string{}
	add := func(name string) {
		if shown := shorten(name); out[shown] == "" {
			out[shown] = name
		}
	}
	for _, n := range []*jsonschema.Node{object0(s.w), object0(s.r)} {
		if n == nil || !e.steps.take(1+len(n.Properties)/8) {
			continue
		}
		for _, p := range n.Properties {
			add(p.Name)
		}
		for _, name := range n.RequiredOrder {
			add(name)
		}
		for _, name := range n.DependentOrder {
			add(name)
		}
	}
	return out
}

// unnamed returns properties that one side names and the other does not.
func (e *jsonEngine) unnamed(w, r *jsonschema.Node) []string {
	var out []string
	for _, pair := range [][2]*jsonschema.Node{{w, r}, {r, w}} {
		if pair[0] == nil {
			continue
		}
		for _, p := range pair[0].Properties {
			if (pair[1] == nil || pair[1].Property(p.Name) == nil) && len(out) < 3 {
				out = append(out, p.Name)
			}
		}
	}
	return out
}

// prove begins with what the generator makes of both schemas together, and goes on
// with random documents.
func (e *jsonEngine) prove(i int, r *rand.Rand) (*rule.Witness, bool) {
	const tries = 4 // for one that the writer takes
	e.steps.left = messageSteps
	if !e.asked {
		e.asked = true
		e.steps.left = buildSteps
		clear(e.gen.memo)
		e.edges = e.gen.choices(e.writer.Root(), e.reader.Root(), jsonDepth)
	}
	for range tries {
		var d *lang.Value
		if i < len(e.edges) {
			d = e.edges[i]
		} else {
			d = e.random(e.writer.Root(), e.reader.Root(), r, jsonDepth)
		}
		switch w, written := e.crossed(d, nil); {
		case w != nil:
			return e.smaller(d, nil, w), true
		case written || i < len(e.edges):
			return nil, written
		}
	}
	return nil, false
}
