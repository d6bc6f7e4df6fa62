package protorules

// Where [Breaking] and the released buf breaking differ on purpose. The test
// against the released command accepts these and nothing else.
const (
	// LastOfPackage: PACKAGE_MESSAGE_NO_DELETE, PACKAGE_ENUM_NO_DELETE and
	// PACKAGE_EXTENSION_NO_DELETE also find the last element of their kind. Buf asks
	// whether the package still has any, and so lets the last one go unseen while
	// the package stays.
	LastOfPackage = "the last message, enum or extension of a package that stays"

	// RequiredByEdition: MESSAGE_SAME_REQUIRED_FIELDS also finds a field that came
	// or went and that LEGACY_REQUIRED makes required. Buf looks at the label
	// required, which files with an edition cannot write; readers refuse a message
	// without the field all the same.
	RequiredByEdition = "a field that an edition's LEGACY_REQUIRED makes required came or went"
)
