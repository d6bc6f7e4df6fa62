package jsonrules

// objectRows are the rules about properties that both sides have, and about what
// may stand beside them.
func objectRows() []row {
	out := []row{
		{
			name: "REQUIRED_ATTRIBUTE_ADDED", title: "a property became required",
			prose:  "Data may lack the property. With a default in the new schema the protocol calls\nthe change compatible: readers are expected to fill it in.",
			before: `{"properties": {"note": {"type": "string"}}}`, after: `{"properties": {"note": {"type": "string"}}, "required": ["note"]}`,
			instead: `{"properties": {"note": {"type": "string", "default": ""}}, "required": ["note"]}`,
			fix:     `leave the property optional, or give it a "default"`,
			say:     "property {name} is required in the {r} schema and optional in the {w} one",
		},
		{
			name: "DEPENDENCY_ARRAY_ADDED", title: "a property asks for others",
			prose:  "Data may hold the property without the others.",
			before: `{"type": "object"}`, after: `{"type": "object", "dependencies": {"card": ["address"]}}`,
			instead: "leave the dependency out, and check it where data is written.",
			fix:     "remove the dependency",
			say:     "property {name} asks for others in the {r} schema, not in the {w} one",
		},
		{
			name: "DEPENDENCY_ARRAY_EXTENDED", title: "a property asks for more others",
			prose:  "Data may hold the property without the ones that were added.",
			before: `{"dependencies": {"card": ["address"]}}`, after: `{"dependencies": {"card": ["address", "name"]}}`,
			instead: "keep the dependency as it was.",
			fix:     "keep the dependency as it was",
			say:     "property {name} asks for more others in the {r} schema than in the {w} one",
		},
		{
			name: "DEPENDENCY_ARRAY_CHANGED", title: "a property asks for different others",
			prose:  "Data may hold the property without the ones that were added.",
			before: `{"dependencies": {"card": ["address"]}}`, after: `{"dependencies": {"card": ["name"]}}`,
			instead: "keep the dependency as it was.",
			fix:     "keep the dependency as it was",
			say:     "property {name} asks for different others in the {r} schema and in the {w} one",
		},
		{
			name: "DEPENDENCY_SCHEMA_ADDED", title: "a property brings a schema with it",
			prose:  "Data may hold the property and not fit the schema.",
			before: `{"type": "object"}`, after: `{"type": "object", "dependencies": {"card": {"required": ["address"]}}}`,
			instead: "leave the dependency out, and check it where data is written.",
			fix:     "remove the dependency",
			say:     "property {name} brings a schema with it in the {r} schema, not in the {w} one",
		},
	}
	for _, p := range []struct {
		name, key, of, in string
		passing           passing
	}{
		{"ADDITIONAL_PROPERTIES", "additionalProperties", "properties that no keyword names", `{"type": "object"*}`, lenient},
		{"UNEVALUATED_PROPERTIES", "unevaluatedProperties", "properties that no keyword looks at", `{"type": "object"*}`, lenient},
		{"ADDITIONAL_ITEMS", "additionalItems", "items beyond the tuple", `{"items": [{"type": "string"}]*}`, never},
		{"UNEVALUATED_ITEMS", "unevaluatedItems", "items that no keyword looks at", `{"type": "array"*}`, never},
	} {
		out = append(out, restRows(p.name, p.key, p.of, p.in, p.passing)...)
	}
	return out
}

// contentRows are the rules about properties that one side has.
func contentRows() []row {
	const (
		id       = `{"properties": {"id": {"type": "string"}}}`
		idNote   = `{"properties": {"id": {"type": "string"}, "note": {"type": "string"}}}`
		idClosed = `{"properties": {"id": {"type": "string"}}, "additionalProperties": false}`
		both     = `{"properties": {"id": {"type": "string"}, "note": {"type": "string"}}, "additionalProperties": false}`
		openFix  = `set the policy LENIENT for the subject, or close the content model with "additionalProperties": false`
		maybe    = "property {name} is new to the {r} schema, and data of the {w} one, whose content model is open, may hold anything under that name"
	)
	return []row{
		{
			name: "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", title: "an open object got a property",
			prose: `An object is open unless "additionalProperties" is false: it may hold properties
that nobody named, of any type. Data already written may therefore hold something
under the new name that the new schema refuses. The policy LENIENT trusts that it
does not, and calls the change compatible.`,
			before: id, after: idNote,
			instead: `set the policy LENIENT; or start with "additionalProperties": false, and add
         properties as you need them.`,
			fix: openFix, say: maybe, passing: lenient,
		},
		{
			name: "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL", title: "an open object got a required property with a default",
			prose: `Data already written may hold something under the new name that the new schema
refuses. That most of it holds nothing there is covered by the default. The policy
LENIENT calls the change compatible.`,
			before:  id,
			after:   `{"properties": {"id": {...}, "note": {"type": "string", "default": ""}}, "required": ["note"]}`,
			instead: `set the policy LENIENT; or start with "additionalProperties": false.`,
			fix:     openFix, say: maybe + "; it has a default", passing: lenient,
		},
		{
			name: "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", title: "an open object got a required property",
			prose:  "Data already written lacks the property, or holds anything under its name.",
			before: id, after: `{"properties": {"id": {...}, "note": {"type": "string"}}, "required": ["note"]}`,
			instead: "leave the property optional, and set the policy LENIENT.",
			fix:     "do not require the property", say: maybe + "; it is required",
		},
		{
			name: "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", title: "an object got a required property",
			prose:  "Data already written lacks the property.",
			before: idClosed, after: `{"properties": {"id": {...}, "note": {...}}, "required": ["note"], "additionalProperties": false}`,
			instead: `do not require it, or give it a default: {"note": {"type": "string", "default": ""}}`,
			fix:     `do not require the property, or give it a "default"`,
			say:     "property {name} is new to the {r} schema, required, and without a default",
		},
		{
			name: "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", title: "a closed object lost a property",
			prose: `Data holds the property, and the schema without it allows none that it does not
name. The policy LENIENT calls the change compatible: readers are expected to
ignore what they do not know.`,
			before: both, after: idClosed,
			instead: `keep the property, or allow it without a name: "additionalProperties": true`,
			fix:     "keep the property, or set the policy LENIENT for the subject",
			say:     "property {name} is gone from the {r} schema, which allows no others than it names", passing: lenient,
		},
		{
			name: "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", title: "an object got a property stricter than what could stand there",
			prose: `Properties without a name had a schema, by "additionalProperties" or
"patternProperties", and some values that fit it do not fit the new property. The
policy LENIENT calls the change compatible.`,
			before:  `{"additionalProperties": {"type": "number"}}`,
			after:   `{"properties": {"total": {"type": "integer"}}, "additionalProperties": {"type": "number"}}`,
			instead: `{"properties": {"total": {"type": "number"}}, "additionalProperties": {"type": "number"}}`,
			fix:     "let the property take what could stand under its name before",
			say:     "property {name} is new to the {r} schema and takes less than the {w} one lets stand there", passing: lenient,
		},
		{
			name: "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", title: "an object lost a property that the rest does not take",
			prose: `Data holds the property, and what may stand under its name now refuses some of its
values. The policy LENIENT calls the change compatible.`,
			before:  `{"properties": {"note": {"type": "string"}}, "additionalProperties": {"type": "number"}}`,
			after:   `{"additionalProperties": {"type": "number"}}`,
			instead: "keep the property.",
			fix:     "keep the property, or widen what may stand under its name",
			say:     "property {name} is gone from the {r} schema, which takes less in its place", passing: lenient,
		},
	}
}
