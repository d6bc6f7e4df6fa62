package protorules

import "github.com/wireproof/wireproof/compat/rule"

const newNumber = "add a field with a new number and deprecate the old one"

var (
	fieldSameType = define("FIELD_SAME_TYPE", "a field has another type",
		`Code that sets or reads the field no longer compiles. Any other type counts, and
a message or enum of another full name.`,
		example{`int32 count = 2;`, `int64 count = 2;`, `int32 count = 2 [deprecated = true];
         int64 total = 3;`},
		newNumber, everyReader|rule.SourceCode, file, pkg, csr)

	fieldWireType = answers(fieldScalarChanged, define("FIELD_WIRE_COMPATIBLE_TYPE", "a field changed to a type with another encoding",
		`The bytes that were written for the old type mean something else, or nothing, to
a reader of the new one. These may change into one another: int32, int64, uint32,
uint64 and bool; sint32 and sint64; fixed32 and sfixed32; fixed64 and sfixed64;
string into bytes; an enum into one of the same short name with all its values. The
registry also accepts bytes into string and enums for integers; Buf does not.`,
		example{`int64 amount = 2;`, `string amount = 2;`, `int64 amount = 2 [deprecated = true];
         string amount_text = 3;`},
		newNumber, everyReader, wire))

	fieldWireJSONType = define("FIELD_WIRE_JSON_COMPATIBLE_TYPE", "a field changed to a type with another encoding or another form in JSON",
		`A reader of the new type cannot read what was written, as bytes or as JSON. These
may change into one another: int32 and uint32; int64 and uint64; fixed32 and
sfixed32; fixed64 and sfixed64; an enum into one of the same short name with all its
values.`,
		example{`int32 amount = 2;`, `int64 amount = 2; (a string in JSON)`, `int32 amount = 2 [deprecated = true];
         int64 total = 3;`},
		newNumber, everyReader|rule.JSONReaders, wireJSON, csr)

	fieldSameCardinality = define("FIELD_SAME_CARDINALITY", "a field has another cardinality",
		`A field is optional with presence, optional without, required, repeated, or a map.
Code for the one does not compile, or does not do the same, with the other.`,
		example{`string note = 1;`, `optional string note = 1;`, `string note = 1 [deprecated = true];
         optional string remark = 2;`},
		newNumber, everyReader|rule.SourceCode, file, pkg)

	fieldWireCardinality = answers(fieldLabelChanged, define("FIELD_WIRE_COMPATIBLE_CARDINALITY", "a field changed between one value and many",
		`A list of numbers is written packed, as one value of bytes, which a reader of a
single number does not understand; and of several values a reader of one keeps
only the last. A required field that becomes optional may be missing in new data.`,
		example{`optional int32 code = 3;`, `repeated int32 code = 3;`, `optional int32 code = 3 [deprecated = true];
         repeated int32 codes = 4;`},
		newNumber, everyReader, wire))

	fieldWireJSONCardinality = define("FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY", "a field changed between one value, many, and a map",
		`As FIELD_WIRE_COMPATIBLE_CARDINALITY; besides, a map is an object in JSON and a
list an array, so they may not change into one another.`,
		example{`map<string, string> labels = 3;`, `repeated Label labels = 3;`, `map<string, string> labels = 3 [deprecated = true];
         repeated Label label_list = 4;`},
		newNumber, everyReader|rule.JSONReaders, wireJSON, csr)

	fieldSameName = define("FIELD_SAME_NAME", "a field has another name",
		`Code that names the field no longer compiles, and JSON that was written with the
old name is not understood. The bytes are the same.`,
		example{`string note = 4;`, `string remark = 4;`, `string note = 4 [deprecated = true];
         string remark = 5;`},
		"restore the name", rule.JSONReaders|rule.SourceCode, file, pkg, wireJSON, csr)

	fieldSameJSONName = define("FIELD_SAME_JSON_NAME", "a field has another name in JSON",
		`JSON that was written with the old name is not understood. A field that was renamed
changes its name in JSON too, unless json_name keeps it.`,
		example{`string order_id = 1;`, `string order_id = 1 [json_name = "id"];`, `keep the name.`},
		"restore the name with json_name", rule.JSONReaders, file, pkg, wireJSON, csr)

	fieldSameDefault = define("FIELD_SAME_DEFAULT", "the default of a field changed",
		`A field that is not set is not in the data. Each reader puts its own default in
its place, so the same bytes mean different values to old and new readers. For an
enum without an explicit default that is its first value.`,
		example{`optional int32 retries = 1 [default = 3];`, `optional int32 retries = 1 [default = 5];`, `keep the default, and let the producer set the new value.`},
		"restore the default and set the new value where messages are produced", everyReader, file, pkg, wireJSON, wire, csr)

	fieldSameOneof = define("FIELD_SAME_ONEOF", "a field moved into, out of or between oneofs",
		`Of the members of a oneof a reader keeps the last one in the data. A message that
was written with two of the fields set loses one of them when it is read as a
oneof.`,
		example{`string card = 1;
         oneof pay { string iban = 2; }`, `oneof pay { string iban = 2; string card = 1; }`, `oneof pay { string iban = 2; string card_number = 3; }`},
		"add a field with a new number where the field should be", everyReader, file, pkg, wireJSON, wire, csr)

	fieldSameJSType = define("FIELD_SAME_JSTYPE", "a number of 64 bits has another type in JavaScript",
		`Generated JavaScript gives a string where it gave a number, or the reverse.`,
		example{`int64 id = 1;`, `int64 id = 1 [jstype = JS_STRING];`, `int64 id = 1 [deprecated = true];
         int64 key = 2 [jstype = JS_STRING];`},
		"restore the option jstype", rule.SourceCode, file, pkg)

	fieldSameCppString = define("FIELD_SAME_CPP_STRING_TYPE", "a string has another type in C++",
		`The generated accessors have other signatures. The option ctype says it, or the
feature (pb.cpp).string_type; from STRING_PIECE to STRING is harmless.`,
		example{`string body = 1;`, `string body = 1 [ctype = CORD];`, `keep the type.`},
		"restore the option or the feature", rule.SourceCode, file, pkg)

	fieldSameJavaUTF8 = define("FIELD_SAME_JAVA_UTF8_VALIDATION", "Java checks a string for UTF-8 where it did not, or the reverse",
		`Generated Java throws on data that it read before, or passes on bytes that are no
text. The file option java_string_check_utf8 says it, or a feature.`,
		example{`string body = 1; (proto2)`, `option java_string_check_utf8 = true;`, `keep the option as it is.`},
		"restore the option or the feature", rule.Readers|rule.SourceCode, file, pkg)

	fieldSameUTF8 = define("FIELD_SAME_UTF8_VALIDATION", "a string is checked for UTF-8 where it was not, or the reverse",
		`A reader that checks refuses data that was written without a check. Proto2 does not
check, proto3 does.`,
		example{`string body = 1 [features.utf8_validation = NONE];`, `string body = 1;`, `bytes raw = 2; (for what is no text)`},
		"restore the feature utf8_validation", rule.Readers|rule.SourceCode, file, pkg)
)
