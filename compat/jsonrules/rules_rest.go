package jsonrules

import "strings"

// restRows are the rules about a keyword that speaks of what others leave over:
// it forbids it, or gives it a schema.
func restRows(name, key, of, in string, p passing) []row {
	with := func(value string) string { return strings.Replace(in, "*", `, "`+key+`": `+value, 1) }
	trust := ""
	if p == lenient {
		trust = "\nThe policy LENIENT trusts that there are none."
	}
	return []row{
		{
			name: name + "_REMOVED", title: key + " forbids what it allowed",
			prose:  "Data may hold " + of + ", and a reader that\nallows none refuses it." + trust,
			before: strings.Replace(in, "*", "", 1), after: with("false"),
			instead: "leave the keyword out.",
			fix:     "allow them as before", passing: p,
			say: "the {r} schema forbids in {name} what the {w} one allows",
		},
		{
			name: name + "_NARROWED", title: key + " got a schema",
			prose:  "Data may hold " + of + ", of any kind, and a\nreader with a schema for them refuses some." + trust,
			before: strings.Replace(in, "*", "", 1), after: with(`{"type": "number"}`),
			instead: "leave the keyword out.",
			fix:     "allow them as before", passing: p,
			say: "the {r} schema has a schema in {name}, the {w} one takes anything",
		},
	}
}

// warningRows are about what the protocol does not compare. Registries let all of
// it pass.
func warningRows() []row {
	const pass = "\nRegistries do not compare it and let every change pass."
	return []row{
		{
			name: "JSON_FORMAT_CHANGED", title: "format changed, which no registry compares", ours: true,
			prose:  "Readers that check formats may refuse texts of the other one." + pass,
			before: `{"type": "string"}`, after: `{"type": "string", "format": "date"}`,
			instead: "leave the format, or make sure that nobody checks it.",
			fix:     "make sure that all data fits the format", say: "{name} differs, which registries do not compare",
		},
		{
			name: "JSON_CONDITIONAL_CHANGED", title: "if, then or else changed, which no registry compares", ours: true,
			prose:  "A condition restricts values like any other keyword." + pass,
			before: `{"if": {...}, "then": {"required": ["a"]}}`, after: `{"if": {...}, "then": {"required": ["a", "b"]}}`,
			instead: "review the change by hand.",
			fix:     "make sure that all data fits the condition", say: "{name} differs, which registries do not compare",
		},
		{
			name: "JSON_PATTERN_PROPERTIES_CHANGED", title: "patternProperties changed, which no registry compares", ours: true,
			prose:  "Properties that an expression finds must meet its schema. Registries only look up\nthere what happens to a property that was added or removed.",
			before: `{"patternProperties": {"^x-": {}}}`, after: `{"patternProperties": {"^x-": {"type": "string"}}}`,
			instead: "review the change by hand.",
			fix:     "make sure that all data fits", say: "{name} differs, which registries do not compare",
		},
		{
			name: "JSON_PROPERTY_NAMES_CHANGED", title: "propertyNames changed, which no registry compares", ours: true,
			prose:  "The schema of names restricts objects like any other keyword." + pass,
			before: `{"type": "object"}`, after: `{"type": "object", "propertyNames": {"maxLength": 10}}`,
			instead: "review the change by hand.",
			fix:     "make sure that all data fits", say: "{name} differs, which registries do not compare",
		},
		{
			name: "JSON_CONTAINS_CHANGED", title: "contains changed, which no registry compares", ours: true,
			prose:  "The schema that some item must meet restricts arrays like any other keyword." + pass,
			before: `{"type": "array"}`, after: `{"type": "array", "contains": {"type": "number"}}`,
			instead: "review the change by hand.",
			fix:     "make sure that all data fits", say: "{name} differs, which registries do not compare",
		},
		{
			name: "JSON_TYPE_INSISTED", title: "a type that was only hinted at became a must", ours: true,
			prose:  "Without \"type\", keywords such as minLength bind texts only and let everything else\npass. With it, everything else is refused. Registries take both for the same.",
			before: `{"minLength": 1}`, after: `{"type": "string", "minLength": 1}`,
			instead: "review the change by hand.",
			fix:     "make sure that no data of another type was written", say: "the {r} schema insists on {u}, the {w} one only hints at it",
		},
		{
			name: "JSON_EXCLUSIVE_FLAG_ADDED", title: "a limit of draft 4 became exclusive, which no registry compares", ours: true,
			prose:  "Data may hold the limit itself." + pass,
			before: `{"maximum": 10}`, after: `{"maximum": 10, "exclusiveMaximum": true}`,
			instead: "leave the limit inclusive.",
			fix:     "leave the limit inclusive", say: "{name} is set in the {r} schema and not in the {w} one, which registries do not compare",
		},
		{
			name: "JSON_REQUIRED_UNDECLARED", title: "a property is required that no registry looks at", ours: true,
			prose: `Registries compare what is required only for properties that the schema declares,
and when they are added. A name that is required alone, or declared as anything in
an open object, slips through, and data may lack it.`,
			before: `{"type": "object"}`, after: `{"type": "object", "required": ["id"]}`,
			instead: "leave the name out, or make sure that all data has it.",
			fix:     "make sure that all data has the property", say: "property {name} is required in the {r} schema, which registries do not see",
		},
	}
}
