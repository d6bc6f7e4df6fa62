package witness_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
)

// A jsonGen writes random schemas of draft 7, as maps, and changes them.
type jsonGen struct{ r *rand.Rand }

// jsonPair returns the two texts of a seed.
func jsonPair(seed uint64) (newer, older string) {
	g := &jsonGen{rand.New(rand.NewPCG(seed, 5))}
	old := map[string]any{"definitions": map[string]any{"d": g.typed(2), "e": g.typed(1)}}
	maps.Copy(old, g.typed(3))
	print := func(v any) string {
		out, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(out)
	}
	return print(g.copied(old, 10)), print(old)
}

func (g *jsonGen) one(of ...any) any { return of[g.r.IntN(len(of))] }
func (g *jsonGen) chance(n int) bool { return g.r.IntN(n) == 0 }

func (g *jsonGen) schema(deep int) any {
	switch {
	case g.chance(15):
		return g.one(true, map[string]any{}, map[string]any{"const": g.one("a", 1, nil)})
	case deep > 0 && g.chance(6):
		key := g.one("anyOf", "allOf", "oneOf").(string)
		members := []any{}
		for range 1 + g.r.IntN(3) {
			member := g.schema(deep - 1)
			if key == "allOf" { // of different types there would be no value
				typed := g.typed(0)
				typed["type"] = "object"
				member = typed
			}
			members = append(members, member)
		}
		return map[string]any{key: members}
	case g.chance(12):
		return map[string]any{"not": g.typed(deep - 1)}
	case g.chance(8):
		return map[string]any{"$ref": g.one("#/definitions/d", "#/definitions/e")}
	case g.chance(8):
		all := []any{"a", "ab", 1, nil, true}
		g.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return map[string]any{"enum": all[:1+g.r.IntN(3)]}
	}
	return g.typed(deep)
}

// typed returns a schema with a type and some keywords.
func (g *jsonGen) typed(deep int) map[string]any {
	kind := g.one("string", "number", "integer", "boolean", "null", "object", "object", "object", "array")
	if deep > 2 {
		kind = g.one("object", "object", "array")
	}
	out := map[string]any{"type": kind}
	maybe := func(key string, of ...any) {
		if g.chance(3) {
			out[key] = g.one(of...)
		}
	}
	switch kind {
	case "string":
		maybe("maxLength", 2, 3, 4)
		maybe("minLength", 0, 1, 2)
		maybe("pattern", "a", "^[ab]+$")
	case "number", "integer":
		maybe("maximum", 3, 5, 9)
		maybe("minimum", 0, 1, 2)
		maybe("exclusiveMinimum", -1, 0)
		maybe("multipleOf", 2, 3)
	case "object":
		properties := map[string]any{}
		for _, name := range []string{"a", "b", "c", "d"} {
			if deep > 0 && g.chance(2) {
				properties[name] = g.schema(deep - 1)
			}
		}
		out["properties"] = properties
		if g.chance(2) {
			out["additionalProperties"] = g.one(false, false, true, g.typed(0))
		}
		if out["additionalProperties"] != false {
			// Otherwise there would often be no value at all.
			maybe("required", []any{"a"}, []any{"b"}, []any{"a", "b"})
			maybe("dependencies", map[string]any{"a": []any{"b"}}, map[string]any{"a": []any{"b", "c"}})
			maybe("minProperties", 1, 2)
		} else if properties["a"] != nil {
			maybe("required", []any{"a"})
		}
		maybe("maxProperties", 3, 4, 5)
	case "array":
		if deep > 0 {
			maybe("items", g.schema(deep-1), []any{g.schema(deep - 1), g.schema(0)})
			if _, tuple := out["items"].([]any); tuple {
				maybe("additionalItems", false, true, g.typed(0))
			}
		}
		maybe("maxItems", 2, 3, 4)
		maybe("minItems", 0, 1)
		maybe("uniqueItems", true)
	}
	return out
}

// copied copies v; about one in rare of its parts changes.
func (g *jsonGen) copied(v any, rare int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key == "definitions" || key == "properties" || key == "$ref" || !g.chance(rare) {
				out[key] = g.copied(v[key], rare)
				continue
			}
			g.change(out, key, v[key])
		}
		if p, ok := out["properties"].(map[string]any); ok && g.chance(rare/2) {
			p[g.one("a", "b", "c", "d", "e").(string)] = g.schema(1)
		}
		if p, ok := out["properties"].(map[string]any); ok && g.chance(rare/2) {
			delete(p, g.one("a", "b", "c", "d").(string))
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
func (g *jsonGen) change(out map[string]any, key string, v any) {
	switch v := v.(type) {
	case int:
		out[key] = max(v+g.r.IntN(3)-1, 0)
		if key == "multipleOf" {
			out[key] = max(v, 1) * (1 + g.r.IntN(2))
		}
	case bool:
		out[key] = !v
	case []any:
		if key == "required" {
			out[key] = []any{"a", "b", "c"}[:1+g.r.IntN(3)]
		} else if len(v) > 1 {
			out[key] = v[1:]
		}
	case string:
		switch {
		case key == "type" && v == "number":
			out[key] = "integer"
		case key == "type" && v == "integer":
			out[key] = "number"
		case key == "type":
			out[key] = g.one("string", "number", []any{v, "null"}, []any{v, "integer"})
			if v == "null" {
				out[key] = "boolean"
			}
		case key == "pattern":
			out[key] = g.one("b", "^a", "^[abc]*$")
		}
	case map[string]any:
		if key == "not" || key == "additionalProperties" || key == "additionalItems" || key == "items" {
			out[key] = g.schema(1)
		}
	}
}
