package protorules

import "github.com/wireproof/wireproof/compat/rule"

// The protocol's names for what its checker finds incompatible.
const (
	packageChanged        = "PACKAGE_CHANGED"
	messageRemoved        = "MESSAGE_REMOVED"
	requiredFieldAdded    = "REQUIRED_FIELD_ADDED"
	requiredFieldRemoved  = "REQUIRED_FIELD_REMOVED"
	fieldKindChanged      = "FIELD_KIND_CHANGED"
	fieldScalarChanged    = "FIELD_SCALAR_KIND_CHANGED"
	fieldLabelChanged     = "FIELD_NUMERIC_LABEL_CHANGED"
	fieldNamedTypeChanged = "FIELD_NAMED_TYPE_CHANGED"
	oneofFieldGone        = "ONEOF_FIELD_REMOVED"
	fieldsMovedToOneof    = "MULTIPLE_FIELDS_MOVED_TO_ONEOF"
	fieldMovedToOneof     = "FIELD_MOVED_TO_EXISTING_ONEOF"
)

// Categories: Buf's, and that of the registry's verdicts.
const (
	wire      = "WIRE"
	confluent = "CONFLUENT"
)

// Table returns every rule, in the order in which they are documented. The rows
// are shared and must not be changed. A rule of both categories may report a
// change that only one of them minds: then the ErrorType of the finding is empty
// where the registry accepts it.
//
// Considered and left out, because both accept them: added messages, enums,
// fields and oneofs; removed enums; moved messages; renamed fields and constants;
// packed, json_name, comments and custom options.
func Table() []*rule.Rule {
	return []*rule.Rule{
		fileSamePackage, messageNoDelete, messageSameRequired,
		fieldNoDelete, fieldWireType, fieldTypeContent, fieldWireCardinality, fieldSameDefault, fieldSameOneof,
		oneofFieldRemoved, fieldsMoved, enumValueNoDelete, reservedMessage, reservedEnum,
		rpcClientStreaming, rpcServerStreaming, rpcRequest, rpcResponse, rpcIdempotency,
	}
}

const everyReader = rule.Readers | rule.OldReaders

var fileSamePackage = &rule.Rule{
	ID: "FILE_SAME_PACKAGE",
	Doc: `the package of the file changed

Every message gets another full name. Consumers choose what to do by that name,
and google.protobuf.Any carries it, so to them the events are of an unknown type.

Before:  package payments.v1;
After:   package billing.v1;
Instead: publish the new package as a new file beside the old one, and move
         producers over.`,
	Fix:        "keep the package; a new package is a new file",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{wire, confluent},
	ErrorType:  packageChanged,
}

var messageNoDelete = &rule.Rule{
	ID: "MESSAGE_NO_DELETE",
	Doc: `a message was removed

Data of the message has already been written. A reader on a schema without it has
nothing to decode that data with, and the message indexes of those behind it move.

Before:  message PaymentCaptured { string order_id = 1; }
         message PaymentFailed { string order_id = 1; }
After:   message PaymentFailed { string order_id = 1; }
Instead: keep the message until no data of it is left, and mark it deprecated:
         option deprecated = true;`,
	Fix:        "keep the message, with option deprecated = true",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{confluent},
	ErrorType:  messageRemoved,
}

var messageSameRequired = &rule.Rule{
	ID: "MESSAGE_SAME_REQUIRED_FIELDS",
	Doc: `a required field came or went

A reader refuses a message that lacks a field which is required in its schema.
Data from before the field came lacks it, and so does data from after it went.

Before:  optional string id = 1;
After:   optional string id = 1;
         required string region = 2;
Instead: optional string region = 2;`,
	Fix:        "use optional; a required field can neither be added nor removed",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{wire, confluent},
	ErrorType:  requiredFieldAdded,
}

var fieldNoDelete = &rule.Rule{
	ID: "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
	Doc: `a field was deleted and its number is free again

Whoever adds a field later may take the number for another type. Old data then
decodes into the wrong field, without an error.

Before:  string note = 4;
After:   (nothing)
Instead: reserved 4;`,
	Fix:        "add the number to a reserved statement",
	Breaks:     rule.Readers,
	Severity:   rule.Error,
	Categories: []string{wire},
}

var fieldWireType = &rule.Rule{
	ID: "FIELD_WIRE_COMPATIBLE_TYPE",
	Doc: `a field changed to a type with another encoding

The bytes that were written for the old type mean something else, or nothing, to
a reader of the new one. These may change into one another: int32, int64, uint32,
uint64 and bool; sint32 and sint64; fixed32 and sfixed32; fixed64 and sfixed64;
string into bytes. The registry also accepts bytes into string and enums for
integers; Buf does not.

Before:  int64 amount = 2;
After:   string amount = 2;
Instead: int64 amount = 2 [deprecated = true];
         string amount_text = 3;`,
	Fix:        "add a field with a new number and deprecate the old one",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{wire, confluent},
	ErrorType:  fieldScalarChanged,
}

var fieldTypeContent = &rule.Rule{
	ID: "PROTO_FIELD_TYPE_CONTENT",
	Doc: `an imported message that a field uses changed incompatibly

The type of the field has kept its name, but the import now provides another
version of it, and data of the old version cannot be read with the new one. The
finding on the imported message says what changed.

Before:  import "common/v1/money.proto"; // version 1: int64 units = 1;
After:   import "common/v1/money.proto"; // version 2: string units = 1;
Instead: undo the change in the imported file, or import it as common/v2.`,
	Fix:        "undo the change in the imported file",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{confluent},
	ErrorType:  fieldNamedTypeChanged,
}

var fieldWireCardinality = &rule.Rule{
	ID: "FIELD_WIRE_COMPATIBLE_CARDINALITY",
	Doc: `a field changed between one value and many

A list of numbers is written packed, as one value of bytes, which a reader of a
single number does not understand; and of several values a reader of one keeps
only the last.

Before:  optional int32 code = 3;
After:   repeated int32 code = 3;
Instead: optional int32 code = 3 [deprecated = true];
         repeated int32 codes = 4;`,
	Fix:        "add a field with a new number and deprecate the old one",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{wire, confluent},
	ErrorType:  fieldLabelChanged,
}

var fieldSameDefault = &rule.Rule{
	ID: "FIELD_SAME_DEFAULT",
	Doc: `the default of a field changed

A field that is not set is not in the data. Each reader puts its own default in
its place, so the same bytes mean different values to old and new readers. For an
enum without an explicit default that is its first value.

Before:  optional int32 retries = 1 [default = 3];
After:   optional int32 retries = 1 [default = 5];
Instead: keep the default, and let the producer set the new value.`,
	Fix:        "restore the default and set the new value where messages are produced",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{wire},
}

var fieldSameOneof = &rule.Rule{
	ID: "FIELD_SAME_ONEOF",
	Doc: `a field moved into, out of or between oneofs

Of the members of a oneof a reader keeps the last one in the data. A message that
was written with two of the fields set loses one of them when it is read as a
oneof.

Before:  string card = 1;
         oneof pay { string iban = 2; }
After:   oneof pay { string iban = 2; string card = 1; }
Instead: oneof pay { string iban = 2; string card_number = 3; }`,
	Fix:        "add a field with a new number where the field should be",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{wire},
}

var oneofFieldRemoved = &rule.Rule{
	ID: "PROTO_ONEOF_FIELD_REMOVED",
	Doc: `a member of a oneof was removed

Data in which that member was set reads as a oneof in which nothing is set, and a
reader that expects one of the others takes the wrong way. Removing the whole
oneof is accepted.

Before:  oneof pay { string card = 1; string iban = 2; }
After:   oneof pay { string card = 1; }
Instead: oneof pay { string card = 1; string iban = 2 [deprecated = true]; }`,
	Fix:        "keep the member, deprecated",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{confluent},
	ErrorType:  oneofFieldGone,
}

var fieldsMoved = &rule.Rule{
	ID: "PROTO_FIELDS_MOVED_TO_ONEOF",
	Doc: `fields that could be set together became members of one oneof

Old data may have several of them set. A reader on the new schema keeps the last
and loses the others without an error. Moving a single field into a new oneof is
accepted by the registry.

Before:  string card = 1;
         string iban = 2;
After:   oneof pay { string card = 1; string iban = 2; }
Instead: oneof pay { string card_number = 3; string bank_iban = 4; }`,
	Fix:        "add new fields in the oneof and deprecate the old ones outside",
	Breaks:     everyReader,
	Severity:   rule.Error,
	Categories: []string{confluent},
	ErrorType:  fieldsMovedToOneof,
}

var enumValueNoDelete = &rule.Rule{
	ID: "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
	Doc: `a value of an enum was deleted and its number is free again

Whoever adds a value later may take the number, and old data then says something
that nobody meant.

Before:  REFUNDED = 3;
After:   (nothing)
Instead: reserved 3;`,
	Fix:        "add the number to a reserved statement of the enum",
	Breaks:     rule.Readers,
	Severity:   rule.Error,
	Categories: []string{wire},
}

var reservedMessage = &rule.Rule{
	ID: "RESERVED_MESSAGE_NO_DELETE",
	Doc: `a number or name of a message is no longer reserved

It was reserved because data with it exists. Used again, that data decodes into
the wrong field.

Before:  reserved 4, 9 to 11;
After:   reserved 4;
Instead: keep the reserved statement.`,
	Fix:        "restore the reserved statement",
	Breaks:     rule.Readers,
	Severity:   rule.Error,
	Categories: []string{wire},
}

var reservedEnum = &rule.Rule{
	ID: "RESERVED_ENUM_NO_DELETE",
	Doc: `a number or name of an enum is no longer reserved

It was reserved because data with it exists. Used again, that data says something
that nobody meant.

Before:  reserved 3;
After:   (nothing)
Instead: keep the reserved statement.`,
	Fix:        "restore the reserved statement",
	Breaks:     rule.Readers,
	Severity:   rule.Error,
	Categories: []string{wire},
}

var (
	rpcClientStreaming = rpcRule("RPC_SAME_CLIENT_STREAMING", "an rpc changed whether clients stream",
		"rpc Send(Event) returns (Ack);", "rpc Send(stream Event) returns (Ack);")
	rpcServerStreaming = rpcRule("RPC_SAME_SERVER_STREAMING", "an rpc changed whether the server streams",
		"rpc Watch(Query) returns (Event);", "rpc Watch(Query) returns (stream Event);")
	rpcRequest = rpcRule("RPC_SAME_REQUEST_TYPE", "an rpc takes another message",
		"rpc Send(Event) returns (Ack);", "rpc Send(EventV2) returns (Ack);")
	rpcResponse = rpcRule("RPC_SAME_RESPONSE_TYPE", "an rpc returns another message",
		"rpc Send(Event) returns (Ack);", "rpc Send(Event) returns (AckV2);")
	rpcIdempotency = rpcRule("RPC_SAME_IDEMPOTENCY_LEVEL", "an rpc changed its idempotency level",
		"option idempotency_level = IDEMPOTENT;", "option idempotency_level = NO_SIDE_EFFECTS;")
)

func rpcRule(id, title, before, after string) *rule.Rule {
	return &rule.Rule{
		ID: id,
		Doc: title + `

Clients and servers are deployed apart. One side on the old schema and one on the
new do not understand each other.

Before:  ` + before + `
After:   ` + after + `
Instead: add an rpc with a new name and deprecate the old one.`,
		Fix:        "add an rpc with a new name and deprecate the old one",
		Breaks:     everyReader,
		Severity:   rule.Error,
		Categories: []string{wire},
	}
}
