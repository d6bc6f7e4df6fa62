package jsonschema

import (
	"math/big"
	"slices"

	"github.com/wireproof/wireproof/lang"
)

// A builder makes nodes of schemas, one for each.
type builder struct {
	u     *universe
	nodes map[*lang.Value]*Node
	open  []*Node               // references whose target is not set
	to    map[*Node]*lang.Value // where those lead
}

var (
	stringKeys = []string{"minLength", "maxLength", "pattern", "format"}
	numberKeys = []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
	arrayKeys  = []string{
		"items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains",
		"prefixItems", "unevaluatedItems", "minContains", "maxContains",
	}
	objectKeys = []string{
		"properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties",
		"additionalProperties", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties",
	}
)

// node returns the node of a schema.
func (b *builder) node(v *lang.Value) *Node {
	if n := b.nodes[v]; n != nil {
		return n
	}
	n := &Node{Pos: v.Pos, Value: v}
	b.nodes[v] = n
	if v.Kind == lang.Bool {
		n.Kind = False
		if v.Bool {
			n.Kind = True
		}
		return n
	}
	draft := b.u.places[v].resource.doc.draft
	var parts []*Node
	if refOf(v, draft) != nil {
		parts = append(parts, b.reference(v))
	}
	if len(parts) == 0 || !draft.refAlone() {
		parts = append(parts, b.parts(v, draft)...)
	}
	switch len(parts) {
	case 0:
		n.Kind = Empty
	case 1:
		*n = *parts[0]
		if to, ok := b.to[parts[0]]; ok { // n takes the place of the reference
			delete(b.to, parts[0])
			b.to[n] = to
			b.open[len(b.open)-1] = n
		}
	default:
		n.Kind, n.Criterion, n.Synthetic, n.Members = Combined, All, true, parts
	}
	n.ID, n.Title, n.Description, n.Default = v.Get(draft.idKey()), v.Get("title"), v.Get("description"), v.Get("default")
	return n
}

func (b *builder) reference(v *lang.Value) *Node {
	n := &Node{Kind: Reference, Pos: v.Pos, Value: v}
	b.to[n] = b.u.refs[v]
	b.open = append(b.open, n)
	return n
}

// link sets the targets of references. Building one target may open more.
func (b *builder) link() {
	for len(b.open) > 0 {
		n := b.open[len(b.open)-1]
		b.open = b.open[:len(b.open)-1]
		if v := b.to[n]; v != nil {
			n.Target = b.node(v)
		} else {
			n.Target = &Node{Kind: Empty, Pos: n.Pos, Value: n.Value} // a metaschema
		}
	}
	// Loops were refused while parsing, so every chain ends.
	for n := range b.to {
		t := n.Target
		for t.Kind == Reference {
			t = t.Target
		}
		n.Target = t
	}
}

// parts returns one node for each thing that a schema asks for, in the order in
// which keywords are consumed.
func (b *builder) parts(v *lang.Value, draft Draft) []*Node {
	var out []*Node
	add := func(k Kind) *Node {
		n := &Node{Kind: k, Pos: v.Pos, Value: v}
		out = append(out, n)
		return n
	}
	if held := v.Get("enum"); held != nil && held.Kind == lang.Array {
		add(Enum).Values = held.Items
	}
	for _, c := range []Criterion{All, Any, One} {
		if held := v.Get(string(c)); held != nil && held.Kind == lang.Array {
			n := add(Combined)
			n.Criterion, n.Members = c, b.list(held)
		}
	}
	if held := v.Get("not"); isSchema(held) {
		add(Not).Negated = b.node(held)
	}
	if held := v.Get("const"); held != nil && draft >= Draft6 {
		add(Const).Values = []*lang.Value{held}
	}
	out = append(out, b.typed(v, draft)...)
	if v.Get("if") != nil && draft >= Draft7 {
		add(Conditional)
	}
	return out
}

// typed returns the node for "type", or those that other keywords hint at.
func (b *builder) typed(v *lang.Value, draft Draft) []*Node {
	switch held := v.Get("type"); {
	case held == nil:
	case held.Kind == lang.String:
		return []*Node{b.single(v, draft, held.Str)}
	case held.Kind == lang.Array:
		n := &Node{Kind: Combined, Criterion: Any, Pos: v.Pos, Value: v}
		for _, t := range held.Items {
			n.Members = append(n.Members, b.single(v, draft, t.Str))
		}
		return []*Node{n}
	}
	var out []*Node
	for _, hint := range []struct {
		keys []string
		typ  string
	}{{arrayKeys, "array"}, {objectKeys, "object"}, {numberKeys, "number"}, {stringKeys, "string"}} {
		if slices.ContainsFunc(hint.keys, func(key string) bool { return hints(v, key, draft) }) {
			n := b.single(v, draft, hint.typ)
			n.Implied = true
			out = append(out, n)
		}
	}
	return out
}

// hints reports whether a keyword hints at a type. Drafts since 2019-09 come to
// the tree by another way, on which an empty "properties" is lost.
func hints(v *lang.Value, key string, draft Draft) bool {
	held := v.Get(key)
	if held == nil || draft < since(key) {
		return false
	}
	return key != "properties" || draft < Draft2019 || len(held.Members) > 0
}

// since returns the first draft that has a keyword.
func since(key string) Draft {
	switch key {
	case "contains", "propertyNames":
		return Draft6
	case "unevaluatedItems", "unevaluatedProperties", "minContains", "maxContains", "dependentRequired", "dependentSchemas":
		return Draft2019
	case "prefixItems":
		return Draft2020
	}
	return Draft4
}

func (b *builder) single(v *lang.Value, draft Draft, typ string) *Node {
	n := &Node{Pos: v.Pos, Value: v}
	switch typ {
	case "string":
		n.Kind = String
		n.limits(v, "maxLength", "minLength")
		if p := v.Get("pattern"); p != nil && p.Kind == lang.String {
			n.Pattern = p
		}
	case "number", "integer":
		n.Kind, n.Integer = Number, typ == "integer"
		n.limits(v, numberKeys...)
		n.ExclusiveMaximum = isTrue(v.Get("exclusiveMaximum"))
		n.ExclusiveMinimum = isTrue(v.Get("exclusiveMinimum"))
	case "boolean":
		n.Kind = Boolean
	case "null":
		n.Kind = Null
	case "object":
		n.Kind = Object
		b.object(n, v, draft)
	case "array":
		n.Kind = Array
		b.array(n, v, draft)
	}
	return n
}

func isTrue(v *lang.Value) bool { return v != nil && v.Kind == lang.Bool && v.Bool }

func (n *Node) limits(v *lang.Value, keys ...string) {
	for _, key := range keys {
		held := v.Get(key)
		if held == nil || held.Kind != lang.Number {
			continue
		}
		if number, ok := new(big.Rat).SetString(held.Str); ok {
			if n.Limits == nil {
				n.Limits = map[string]*Limit{}
			}
			n.Limits[key] = &Limit{number, held}
		}
	}
}

func (b *builder) list(v *lang.Value) []*Node {
	var out []*Node
	for _, item := range v.Items {
		if isSchema(item) {
			out = append(out, b.node(item))
		}
	}
	return out
}

// named returns the schemas of an object of schemas, each name once.
func (b *builder) named(v *lang.Value) []Property {
	if v == nil {
		return nil
	}
	var out []Property
	for _, m := range distinct1(v) {
		if isSchema(m.Value) {
			out = append(out, Property{m.Key, b.node(m.Value)})
		}
	}
	return out
}

// distinct1 returns the members of an object, each key once with its last value.
func distinct1(v *lang.Value) []lang.Member {
	at := make(map[string]int, len(v.Members))
	var out []lang.Member
	for _, m := range v.Members {
		if i, again := at[m.Key]; again {
			out[i] = m
			continue
		}
		at[m.Key] = len(out)
		out = append(out, m)
	}
	return out
}

func (b *builder) rest(v *lang.Value) Rest {
	switch {
	case v == nil:
		return Rest{}
	case v.Kind == lang.Bool:
		return Rest{Value: v, Forbidden: !v.Bool}
	case v.Kind == lang.Object:
		return Rest{Value: v, Schema: b.node(v)}
	}
	return Rest{}
}

func (b *builder) object(n *Node, v *lang.Value, draft Draft) {
	n.limits(v, "maxProperties", "minProperties")
	n.Properties = b.named(v.Get("properties"))
	n.properties = make(map[string]*Node, len(n.Properties))
	for _, p := range n.Properties {
		n.properties[p.Name] = p.Node
	}
	n.PatternProperties = b.named(v.Get("patternProperties"))
	n.Required = map[string]bool{}
	for _, name := range names(v.Get("required")) {
		if !n.Required[name] {
			n.Required[name] = true
			n.RequiredOrder = append(n.RequiredOrder, name)
		}
	}
	n.Additional = b.rest(v.Get("additionalProperties"))
	keys := []string{"dependencies"}
	if draft >= Draft2019 {
		n.Unevaluated = b.rest(v.Get("unevaluatedProperties"))
		keys = append(keys, "dependentRequired", "dependentSchemas")
	}
	for _, key := range keys {
		b.dependencies(n, v.Get(key))
	}
}

func (b *builder) dependencies(n *Node, held *lang.Value) {
	if held == nil {
		return
	}
	if n.DependentNames == nil {
		n.DependentNames, n.DependentSchemas = map[string][]string{}, map[string]*Node{}
	}
	for _, m := range distinct1(held) {
		_, had := n.DependentNames[m.Key]
		if !had && n.DependentSchemas[m.Key] == nil {
			n.DependentOrder = append(n.DependentOrder, m.Key)
		}
		if m.Value.Kind == lang.Array {
			n.DependentNames[m.Key] = names(m.Value)
		} else if isSchema(m.Value) {
			n.DependentSchemas[m.Key] = b.node(m.Value)
		}
	}
}

// names returns the strings of an array.
func names(v *lang.Value) []string {
	if v == nil {
		return nil
	}
	out := []string{}
	for _, item := range v.Items {
		if item.Kind == lang.String {
			out = append(out, item.Str)
		}
	}
	return out
}

func (b *builder) array(n *Node, v *lang.Value, draft Draft) {
	n.limits(v, "maxItems", "minItems")
	n.UniqueItems = isTrue(v.Get("uniqueItems"))
	if draft >= Draft2019 {
		n.limits(v, "maxContains", "minContains")
		n.Unevaluated = b.rest(v.Get("unevaluatedItems"))
	}
	items, further := v.Get("items"), v.Get("additionalItems")
	if draft >= Draft2020 {
		// The tuple got a keyword of its own, and "items" is what follows it: all
		// items if there is none. True and false always say what may follow.
		further = nil
		if tuple := v.Get("prefixItems"); tuple != nil {
			items, further = tuple, items
		} else if items != nil && items.Kind == lang.Bool {
			items, further = nil, items
		}
	}
	switch {
	case items != nil && items.Kind == lang.Array:
		n.Tuple = b.list(items)
	case isSchema(items):
		n.Items = b.node(items)
	}
	n.Additional = b.rest(further)
}
