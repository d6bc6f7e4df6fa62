package jsonrules_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/jsonrules"
)

// TestCompatibleReadersReadEverything samples schemas, changes of them and
// documents: where the verdict is compatible and nothing is warned of, no
// document that fits the old schema may be refused by the new one. The validator
// knows nothing of the rules.
//
// Two verdicts of the protocol are looser than the validator and left out here:
// a required property with a default, which readers are trusted to fill in, and
// oneOf, where a wider member can fit beside another.
func TestCompatibleReadersReadEverything(t *testing.T) {
	t.Parallel()
	const pairs, documents = 4000, 25
	r := rand.New(rand.NewPCG(4, 7))
	compatible, held := 0, 0
	for range pairs {
		g := &sampler{r: r}
		older := g.root()
		newer := g.changed(older)
		oldText, newText := text(t, older), text(t, newer)
		o, n := parse(t, "old", oldText), parse(t, "new", newText)
		list, ok := jsonrules.Differences(n, o, jsonrules.Strict)
		if !ok || slices.ContainsFunc(list, func(d jsonrules.Difference) bool {
			return strings.HasPrefix(d.Type, "JSON_") || strings.Contains(d.Type, "WITH_DEFAULT")
		}) {
			continue
		}
		compatible++
		for range documents {
			document := text(t, g.document(older, older, 4))
			if o.Validate([]byte(document)) != nil {
				continue
			}
			held++
			if err := n.Validate([]byte(document)); err != nil {
				t.Fatalf("old %s\nnew %s\ndocument %s\n%v\n%v", oldText, newText, document, err, list)
			}
		}
	}
	if compatible < pairs/10 || held < 5*compatible {
		t.Errorf("%d of %d pairs are compatible, with %d documents: too few to mean anything", compatible, pairs, held)
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A sampler makes schemas of draft 7, as maps, and documents.
type sampler struct{ r *rand.Rand }

func (g *sampler) one(of ...any) any { return of[g.r.IntN(len(of))] }
func (g *sampler) chance(n int) bool { return g.r.IntN(n) == 0 }

func (g *sampler) root() map[string]any {
	out, ok := g.schema(3).(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	out["definitions"] = map[string]any{"d": g.definition(2), "e": g.definition(1)}
	return out
}

// definition returns a schema that is no bare reference, which could be a loop.
func (g *sampler) definition(deep int) any {
	for {
		if s, ok := g.schema(deep).(map[string]any); ok && s["$ref"] == nil {
			return s
		}
	}
}

func (g *sampler) schema(deep int) any {
	if g.chance(15) {
		return g.one(true, false, map[string]any{})
	}
	if deep > 0 && g.chance(5) {
		return g.combination(deep)
	}
	out := map[string]any{}
	switch kind := g.one("string", "number", "integer", "boolean", "null", "object", "object", "array", "enum", "ref", "list", "const"); kind {
	case "enum":
		out["enum"] = g.values()
		if g.chance(3) {
			out["type"] = "string"
		}
		return out
	case "const":
		return map[string]any{"const": g.scalar()}
	case "ref":
		return map[string]any{"$ref": g.one("#/definitions/d", "#/definitions/e")}
	case "list":
		out["type"] = []any{"string", g.one("null", "number")}
		g.limit(out, "maxLength", 3)
		return out
	case "boolean", "null":
		return map[string]any{"type": kind}
	default:
		out["type"] = kind
		g.keywords(out, kind.(string), deep)
		if g.chance(6) {
			delete(out, "type")
		}
		return out
	}
}

func (g *sampler) combination(deep int) any {
	switch key := g.one("anyOf", "allOf", "not").(string); key {
	case "not":
		return map[string]any{key: g.schema(deep - 1)}
	default:
		var members []any
		for range 1 + g.r.IntN(3) {
			members = append(members, g.schema(deep-1))
		}
		return map[string]any{key: members}
	}
}

func (g *sampler) limit(out map[string]any, key string, most int) {
	if g.chance(2) {
		out[key] = g.r.IntN(most)
	}
}

func (g *sampler) keywords(out map[string]any, kind string, deep int) {
	switch kind {
	case "string":
		g.limit(out, "maxLength", 4)
		g.limit(out, "minLength", 3)
		if g.chance(4) {
			out["pattern"] = g.one("a", "^b")
		}
	case "number", "integer":
		g.limit(out, "maximum", 5)
		g.limit(out, "exclusiveMinimum", 3)
		if g.chance(4) {
			out["multipleOf"] = g.one(1, 2, 0.5, 3)
		}
	case "object":
		properties := map[string]any{}
		for _, name := range []string{"a", "b", "c"} {
			if deep > 0 && g.chance(2) {
				properties[name] = g.schema(deep - 1)
			}
		}
		out["properties"] = properties
		if g.chance(3) {
			out["required"] = []any{g.one("a", "b")}
		}
		if g.chance(2) {
			out["additionalProperties"] = g.one(false, false, true, g.schema(0))
		}
		if g.chance(5) {
			out["dependencies"] = map[string]any{"a": g.one([]any{"b"}, []any{"b", "c"}, g.schema(0))}
		}
		if g.chance(5) {
			g.limit(out, "maxProperties", 4)
		}
	case "array":
		if deep > 0 && g.chance(2) {
			out["items"] = g.schema(deep - 1)
		} else if deep > 0 && g.chance(2) {
			out["items"] = []any{g.schema(deep - 1), g.schema(0)}[:1+g.r.IntN(2)]
			if g.chance(2) {
				out["additionalItems"] = g.one(false, true, g.schema(0))
			}
		}
		g.limit(out, "maxItems", 4)
		if g.chance(5) {
			out["uniqueItems"] = true
		}
	}
}

func (g *sampler) scalar() any {
	return g.one("", "a", "ab", "ba", "abc", 0, 1, 2, 3, 4, 1.5, true, nil)
}

func (g *sampler) values() []any {
	all := []any{"a", "ab", 1, nil, true}
	g.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+g.r.IntN(3)]
}

// changed returns a copy of a schema with a few small changes.
func (g *sampler) changed(v map[string]any) map[string]any {
	out := g.copied(v, 12).(map[string]any)
	if _, ok := out["definitions"].(map[string]any)["d"]; !ok {
		out["definitions"] = maps.Clone(v["definitions"].(map[string]any))
	}
	return out
}

// copied copies v; about one in rare of its parts changes.
func (g *sampler) copied(v any, rare int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch {
			case key == "definitions":
				defs := map[string]any{}
				for _, name := range []string{"d", "e"} {
					defs[name] = g.copied(v[key].(map[string]any)[name], rare)
				}
				out[key] = defs
			case g.chance(rare) && key != "properties" && key != "$ref":
				g.change(out, key, v[key])
			default:
				out[key] = g.copied(v[key], rare)
			}
		}
		if p, ok := out["properties"].(map[string]any); ok && g.chance(rare/2) {
			p[g.one("a", "b", "c", "d").(string)] = g.schema(1)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = g.copied(v[i], rare)
		}
		return out
	}
	return v
}

// change leaves a keyword out or gives it another value.
func (g *sampler) change(out map[string]any, key string, v any) {
	switch v := v.(type) {
	case int:
		out[key] = max(v+g.r.IntN(3)-1, 0)
		if key == "multipleOf" {
			out[key] = max(v, 1) * (1 + g.r.IntN(2))
		}
	case bool:
		out[key] = !v
	case []any:
		switch key {
		case "anyOf", "allOf", "items":
			out[key] = append(g.copied(v, 50).([]any), g.schema(1))
		case "enum":
			out[key] = append(slices.Clone(v), fmt.Sprint("new", g.r.IntN(9)))
		case "required":
			out[key] = []any{}
		}
	case string:
		if key == "type" && v == "integer" {
			out[key] = "number"
		} else if key == "type" {
			out[key] = []any{v, "null"}
			if v == "null" {
				out[key] = []any{v}
			}
		}
	case map[string]any:
		if key == "not" || key == "additionalProperties" || key == "additionalItems" {
			out[key] = g.schema(1)
		}
	}
}

// document returns a value that has a fair chance to fit the schema.
func (g *sampler) document(root map[string]any, schema any, deep int) any {
	s, ok := schema.(map[string]any)
	if !ok || deep <= 0 || g.chance(12) {
		return g.one(g.scalar(), map[string]any{}, []any{}, map[string]any{"a": g.scalar()}, []any{g.scalar()})
	}
	if ref, ok := s["$ref"].(string); ok {
		return g.document(root, root["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")], deep-1)
	}
	for _, key := range []string{"anyOf", "allOf", "enum"} {
		if members, ok := s[key].([]any); ok && key == "enum" {
			return members[g.r.IntN(len(members))]
		} else if ok {
			return g.document(root, members[g.r.IntN(len(members))], deep-1)
		}
	}
	if c, ok := s["const"]; ok {
		return c
	}
	kind := s["type"]
	if list, ok := kind.([]any); ok {
		kind = list[g.r.IntN(len(list))]
	}
	switch {
	case kind == "string":
		return g.one("", "a", "ab", "ba", "abc", "bbbb")
	case kind == "number" || kind == "integer":
		return g.one(0, 1, 2, 3, 4, 5, 1.5, 2.5, -1)
	case kind == "boolean":
		return g.chance(2)
	case kind == "null":
		return nil
	case kind == "array" || s["items"] != nil:
		return g.array(root, s, deep)
	case kind == "object" || s["properties"] != nil:
		return g.object(root, s, deep)
	}
	return g.document(root, true, 0)
}

func (g *sampler) array(root, s map[string]any, deep int) any {
	out := []any{}
	for i := range g.r.IntN(4) {
		item := s["items"]
		if tuple, ok := item.([]any); ok {
			item = s["additionalItems"]
			if i < len(tuple) {
				item = tuple[i]
			}
		}
		out = append(out, g.document(root, item, deep-1))
	}
	return out
}

func (g *sampler) object(root, s map[string]any, deep int) any {
	out := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range []string{"a", "b", "c", "d"} {
		if p, ok := properties[name]; ok && !g.chance(3) {
			out[name] = g.document(root, p, deep-1)
		} else if !ok && g.chance(3) {
			out[name] = g.document(root, s["additionalProperties"], deep-1)
		}
	}
	return out
}
