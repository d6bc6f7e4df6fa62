package jsonrules

import "strings"

// A bound is a keyword that bounds a number, upwards or downwards.
type bound struct {
	name, key string
	upper     bool
	in        string // a schema around the keyword, with the place of it as *
	low, high string // two values
	of        string // what is bounded
}

func bounds() []bound {
	const text, number = `{"type": "string", *}`, `{"type": "number", *}`
	const object, array = `{"type": "object", *}`, `{"type": "array", *}`
	const contains = `{"type": "array", "contains": {"const": 1}, *}`
	return []bound{
		{"MAX_LENGTH", "maxLength", true, text, "10", "20", "longer texts"},
		{"MIN_LENGTH", "minLength", false, text, "1", "2", "shorter texts"},
		{"MAXIMUM", "maximum", true, number, "10", "20", "larger numbers"},
		{"MINIMUM", "minimum", false, number, "1", "2", "smaller numbers"},
		{"EXCLUSIVE_MAXIMUM", "exclusiveMaximum", true, number, "10", "20", "larger numbers"},
		{"EXCLUSIVE_MINIMUM", "exclusiveMinimum", false, number, "1", "2", "smaller numbers"},
		{"MAX_PROPERTIES", "maxProperties", true, object, "10", "20", "objects with more properties"},
		{"MIN_PROPERTIES", "minProperties", false, object, "1", "2", "objects with fewer properties"},
		{"MAX_ITEMS", "maxItems", true, array, "10", "20", "arrays with more items"},
		{"MIN_ITEMS", "minItems", false, array, "1", "2", "arrays with fewer items"},
		{"MAX_CONTAINS", "maxContains", true, contains, "10", "20", "arrays with more such items"},
		{"MIN_CONTAINS", "minContains", false, contains, "1", "2", "arrays with fewer such items"},
	}
}

// limitRows returns two rules for each bound: it is new, and it is tighter.
func limitRows() []row {
	var out []row
	for _, b := range bounds() {
		loose, tight, suffix, verb := b.high, b.low, "_DECREASED", "lowered"
		if !b.upper {
			loose, tight, suffix, verb = b.low, b.high, "_INCREASED", "raised"
		}
		with := func(value string) string { return strings.Replace(b.in, "*", `"`+b.key+`": `+value, 1) }
		out = append(out,
			row{
				name: b.name + "_ADDED", title: b.key + " was added",
				prose:  "Data was written without the bound and may hold " + b.of + ".\nThe schema with the bound refuses them.",
				before: strings.Replace(b.in, ", *", "", 1), after: with(tight),
				instead: "leave the bound out, and check it where data is written.",
				fix:     "remove " + b.key + ", or check it where data is written",
				say:     "{name} is {u} in the {r} schema and absent in the {w} one",
			},
			row{
				name: b.name + suffix, title: b.key + " was " + verb,
				prose:  "Data may hold " + b.of + " than the tighter bound allows, and a\nreader with that bound refuses them.",
				before: with(loose), after: with(tight),
				instead: "keep the bound as it was.",
				fix:     "keep " + b.key + " as it was",
				say:     "{name} is {u} in the {r} schema and {o} in the {w} one",
			})
	}
	return append(out, textRows()...)
}

func textRows() []row {
	return []row{
		{
			name: "PATTERN_ADDED", title: "pattern was added",
			prose:  "Data was written without the pattern, and texts that it does not find are refused.",
			before: `{"type": "string"}`, after: `{"type": "string", "pattern": "^[A-Z]+$"}`,
			instead: "leave the pattern out, and check it where data is written.",
			fix:     "remove the pattern, or check it where data is written",
			say:     "the {r} schema has a pattern and the {w} one has none",
		},
		{
			name: "PATTERN_CHANGED", title: "pattern was changed",
			prose:  "Whether one regular expression finds all that another does is not decided: every\nchange counts as one that refuses something.",
			before: `{"type": "string", "pattern": "^[A-Z]+$"}`, after: `{"type": "string", "pattern": "^[A-Z0-9]+$"}`,
			instead: "remove the pattern.",
			fix:     "keep the pattern, or remove it",
			say:     "the pattern differs",
		},
		{
			name: "MULTIPLE_OF_ADDED", title: "multipleOf was added",
			prose:  "Data may hold numbers that are no multiple, and a reader with the keyword refuses\nthem.",
			before: `{"type": "number"}`, after: `{"type": "number", "multipleOf": 0.01}`,
			instead: "leave the keyword out, and check it where data is written.",
			fix:     "remove multipleOf, or check it where data is written",
			say:     "{name} is {u} in the {r} schema and absent in the {w} one",
		},
		{
			name: "MULTIPLE_OF_EXPANDED", title: "multipleOf became a multiple of what it was",
			prose:  "Not every multiple of the smaller number is one of the larger.",
			before: `{"type": "number", "multipleOf": 5}`, after: `{"type": "number", "multipleOf": 10}`,
			instead: "keep the number, or divide it.",
			fix:     "keep multipleOf as it was",
			say:     "{name} is {u} in the {r} schema and {o} in the {w} one",
		},
		{
			name: "MULTIPLE_OF_CHANGED", title: "multipleOf changed to a number that does not divide the old one",
			prose:  "Multiples of the one number are no multiples of the other.",
			before: `{"type": "number", "multipleOf": 5}`, after: `{"type": "number", "multipleOf": 3}`,
			instead: "keep the number, or divide it.",
			fix:     "keep multipleOf as it was",
			say:     "{name} is {u} in the {r} schema and {o} in the {w} one",
		},
	}
}
