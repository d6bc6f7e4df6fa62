package avrorules

import "github.com/wireproof/wireproof/compat/rule"

var defaultChanged = &rule.Rule{
	ID: "AVRO_DEFAULT_CHANGED",
	Doc: `the default of a field changed

A reader takes the default where old data has no such field. Readers on the new
schema now see another value in the same old records than readers on the old one,
and nothing in the data says which was meant.

Before:  {"name": "currency", "type": "string", "default": "EUR"}
After:   {"name": "currency", "type": "string", "default": "USD"}
Instead: keep the default, and let producers write the value.`,
	Fix:      `keep the default, and write the value where another one is meant`,
	Breaks:   rule.Readers,
	Severity: rule.Warning,
}

var defaultRemoved = &rule.Rule{
	ID: "AVRO_DEFAULT_REMOVED",
	Doc: `the default of a field was removed

The last version has the field, so its data can be read. Data from before the
field existed cannot: a level that is not transitive does not look there.

Before:  {"name": "currency", "type": "string", "default": "EUR"}
After:   {"name": "currency", "type": "string"}
Instead: keep the default as long as older data may be read.`,
	Fix:      `keep the default as long as data without the field may be read`,
	Breaks:   rule.Readers,
	Severity: rule.Warning,
}

var fieldRenamed = &rule.Rule{
	ID: "AVRO_FIELD_RENAMED_NO_ALIAS",
	Doc: `a field was renamed without an alias

The old name is gone and a field of the same type is new. It has a default, so a
reader on the new schema reads old records without an error, and finds the
default where a value was written.

Before:  {"name": "sum", "type": "long"}
After:   {"name": "total", "type": "long", "default": 0}
Instead: {"name": "total", "type": "long", "default": 0, "aliases": ["sum"]}`,
	Fix:      `name the old field in "aliases"`,
	Breaks:   rule.Readers,
	Severity: rule.Warning,
}

var aliasRemoved = &rule.Rule{
	ID: "AVRO_ALIAS_REMOVED",
	Doc: `an alias was removed

With it readers found data that was written under the old name. Such data may
still be there, in versions that a level which is not transitive does not look at.

Before:  {"name": "total", "type": "long", "aliases": ["sum"]}
After:   {"name": "total", "type": "long"}
Instead: keep the alias: it costs nothing.`,
	Fix:      `keep the alias as long as data under the old name may be read`,
	Breaks:   rule.Readers,
	Severity: rule.Warning,
}

var precisionChanged = &rule.Rule{
	ID: "AVRO_DECIMAL_PRECISION_CHANGED",
	Doc: `a decimal holds fewer digits than the data may have

Resolution ignores the precision, so the bytes are read; the number may then not
fit where the reader puts it, a column or a type of so many digits.

Before:  {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
After:   {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
Instead: keep the precision, or add a field with the new one.`,
	Fix:      `keep the precision, or add a field with the new one`,
	Breaks:   rule.Readers | rule.OldReaders,
	Severity: rule.Warning,
}

var namespaceChanged = &rule.Rule{
	ID: "AVRO_NAMESPACE_CHANGED",
	Doc: `a named type moved to another namespace

Resolution compares simple names, so the registry accepts it. Consumers that tell
events apart by their full name do not know the new one; generated classes have
another package; and Java's decoder refuses an enum or fixed type whose full name
differs, whatever its checker says.

Before:  {"type": "record", "namespace": "shop", "name": "Order", "fields": []}
After:   {"type": "record", "namespace": "sales", "name": "Order", "fields": []}
Instead: keep the namespace, or add "aliases": ["shop.Order"].`,
	Fix:      `keep the namespace, or put the old full name in "aliases"`,
	Breaks:   rule.Readers | rule.OldReaders | rule.SourceCode,
	Severity: rule.Warning,
}

var enumDefaultChanged = &rule.Rule{
	ID: "AVRO_ENUM_DEFAULT_CHANGED",
	Doc: `the default of an enum changed or was removed

A reader takes it for symbols that it does not know. With another one the same
data gets another value; without one it cannot be read.

Before:  {"type": "enum", "name": "State", "symbols": ["UNKNOWN", "OPEN"], "default": "UNKNOWN"}
After:   {"type": "enum", "name": "State", "symbols": ["UNKNOWN", "OPEN"], "default": "OPEN"}
Instead: keep the default.`,
	Fix:      `keep the default of the enum`,
	Breaks:   rule.Readers,
	Severity: rule.Warning,
}

var symbolsReordered = &rule.Rule{
	ID: "AVRO_ENUM_SYMBOLS_REORDERED",
	Doc: `the symbols of an enum are in another order

The data holds the number of a symbol. Resolution maps it through both lists, but
whoever reads with the wrong list, or sorts by the enum, gets another symbol.

Before:  {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}
After:   {"type": "enum", "name": "State", "symbols": ["PAID", "OPEN"]}
Instead: keep the order, and add new symbols at the end.`,
	Fix:      `keep the order, and add new symbols at the end`,
	Breaks:   rule.Readers | rule.OldReaders,
	Severity: rule.Warning,
}

var logicalAddedOrRemoved = &rule.Rule{
	ID: "AVRO_LOGICAL_TYPE_ADDED_OR_REMOVED",
	Doc: `a value has a logical type on one side only

The bytes are the same. Generated types are not: code that used a number now gets
a time, or the other way round, and where units differ nobody notices.

Before:  {"name": "at", "type": "long"}
After:   {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}
Instead: add a field with the logical type.`,
	Fix:      `add a new field with the logical type and keep the old one as it was`,
	Breaks:   rule.Readers | rule.OldReaders | rule.SourceCode,
	Severity: rule.Warning,
}

var docChanged = &rule.Rule{
	ID: "AVRO_DOC_CHANGED",
	Doc: `documentation changed

No byte depends on it. It is shown where changes are explained, since a change of
meaning often shows nowhere else.

Before:  {"name": "total", "type": "long", "doc": "In cents."}
After:   {"name": "total", "type": "long", "doc": "In euros."}
Instead: if the meaning changed, add a field; otherwise there is nothing to do.`,
	Fix:      `if the meaning changed, add a new field for it`,
	Severity: rule.Info,
}
