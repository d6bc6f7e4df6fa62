package avro

// Promotes reports whether a reader of type to reads data of the other primitive
// type from, as the section "Schema Resolution" of the specification has it.
func Promotes(from, to Kind) bool {
	switch from {
	case Int:
		return to == Long || to == Float || to == Double
	case Long:
		return to == Float || to == Double
	case Float:
		return to == Double
	case String:
		return to == Bytes
	case Bytes:
		return to == String
	}
	return false
}
