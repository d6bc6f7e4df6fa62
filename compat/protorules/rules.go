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

// Rows of the registry's verdicts alone.

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
