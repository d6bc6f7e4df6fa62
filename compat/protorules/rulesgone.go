package protorules

import "github.com/wireproof/wireproof/compat/rule"

// A before is how an example of a rule begins, after how it goes on, and instead
// what to do in place of that.
type example struct{ before, after, instead string }

// define makes a row of the table. Lines of examples after the first are indented
// by the caller.
func define(id, title, prose string, x example, fix string, breaks rule.Breaks, categories ...string) *rule.Rule {
	return &rule.Rule{
		ID:         id,
		Doc:        title + "\n\n" + prose + "\n\nBefore:  " + x.before + "\nAfter:   " + x.after + "\nInstead: " + x.instead,
		Fix:        fix,
		Breaks:     breaks,
		Severity:   rule.Error,
		Categories: categories,
	}
}

// answers adds what the registry calls the change.
func answers(errorType string, r *rule.Rule) *rule.Rule {
	r.Categories = append(r.Categories, confluent)
	r.ErrorType = errorType
	return r
}

const everyReader = rule.Readers | rule.OldReaders

// goneRule is a rule on elements that were deleted from their file or package.
func goneRule(id, title, what string, x example, categories ...string) *rule.Rule {
	return define(id, title, `Code that was generated from it and code that names it no longer compile, and
`+what, x, "keep it and mark it deprecated", rule.SourceCode, categories...)
}

var (
	fileNoDelete = define("FILE_NO_DELETE", "a file was deleted",
		`Files that import it no longer compile, and neither does code that includes what
was generated from it. A file that moved is a deleted file and a new one.`,
		example{`payments/v1/refund.proto`, `(nothing)`, `keep the file; where its messages moved, let it import them publicly:
         import public "payments/v1/payment.proto";`},
		"restore the file", rule.SourceCode, file, csr)

	packageNoDelete = define("PACKAGE_NO_DELETE", "a package was deleted",
		`No file declares the package any more. Everything in it is gone, and with it the
code that was generated from it.`,
		example{`package payments.v1;`, `package payments.v2; (in every file)`, `add payments.v2 beside payments.v1, and delete that when nobody uses it.`},
		"keep a file with the package until nobody uses it", rule.SourceCode, pkg)

	messageNoDelete = answers(messageRemoved, define("MESSAGE_NO_DELETE", "a message was deleted from its file",
		`Data of the message has already been written. A reader on a schema without it has
nothing to decode that data with, and the message indexes of those behind it move.
To Buf a message that moved to another file of the package is deleted too: code
that includes the file no longer finds it. The entry of a map counts as a message,
so a map that becomes another type loses it.`,
		example{`message PaymentCaptured { string order_id = 1; }
         message PaymentFailed { string order_id = 1; }`, `message PaymentFailed { string order_id = 1; }`,
			`keep the message until no data of it is left, and mark it deprecated:
         option deprecated = true;`},
		"keep the message, with option deprecated = true", everyReader|rule.SourceCode, file, csr))

	enumNoDelete = goneRule("ENUM_NO_DELETE", "an enum was deleted from its file",
		`fields of its type need another one. An enum that moved to another file of the
package counts as deleted.`,
		example{`enum Currency { CURRENCY_UNSPECIFIED = 0; EUR = 1; }`, `(nothing)`, `enum Currency { option deprecated = true; CURRENCY_UNSPECIFIED = 0; EUR = 1; }`}, file, csr)

	extensionNoDelete = goneRule("EXTENSION_NO_DELETE", "an extension was deleted from its file",
		`data with it turns into unknown fields. One that was renamed counts as deleted.`,
		example{`extend Payment { optional string note = 100; }`, `(nothing)`, `extend Payment { optional string note = 100 [deprecated = true]; }`}, file)

	serviceNoDelete = goneRule("SERVICE_NO_DELETE", "a service was deleted from its file",
		`clients that call it get an error.`,
		example{`service Payments { rpc Capture(Order) returns (Receipt); }`, `(nothing)`, `service Payments { option deprecated = true; rpc Capture(Order) returns (Receipt); }`}, file)

	packageMessageNoDelete = goneRule("PACKAGE_MESSAGE_NO_DELETE", "a message was deleted from its package",
		`data of it cannot be decoded any more. It may move between the files of the
package.`,
		example{`message Refund { string id = 1; }`, `(nothing in any file of the package)`, `message Refund { option deprecated = true; string id = 1; }`}, pkg)

	packageEnumNoDelete = goneRule("PACKAGE_ENUM_NO_DELETE", "an enum was deleted from its package",
		`fields of its type need another one. It may move between the files of the
package.`,
		example{`enum Currency { CURRENCY_UNSPECIFIED = 0; EUR = 1; }`, `(nothing in any file of the package)`, `enum Currency { option deprecated = true; CURRENCY_UNSPECIFIED = 0; EUR = 1; }`}, pkg)

	packageExtensionNoDelete = goneRule("PACKAGE_EXTENSION_NO_DELETE", "an extension was deleted from its package",
		`data with it turns into unknown fields. It may move between the files of the
package.`,
		example{`extend Payment { optional string note = 100; }`, `(nothing in any file of the package)`, `extend Payment { optional string note = 100 [deprecated = true]; }`}, pkg)

	packageServiceNoDelete = goneRule("PACKAGE_SERVICE_NO_DELETE", "a service was deleted from its package",
		`clients that call it get an error. It may move between the files of the package.`,
		example{`service Payments { rpc Capture(Order) returns (Receipt); }`, `(nothing in any file of the package)`, `service Payments { option deprecated = true; rpc Capture(Order) returns (Receipt); }`}, pkg)
)
