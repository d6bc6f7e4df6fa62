package protorules

import "github.com/wireproof/wireproof/compat/rule"

var (
	fieldNoDelete = define("FIELD_NO_DELETE", "a field was deleted",
		`Code that sets or reads the field no longer compiles. That the number is reserved
does not help here: use FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED instead of this rule
where deleting is allowed.`,
		example{`string note = 4;`, `reserved 4;`, `string note = 4 [deprecated = true];`},
		"keep the field, deprecated", rule.SourceCode, file, pkg, csr)

	fieldNoDeleteName = define("FIELD_NO_DELETE_UNLESS_NAME_RESERVED", "a field was deleted and its name is free again",
		`Whoever adds a field later may take the name for another meaning. Old JSON then
decodes into the wrong field.`,
		example{`string note = 4;`, `reserved 4;`, `reserved 4; reserved "note";`},
		"add the name to a reserved statement", rule.JSONReaders, wireJSON, csr)

	fieldNoDeleteNumber = define("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", "a field was deleted and its number is free again",
		`Whoever adds a field later may take the number for another type. Old data then
decodes into the wrong field, without an error.`,
		example{`string note = 4;`, `(nothing)`, `reserved 4;`},
		"add the number to a reserved statement", rule.Readers, wireJSON, wire, csr)

	oneofNoDelete = define("ONEOF_NO_DELETE", "a oneof was deleted",
		`Code that asks which member is set no longer compiles. Renaming a oneof is
deleting it.`,
		example{`oneof pay { string card = 1; string iban = 2; }`, `string card = 1;
         string iban = 2;`, `keep the oneof.`},
		"restore the oneof", rule.SourceCode, file, pkg, csr)

	messageSameRequired = answers(requiredFieldAdded, define("MESSAGE_SAME_REQUIRED_FIELDS", "a required field came or went",
		`A reader refuses a message that lacks a field which is required in its schema.
Data from before the field came lacks it, and so does data from after it went. Buf
looks at the label alone; a field that an edition's LEGACY_REQUIRED makes required
is caught here too.`,
		example{`optional string id = 1;`, `optional string id = 1;
         required string region = 2;`, `optional string region = 2;`},
		"use optional; a required field can neither be added nor removed", everyReader, file, pkg, wireJSON, wire, csr))

	messageSameJSON = define("MESSAGE_SAME_JSON_FORMAT", "a message no longer has a sound form in JSON",
		`With json_format = LEGACY_BEST_EFFORT names of fields may clash in JSON, and a
reader may refuse what was written.`,
		example{`message Order {} (edition 2023)`, `message Order { option features.json_format = LEGACY_BEST_EFFORT; }`, `keep the feature ALLOW, and rename the fields that clash.`},
		"remove the feature", rule.JSONReaders, file, pkg, wireJSON, csr)

	messageKeepAccessor = define("MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR", "the descriptor accessor of a message went",
		`C++ code that calls descriptor() on the generated class no longer compiles.`,
		example{`message Order {}`, `message Order { option no_standard_descriptor_accessor = true; }`, `rename the field that clashes with descriptor().`},
		"remove the option", rule.SourceCode, file, pkg, csr)

	extensionMessageNoDelete = define("EXTENSION_MESSAGE_NO_DELETE", "numbers of a message may no longer be extensions",
		`Extensions in other files that use the numbers no longer compile, and their data
turns into unknown fields. Ranges may be split and joined.`,
		example{`extensions 100 to 199;`, `extensions 100 to 149;`, `keep the range.`},
		"restore the range", rule.Readers|rule.SourceCode, file, pkg, csr)

	reservedMessage = define("RESERVED_MESSAGE_NO_DELETE", "a number or name of a message is no longer reserved",
		`It was reserved because data with it exists. Used again, that data decodes into
the wrong field. Ranges may be split and joined.`,
		example{`reserved 4, 9 to 11;`, `reserved 4;`, `keep the reserved statement.`},
		"restore the reserved statement", rule.Readers, file, pkg, wireJSON, wire, csr)
)

var (
	enumValueNoDelete = define("ENUM_VALUE_NO_DELETE", "a value of an enum was deleted",
		`Code that names the value no longer compiles. One of several names of a number may
go.`,
		example{`REFUNDED = 3;`, `reserved 3;`, `REFUNDED = 3 [deprecated = true];`},
		"keep the value, deprecated", rule.SourceCode, file, pkg, csr)

	enumValueNoDeleteName = define("ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", "a value of an enum was deleted and its name is free again",
		`Whoever adds a value later may take the name for another meaning, and old JSON then
says something that nobody meant.`,
		example{`REFUNDED = 3;`, `reserved 3;`, `reserved 3; reserved "REFUNDED";`},
		"add the name to a reserved statement of the enum", rule.JSONReaders, wireJSON, csr)

	enumValueNoDeleteNumber = define("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "a value of an enum was deleted and its number is free again",
		`Whoever adds a value later may take the number, and old data then says something
that nobody meant.`,
		example{`REFUNDED = 3;`, `(nothing)`, `reserved 3;`},
		"add the number to a reserved statement of the enum", rule.Readers, wireJSON, wire, csr)

	enumValueSameName = define("ENUM_VALUE_SAME_NAME", "a value of an enum has another name",
		`JSON carries the name, so readers of JSON do not know it. Code that names the value
no longer compiles. A number may get a further name, an alias.`,
		example{`PAID = 1;`, `SETTLED = 1;`, `option allow_alias = true; PAID = 1; SETTLED = 1;`},
		"keep the old name as an alias", rule.JSONReaders|rule.SourceCode, file, pkg, wireJSON, csr)

	enumSameType = define("ENUM_SAME_TYPE", "an enum became open or closed",
		`A closed enum puts a number that it does not know among the unknown fields, an open
one keeps it in the field: code sees other values. Enums of proto2 are closed, those
of proto3 are open.`,
		example{`enum Currency { EUR = 0; } (edition 2023)`, `enum Currency { option features.enum_type = CLOSED; EUR = 0; }`, `keep the enum as it is.`},
		"restore the feature enum_type", rule.SourceCode, file, pkg)

	enumSameJSON = define("ENUM_SAME_JSON_FORMAT", "an enum no longer has a sound form in JSON",
		`With json_format = LEGACY_BEST_EFFORT names of values may clash in JSON, and a
reader may refuse what was written.`,
		example{`enum Currency { EUR = 0; } (edition 2023)`, `enum Currency { option features.json_format = LEGACY_BEST_EFFORT; EUR = 0; }`, `keep the feature ALLOW.`},
		"remove the feature", rule.JSONReaders, file, pkg, wireJSON, csr)

	reservedEnum = define("RESERVED_ENUM_NO_DELETE", "a number or name of an enum is no longer reserved",
		`It was reserved because data with it exists. Used again, that data says something
that nobody meant. Ranges may be split and joined.`,
		example{`reserved 3;`, `(nothing)`, `keep the reserved statement.`},
		"restore the reserved statement", rule.Readers, file, pkg, wireJSON, wire, csr)
)
