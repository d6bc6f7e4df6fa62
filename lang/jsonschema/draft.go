package jsonschema

import (
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// A Draft is a version of the JSON Schema specification.
type Draft int

// The drafts, in the order of time.
const (
	Draft4    Draft = 4
	Draft6    Draft = 6
	Draft7    Draft = 7
	Draft2019 Draft = 2019
	Draft2020 Draft = 2020
)

// URL returns the address of the metaschema.
func (d Draft) URL() string {
	switch d {
	case Draft4:
		return "http://json-schema.org/draft-04/schema"
	case Draft6:
		return "http://json-schema.org/draft-06/schema"
	case Draft2019:
		return "https://json-schema.org/draft/2019-09/schema"
	case Draft2020:
		return "https://json-schema.org/draft/2020-12/schema"
	}
	return "http://json-schema.org/draft-07/schema"
}

func drafts() []Draft { return []Draft{Draft4, Draft6, Draft7, Draft2019, Draft2020} }

// draftOf returns the draft that $schema names.
func draftOf(root *lang.Value) Draft {
	if named := root.Get("$schema"); named != nil && named.Kind == lang.String {
		if d, ok := draftAt(named.Str); ok {
			return d
		}
	}
	return Draft7
}

// draftAt returns the draft whose metaschema is at the address. People write
// http for https and leave the empty fragment away.
func draftAt(address string) (Draft, bool) {
	for _, d := range drafts() {
		if bare(address) == bare(d.URL()) {
			return d, true
		}
	}
	return 0, false
}

func bare(address string) string {
	address = strings.TrimSuffix(address, "#")
	address = strings.TrimPrefix(address, "https://")
	return strings.TrimPrefix(address, "http://")
}

// idKey returns the keyword that names a schema.
func (d Draft) idKey() string {
	if d == Draft4 {
		return "id"
	}
	return "$id"
}

// refAlone reports whether a $ref hides the keywords beside it.
func (d Draft) refAlone() bool { return d < Draft2019 }

// A holds says what the value of a keyword holds.
type holds uint8

const (
	holdsSchema   holds = iota // one schema
	holdsList                  // an array of schemas
	holdsEither                // one schema, or an array of them
	holdsMap                   // an object of schemas
	holdsMapMixed              // an object of schemas and arrays of strings
)

type applicator struct {
	key   string
	since Draft
	holds holds
}

// applicators are the keywords that hold schemas. Definitions are found under
// both keywords in every draft, because people write both.
func applicators() []applicator {
	return []applicator{
		{"definitions", Draft4, holdsMap},
		{"$defs", Draft4, holdsMap},
		{"properties", Draft4, holdsMap},
		{"patternProperties", Draft4, holdsMap},
		{"additionalProperties", Draft4, holdsSchema},
		{"dependencies", Draft4, holdsMapMixed},
		{"dependentSchemas", Draft2019, holdsMap},
		{"propertyNames", Draft6, holdsSchema},
		{"unevaluatedProperties", Draft2019, holdsSchema},
		{"items", Draft4, holdsEither},
		{"prefixItems", Draft2020, holdsList},
		{"additionalItems", Draft4, holdsSchema},
		{"unevaluatedItems", Draft2019, holdsSchema},
		{"contains", Draft6, holdsSchema},
		{"allOf", Draft4, holdsList},
		{"anyOf", Draft4, holdsList},
		{"oneOf", Draft4, holdsList},
		{"not", Draft4, holdsSchema},
		{"if", Draft7, holdsSchema},
		{"then", Draft7, holdsSchema},
		{"else", Draft7, holdsSchema},
		{"contentSchema", Draft2019, holdsSchema},
	}
}

// eachChild calls f for every schema that the schema v holds directly, with the
// path from v to it.
func (d Draft) eachChild(v *lang.Value, table []applicator, f func(child *lang.Value, path ...string)) {
	if v.Kind != lang.Object {
		return
	}
	alone := d.refAlone() && v.Get("$ref") != nil
	for _, a := range table {
		held := v.Get(a.key)
		if held == nil || d < a.since || alone && a.key != "definitions" && a.key != "$defs" {
			continue
		}
		switch {
		case held.Kind == lang.Array && (a.holds == holdsList || a.holds == holdsEither):
			for i, item := range held.Items {
				f(item, a.key, itoa(i))
			}
		case held.Kind == lang.Object && (a.holds == holdsMap || a.holds == holdsMapMixed):
			for _, m := range held.Members {
				if isSchema(m.Value) {
					f(m.Value, a.key, m.Key)
				}
			}
		case isSchema(held) && (a.holds == holdsSchema || a.holds == holdsEither):
			f(held, a.key)
		}
	}
}

// isSchema reports whether v can be a schema at all.
func isSchema(v *lang.Value) bool {
	return v != nil && (v.Kind == lang.Object || v.Kind == lang.Bool)
}
