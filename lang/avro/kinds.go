package avro

import "fmt"

// kindNames are the names of the kinds in schema text.
var kindNames = [...]string{
	Null: "null", Boolean: "boolean", Int: "int", Long: "long", Float: "float",
	Double: "double", Bytes: "bytes", String: "string", Record: "record", Enum: "enum",
	Array: "array", Map: "map", Union: "union", Fixed: "fixed",
}

// String returns the name that schema text has for k.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// IsPrimitive reports whether k is one of the eight types without parts.
func (k Kind) IsPrimitive() bool { return k <= String }

// IsNamed reports whether types of this kind have a name.
func (k Kind) IsNamed() bool { return k == Record || k == Enum || k == Fixed }

// primitive returns the kind of a primitive type name.
func primitive(name string) (Kind, bool) {
	for k := Null; k <= String; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// isTypeWord reports whether name means a type in the attribute "type" by
// itself, so that a named type of that name must be written in full.
func isTypeWord(name string) bool {
	for _, n := range kindNames {
		if n == name {
			return true
		}
	}
	return false
}

// logicalNames are the values of the attribute logicalType.
var logicalNames = [...]string{
	NoLogical: "", Decimal: "decimal", BigDecimal: "big-decimal", UUID: "uuid", Date: "date",
	TimeMillis: "time-millis", TimeMicros: "time-micros",
	TimestampMillis: "timestamp-millis", TimestampMicros: "timestamp-micros", TimestampNanos: "timestamp-nanos",
	LocalTimestampMillis: "local-timestamp-millis", LocalTimestampMicros: "local-timestamp-micros",
	LocalTimestampNanos: "local-timestamp-nanos", Duration: "duration",
}

// String returns the value that the attribute logicalType has for l; it is empty
// for [NoLogical].
func (l Logical) String() string {
	if int(l) < len(logicalNames) {
		return logicalNames[l]
	}
	return fmt.Sprintf("logical type %d", uint8(l))
}
