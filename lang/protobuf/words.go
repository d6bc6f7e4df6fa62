package protobuf

// isKeyword reports whether a word begins a statement or a part of one, so that
// it may be read in two ways where a name is expected.
func isKeyword(word string) bool {
	switch word {
	case "syntax", "edition", "package", "import", "weak", "public", "option", "message", "enum", "service", "extend",
		"oneof", "extensions", "reserved", "rpc", "stream", "returns", "map", "group", "optional", "required", "repeated",
		"to", "max", "export", "local", "inf", "nan", "true", "false":
		return true
	}
	return false
}

// isScalar reports whether a word is a type by itself.
func isScalar(word string) bool {
	switch word {
	case "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
		"sfixed32", "sfixed64", "bool", "string", "bytes":
		return true
	}
	return false
}
