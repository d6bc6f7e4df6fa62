package witness_test

import (
	"testing"

	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
)

// A jsonReason says why findings of some rules may have no witness: the rules compare
// keyword by keyword, and what one lets through another may forbid. Share is how many
// in a hundred of the pairs that are made here: the generator does not care what people
// would write. Each rule has a pair that needs the reason.
type jsonReason struct {
	why   string
	share int
	rules map[string][2]string // the older schema and the newer
}

const (
	noObject = `{"type":"object","minProperties":1,"maxProperties":0`
	noArray  = `{"type":"array","minItems":1,"maxItems":0`
)

var jsonReasons = []jsonReason{
	{"what one member of a combination loses another still takes", 45, map[string][2]string{
		"JSON_COMBINED_TYPE_SUBSCHEMAS_CHANGED": {
			`{"anyOf":[{"type":"string","maxLength":2},{"type":"string"}]}`, `{"anyOf":[{"type":"string","maxLength":1},{"type":"string"}]}`},
		"JSON_COMBINED_TYPE_CHANGED": {`{"anyOf":[{"type":"string"},{"type":"string","title":"t"}]}`, `{"allOf":[{"type":"string"},{"type":"string","title":"t"}]}`},
		"JSON_SUM_TYPE_NARROWED": {
			`{"anyOf":[{"type":"string"},{"type":"string","maxLength":2},{"type":"number"}]}`, `{"anyOf":[{"type":"string"},{"type":"number"}]}`},
		"JSON_NOT_TYPE_EXTENDED": {noObject + `,"properties":{"a":{"not":{"type":"integer"}}}}`, noObject + `,"properties":{"a":{"not":{"type":"number"}}}}`},
	}},
	{"the member that was added asks for nothing that the others do not", 80, map[string][2]string{
		"JSON_PRODUCT_TYPE_EXTENDED": {`{"allOf":[{"type":"string"},{"type":"string","maxLength":3}]}`,
			`{"allOf":[{"type":"string"},{"type":"string","maxLength":3},{"type":"string","maxLength":5}]}`},
	}},
	{"the other schema requires the property without allowing one, so it has no value at all", 60, map[string][2]string{
		"JSON_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL": {`{"type":"object","additionalProperties":false,"required":["a"]}`,
			`{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"string"}}}`},
	}},
	{"every multiple of a whole number is whole", 50, map[string][2]string{
		"JSON_TYPE_NARROWED": {`{"type":"number","multipleOf":2}`, `{"type":"integer","multipleOf":2}`},
	}},
	{"no multiple lies between the two bounds", 20, map[string][2]string{
		"JSON_MAXIMUM_DECREASED": {`{"type":"number","multipleOf":2,"maximum":5}`, `{"type":"number","multipleOf":2,"maximum":4}`},
	}},
	{"what is asked for is there anyway, by another keyword", 40, map[string][2]string{
		"JSON_DEPENDENCY_ARRAY_ADDED": {`{"type":"object","required":["b"]}`, `{"type":"object","required":["b"],"dependencies":{"a":["b"]}}`},
		"JSON_DEPENDENCY_ARRAY_EXTENDED": {`{"type":"object","required":["b"],"dependencies":{"a":["c"]}}`,
			`{"type":"object","required":["b"],"dependencies":{"a":["b","c"]}}`},
		"JSON_REQUIRED_ATTRIBUTE_ADDED": {`{"type":"object","properties":{"a":{}},"additionalProperties":false,"minProperties":1}`,
			`{"type":"object","properties":{"a":{}},"additionalProperties":false,"minProperties":1,"required":["a"]}`},
		"JSON_MIN_PROPERTIES_INCREASED":    {`{"type":"object","required":["a","b"],"minProperties":1}`, `{"type":"object","required":["a","b"],"minProperties":2}`},
		"JSON_MIN_PROPERTIES_ADDED":        {`{"type":"object","required":["a"]}`, `{"type":"object","required":["a"],"minProperties":1}`},
		"JSON_MINIMUM_INCREASED":           {`{"type":"integer","exclusiveMinimum":0,"minimum":0}`, `{"type":"integer","exclusiveMinimum":0,"minimum":1}`},
		"JSON_MINIMUM_ADDED":               {`{"type":"integer","exclusiveMinimum":0}`, `{"type":"integer","exclusiveMinimum":0,"minimum":1}`},
		"JSON_EXCLUSIVE_MINIMUM_INCREASED": {`{"type":"integer","minimum":1,"exclusiveMinimum":-1}`, `{"type":"integer","minimum":1,"exclusiveMinimum":0}`},
		"JSON_EXCLUSIVE_MINIMUM_ADDED":     {`{"type":"integer","minimum":1}`, `{"type":"integer","minimum":1,"exclusiveMinimum":0}`},
		"JSON_MIN_LENGTH_ADDED":            {`{"type":"string","pattern":"a"}`, `{"type":"string","pattern":"a","minLength":1}`},
		"JSON_MAX_PROPERTIES_ADDED": {`{"type":"object","properties":{"a":{}},"additionalProperties":false}`,
			`{"type":"object","properties":{"a":{}},"additionalProperties":false,"maxProperties":1}`},
		"JSON_MAX_PROPERTIES_DECREASED": {`{"type":"object","properties":{"a":{}},"additionalProperties":false,"maxProperties":5}`,
			`{"type":"object","properties":{"a":{}},"additionalProperties":false,"maxProperties":4}`},
		"JSON_MAX_ITEMS_DECREASED": {`{"type":"array","items":[{}],"additionalItems":false,"maxItems":3}`, `{"type":"array","items":[{}],"additionalItems":false,"maxItems":2}`},
		"JSON_UNIQUE_ITEMS_ADDED":  {`{"type":"array","maxItems":1}`, `{"type":"array","maxItems":1,"uniqueItems":true}`},
	}},
	{"no document reaches the part, for another keyword keeps it out", 10, map[string][2]string{
		"JSON_MIN_LENGTH_INCREASED": {noObject + `,"properties":{"a":{"type":"string","minLength":1}}}`,
			noObject + `,"properties":{"a":{"type":"string","minLength":2}}}`},
		"JSON_TYPE_CHANGED":        {noObject + `,"properties":{"a":{"type":"string"}}}`, noObject + `,"properties":{"a":{"type":"number"}}}`},
		"JSON_PATTERN_CHANGED":     {`{"type":"string","pattern":"^a$","minLength":2}`, `{"type":"string","pattern":"^b$","minLength":2}`},
		"JSON_MIN_ITEMS_INCREASED": {`{"type":"array","minItems":1,"maxItems":0}`, `{"type":"array","minItems":2,"maxItems":0}`},
		"JSON_MULTIPLE_OF_EXPANDED": {`{"type":"integer","minimum":3,"maximum":3,"multipleOf":2}`,
			`{"type":"integer","minimum":3,"maximum":3,"multipleOf":4}`},
		"JSON_ITEM_ADDED_TO_OPEN_CONTENT_MODEL":              {noArray + `,"items":[{}]}`, noArray + `,"items":[{},{"type":"string"}]}`},
		"JSON_OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL": {noObject + `}`, noObject + `,"properties":{"a":{"type":"string"}}}`},
		"JSON_REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL": {noObject + `}`, noObject + `,"properties":{"a":{"type":"string"}},"required":["a"]}`},
		"JSON_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL":    {noObject + `,"properties":{"a":{}},"additionalProperties":false}`, noObject + `,"additionalProperties":false}`},
		"JSON_ADDITIONAL_PROPERTIES_REMOVED":                 {noObject + `}`, noObject + `,"additionalProperties":false}`},
		"JSON_ADDITIONAL_PROPERTIES_NARROWED":                {noObject + `}`, noObject + `,"additionalProperties":{"type":"string"}}`},
		"JSON_PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": {
			noObject + `,"additionalProperties":{"type":"string"}}`, noObject + `,"additionalProperties":{"type":"string"},"properties":{"a":{"type":"number"}}}`},
		"JSON_PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": {
			noObject + `,"additionalProperties":{"type":"string"},"properties":{"a":{"type":"number"}}}`, noObject + `,"additionalProperties":{"type":"string"}}`},
	}},
}

// TestJSONReasons: the pair of each exception fires its rule and has no witness, so the
// exception is still needed.
func TestJSONReasons(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, reason := range jsonReasons {
		for id, pair := range reason.rules {
			if seen[id] {
				t.Errorf("%s has two reasons", id)
			}
			seen[id] = true
			older, err := parseJSON("old", pair[0])
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			newer, err := parseJSON("new", pair[1])
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			fired := false
			for _, f := range jsonrules.Check(newer, older, rule.Readers, jsonrules.Strict) {
				if f.Rule.ID != id {
					continue
				}
				fired = true
				if w, ok := witness.Build(f, newer, older); ok {
					t.Errorf("%s needs no exception: %s: %s", id, w.JSON, w.Err)
				}
			}
			if !fired {
				t.Errorf("%s: its pair does not fire it (%s)", id, reason.why)
			}
		}
	}
}
