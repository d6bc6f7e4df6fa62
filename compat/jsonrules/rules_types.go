package jsonrules

// typeRows are the rules about types, values and combinations.
func typeRows() []row {
	return append([]row{
		{
			name: "TYPE_CHANGED", title: "the type changed",
			prose: `Data holds values of the one type, and a reader of the other refuses them. An
enum, a const and each of anyOf, oneOf, allOf, not and if count as types of their
own: an enum in the place of a plain string is another type.`,
			before: `{"type": "string"}`, after: `{"type": "number"}`,
			instead: `{"type": ["string", "number"]}`,
			fix:     "keep the type, or allow both with a list of types",
			say:     "the {r} schema has {u} where the {w} one has {o}",
		},
		{
			name: "TYPE_NARROWED", title: "number became integer",
			prose:  "Data may hold fractions, and a reader of integers refuses them.",
			before: `{"type": "number"}`, after: `{"type": "integer"}`,
			instead: "keep the type number.",
			fix:     "keep the type number",
			say:     "the {r} schema takes integers only, the {w} one every number",
		},
		{
			name: "SCHEMA_ADDED", title: "items got a schema",
			prose:  "Data was written while items could be anything, and those that do not fit are\nrefused.",
			before: `{"type": "array"}`, after: `{"type": "array", "items": {"type": "string"}}`,
			instead: "leave items open.",
			fix:     "remove the schema of the items",
			say:     "the {r} schema restricts what the {w} one leaves open",
		},
		{
			name: "ENUM_ARRAY_NARROWED", title: "an enum lost values",
			prose:  "Data may hold the values that are gone.",
			before: `{"enum": ["OPEN", "PAID"]}`, after: `{"enum": ["OPEN"]}`,
			instead: "keep the value; consumers may stop expecting it without a change of schema.",
			fix:     "keep the values",
			say:     "the {r} schema has fewer values in {name}, {u} instead of {o}",
		},
		{
			name: "ENUM_ARRAY_CHANGED", title: "an enum or a const has other values",
			prose:  "Some values are gone, and data may hold them.",
			before: `{"enum": ["OPEN", "PAID"]}`, after: `{"enum": ["OPEN", "CLOSED"]}`,
			instead: `{"enum": ["OPEN", "PAID", "CLOSED"]}`,
			fix:     "keep the old values beside the new ones",
			say:     "the values of {name} differ",
		},
		{
			name: "NOT_TYPE_EXTENDED", title: "not excludes more",
			prose:  "What the schema beneath not accepts is refused. It accepts more than it did, or\nit cannot be told that it does not, and data may hold just that.",
			before: `{"not": {"type": "string", "maxLength": 5}}`, after: `{"not": {"type": "string", "maxLength": 9}}`,
			instead: "exclude the same as before, or less.",
			fix:     "exclude the same as before, or less",
			say:     "the {r} schema excludes more than the {w} one",
		},
		{
			name: "SCHEMA_TOO_COMPLEX", title: "the schemas ask for too many comparisons",
			prose: `Members of combinations are compared each with each, and again within them. Here
that is more work than is done for one request, so the change cannot be called
compatible.`,
			before: `{"oneOf": [{"oneOf": [...]}, ...]}`, after: `the same, with other members`,
			instead: "give the parts names under definitions, and combine fewer of them.",
			fix:     "combine fewer members, or set the level NONE and review by hand",
			say:     "the two schemas take too many steps to compare",
		},
	}, combinedRows()...)
}

func combinedRows() []row {
	return []row{
		{
			name: "COMBINED_TYPE_CHANGED", title: "a combination became a stricter one",
			prose:  "A value that fits some members of anyOf need not fit exactly one of oneOf, nor\nall of allOf.",
			before: `{"anyOf": [{"type": "string"}, {"maxLength": 3}]}`, after: `{"allOf": [{"type": "string"}, {"maxLength": 3}]}`,
			instead: "keep the keyword, or move to anyOf.",
			fix:     "keep the keyword, or use anyOf",
			say:     "the {r} schema has {u} where the {w} one has {o}",
		},
		{
			name: "PRODUCT_TYPE_EXTENDED", title: "allOf got more members",
			prose:  "A value must fit one more schema, and data was written without that.",
			before: `{"allOf": [{"type": "string"}]}`, after: `{"allOf": [{"type": "string"}, {"maxLength": 3}]}`,
			instead: "leave the member out.",
			fix:     "remove the new members of allOf",
			say:     "the {r} schema asks for {u} members to hold, the {w} one for {o}",
		},
		{
			name: "SUM_TYPE_NARROWED", title: "anyOf or oneOf lost members",
			prose:  "Data may hold values that fit only the member that is gone. A list of types is an\nanyOf too.",
			before: `{"type": ["string", "null"]}`, after: `{"type": ["string"]}`,
			instead: "keep the member.",
			fix:     "keep the members",
			say:     "the {r} schema has {u} alternatives, the {w} one {o}",
		},
		{
			name: "COMBINED_TYPE_SUBSCHEMAS_CHANGED", title: "members of a combination changed",
			prose: `Each member of the smaller side needs a member of the other that it is compatible
with, and no two may share one. Here some are left over. An enum beside a type is
a combination of the two, so this is also what a smaller enum beside "type" gives.`,
			before: `{"oneOf": [{"type": "string"}, {"type": "number"}]}`, after: `{"oneOf": [{"type": "string"}, {"type": "boolean"}]}`,
			instead: `{"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}`,
			fix:     "keep each member, or change it compatibly",
			say:     "member {name} of the combination has no compatible counterpart",
		},
	}
}

// arrayRows are the rules about items. Their number is written from 0.
func arrayRows() []row {
	const open = `{"type": "array", "items": [{"type": "string"}]}`
	const closed = `{"type": "array", "items": [{"type": "string"}], "additionalItems": false}`
	return []row{
		{
			name: "UNIQUE_ITEMS_ADDED", title: "items must differ from one another",
			prose:  "Data may hold arrays with the same item twice.",
			before: `{"type": "array"}`, after: `{"type": "array", "uniqueItems": true}`,
			instead: "leave the keyword out, and check it where data is written.",
			fix:     "remove uniqueItems",
			say:     "items must be unique in the {r} schema",
		},
		{
			name: "ITEM_ADDED_TO_OPEN_CONTENT_MODEL", title: "a tuple got an item where anything could stand",
			prose:  "Arrays could have further items of any kind, and data may hold one that does not\nfit the new schema.",
			before: open, after: `{"type": "array", "items": [{"type": "string"}, {"type": "number"}]}`,
			instead: `close the tuple with "additionalItems": false before it grows.`,
			fix:     "leave the item open, or publish a new type",
			say:     "item {name} is new to the {r} schema, and data of the {w} one may hold anything there",
		},
		{
			name: "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", title: "a tuple got an item stricter than what could stand there",
			prose:   "Further items had one schema, and some that fit it do not fit that of the new\nitem.",
			before:  `{"items": [{"type": "string"}], "additionalItems": {"type": "number"}}`,
			after:   `{"items": [{"type": "string"}, {"type": "integer"}], "additionalItems": {"type": "number"}}`,
			instead: `give the new item the schema {"type": "number"}.`,
			fix:     "let the new item take what additionalItems takes",
			say:     "item {name} is new to the {r} schema and takes less than the {w} one lets stand there",
		},
		{
			name: "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", title: "a closed tuple lost an item",
			prose:  "Data may hold the item, and the schema without it allows no further ones.",
			before: `{"items": [{"type": "string"}, {"type": "number"}], "additionalItems": false}`, after: closed,
			instead: "keep the item.",
			fix:     "keep the item",
			say:     "item {name} is gone from the {r} schema, which allows no further items",
		},
		{
			name: "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", title: "a tuple lost an item that the rest does not take",
			prose:   "Data may hold the item, and further items must meet a schema that refuses some of\nthem.",
			before:  `{"items": [{"type": "string"}, {"type": "number"}], "additionalItems": {"type": "integer"}}`,
			after:   `{"items": [{"type": "string"}], "additionalItems": {"type": "integer"}}`,
			instead: `widen additionalItems to {"type": "number"}.`,
			fix:     "let additionalItems take what the item took",
			say:     "item {name} is gone from the {r} schema, which takes less in its place",
		},
	}
}
