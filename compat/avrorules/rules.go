package avrorules

import "github.com/wireproof/wireproof/compat/rule"

// Table returns every Avro rule, in the order in which they are documented. The
// rows are shared and must not be changed.
//
// Considered and left out:
//   - a reordered field: resolution matches fields by name;
//   - a changed order or custom property: no byte depends on it.
func Table() []*rule.Rule {
	return []*rule.Rule{
		fieldAdded, fieldRemoved, fieldAmbiguous, fieldType, typeChanged, logicalChanged,
		symbolRemoved, symbolAdded, branchRemoved, branchAdded, nameChanged, fixedSize,
		defaultChanged, defaultRemoved, fieldRenamed, aliasRemoved, precisionChanged, namespaceChanged,
		enumDefaultChanged, symbolsReordered, logicalAddedOrRemoved, docChanged,
	}
}

// The protocol's names for what its checker finds.
const (
	missingDefault = "READER_FIELD_MISSING_DEFAULT_VALUE"
	typeMismatch   = "TYPE_MISMATCH"
	missingSymbols = "MISSING_ENUM_SYMBOLS"
	missingBranch  = "MISSING_UNION_BRANCH"
	nameMismatch   = "NAME_MISMATCH"
	sizeMismatch   = "FIXED_SIZE_MISMATCH"
)

var fieldAdded = &rule.Rule{
	ID: "AVRO_FIELD_ADDED_NO_DEFAULT",
	Doc: `a field was added without a default

Data that was written before the field existed holds no value for it. A reader
on the new schema takes the default instead; without one it fails on every old
record.

Before:  {"name": "id", "type": "string"}
After:   {"name": "id", "type": "string"},
         {"name": "currency", "type": "string"}
Instead: {"name": "currency", "type": "string", "default": "EUR"}

A renamed field is an added one too. Name the old one in "aliases" and readers
find it.`,
	Fix:       `add a "default", or, if the field was renamed, name the old one in "aliases"`,
	Breaks:    rule.Readers,
	Severity:  rule.Error,
	ErrorType: missingDefault,
}

var fieldRemoved = &rule.Rule{
	ID: "AVRO_FIELD_REMOVED_NO_DEFAULT",
	Doc: `a field that old readers need was removed

A consumer that still runs on the old schema expects the field. New records do
not hold it, and the old schema has no default to put in its place, so that
consumer fails on every new record.

Before:  {"name": "id", "type": "string"},
         {"name": "note", "type": "string"}
After:   {"name": "id", "type": "string"}
Instead: publish a version in which "note" has a default, move every consumer to
         it, and remove the field afterwards.`,
	Fix:       `keep the field; to remove it, give it a "default" in a version that every consumer reads first`,
	Breaks:    rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: missingDefault,
}

var fieldAmbiguous = &rule.Rule{
	ID: "AVRO_FIELD_AMBIGUOUS",
	Doc: `a field matches several fields of the other schema

A reader finds the value of a field under the field's name or one of its
aliases. Where the writer has two of these, libraries disagree on which they
take, and Java's refuses to choose.

Before:  {"name": "total", "type": "long"}, {"name": "sum", "type": "long"}
After:   {"name": "total", "type": "long", "aliases": ["sum"]}
Instead: take the alias away, or remove the field "sum" in an earlier version.`,
	Fix:       `remove the aliases that name fields which the other schema has besides this one`,
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: nameMismatch,
}

var fieldType = &rule.Rule{
	ID: "AVRO_FIELD_TYPE_CHANGED",
	Doc: `the type of a field changed to one that cannot read the other

Avro widens numbers (int to long, float or double; long to float or double;
float to double) and reads string as bytes and bytes as string. Every other
change of type leaves data that one side cannot read. Widening breaks those who
still read with the narrow type.

Before:  {"name": "total", "type": "long"}
After:   {"name": "total", "type": "int"}
Instead: keep "total", and add a field with the new type and a default.`,
	Fix:       `keep the old type, or add a new field with a default and stop writing the old one`,
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: typeMismatch,
}

var typeChanged = &rule.Rule{
	ID: "AVRO_TYPE_CHANGED",
	Doc: `the type of the whole schema changed to one that cannot read the other

The schema was one type and is another, and no promotion leads from the one to
the other.

Before:  "long"
After:   {"type": "record", "name": "Order", "fields": []}
Instead: publish the new type under a subject of its own.`,
	Fix:       `publish the new type under a subject of its own`,
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: typeMismatch,
}

var logicalChanged = &rule.Rule{
	ID: "AVRO_LOGICAL_TYPE_CHANGED",
	Doc: `the same bytes now mean something else

Resolution ignores logical types, so both sides read the data without an error
and get different values: a timestamp a thousand times too large, a price with
the decimal point elsewhere. Registries let this pass; it is a warning here.

Before:  {"type": "long", "logicalType": "timestamp-millis"}
After:   {"type": "long", "logicalType": "timestamp-micros"}
Instead: add a field with the new logical type.`,
	Fix:      `add a new field for the new meaning and keep the old one as it was`,
	Breaks:   rule.Readers | rule.OldReaders,
	Severity: rule.Warning,
}

var symbolRemoved = &rule.Rule{
	ID: "AVRO_ENUM_SYMBOL_REMOVED",
	Doc: `an enum symbol was removed

Data already written holds the symbol. A reader on the new schema does not know
it, and fails unless the enum has a default.

Before:  {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}
After:   {"type": "enum", "name": "State", "symbols": ["OPEN"]}
Instead: keep the symbol, or name a default:
         {"type": "enum", "name": "State", "symbols": ["OPEN"], "default": "OPEN"}`,
	Fix:       `keep the symbol, or give the enum a "default"`,
	Breaks:    rule.Readers,
	Severity:  rule.Error,
	ErrorType: missingSymbols,
}

var symbolAdded = &rule.Rule{
	ID: "AVRO_ENUM_SYMBOL_ADDED",
	Doc: `an enum symbol was added that old readers do not know

A consumer on the old schema meets the symbol in new data and fails, because the
old enum has no default.

Before:  {"type": "enum", "name": "State", "symbols": ["OPEN"]}
After:   {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}
Instead: give the enum a default in a version that every consumer reads, and add
         the symbol afterwards.`,
	Fix:       `give the enum a "default" in a version that every consumer reads first, then add the symbol`,
	Breaks:    rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: missingSymbols,
}

var branchRemoved = &rule.Rule{
	ID: "AVRO_UNION_BRANCH_REMOVED",
	Doc: `a branch of a union was removed

Data already written may hold a value of that branch, and a reader on the new
schema has nothing to read it with. A field that may no longer be null is the
most common case.

Before:  {"name": "note", "type": ["null", "string"]}
After:   {"name": "note", "type": "string"}
Instead: keep the branch.`,
	Fix:       `keep the branch`,
	Breaks:    rule.Readers,
	Severity:  rule.Error,
	ErrorType: missingBranch,
}

var branchAdded = &rule.Rule{
	ID: "AVRO_UNION_BRANCH_ADDED",
	Doc: `a branch was added to a union that old readers do not know

A consumer on the old schema fails on the first record that holds a value of the
new branch. A field that became nullable is the most common case.

Before:  {"name": "note", "type": "string"}
After:   {"name": "note", "type": ["null", "string"]}
Instead: add a new field of the wider type with a default, or move every
         consumer to the new schema before any producer.`,
	Fix:       `add a new field of the wider type with a default`,
	Breaks:    rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: missingBranch,
}

var nameChanged = &rule.Rule{
	ID: "AVRO_NAME_CHANGED",
	Doc: `a named type was renamed without an alias

Readers compare the simple names of records, enums and fixed types. A renamed one
is another type for them, unless the reader's aliases hold the writer's full
name. Only the namespace may change freely.

Before:  {"type": "record", "namespace": "shop", "name": "Order", "fields": []}
After:   {"type": "record", "namespace": "shop", "name": "Purchase", "fields": []}
Instead: add "aliases": ["shop.Order"]. This helps readers on the new schema;
         those on the old one know only the old name.`,
	Fix:       `keep the name, or put the old full name in "aliases"`,
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: nameMismatch,
}

var fixedSize = &rule.Rule{
	ID: "AVRO_FIXED_SIZE_CHANGED",
	Doc: `a fixed type changed its size

A fixed value carries no length: the reader takes as many bytes as its schema
says. With another size everything behind it is read from the wrong place.

Before:  {"type": "fixed", "name": "Hash", "size": 16}
After:   {"type": "fixed", "name": "Hash", "size": 32}
Instead: add a field of a new fixed type with another name.`,
	Fix:       `keep the size, and add a field of a new fixed type`,
	Breaks:    rule.Readers | rule.OldReaders,
	Severity:  rule.Error,
	ErrorType: sizeMismatch,
}
