package protorules

import "github.com/wireproof/wireproof/compat/rule"

var fileSamePackage = answers(packageChanged, define("FILE_SAME_PACKAGE", "the package of the file changed",
	`Every message gets another full name. Consumers choose what to do by that name,
and google.protobuf.Any carries it, so to them the events are of an unknown type.`,
	example{`package payments.v1;`, `package billing.v1;`, `publish the new package as a new file beside the old one, and move
         producers over.`},
	"keep the package; a new package is a new file", everyReader|rule.SourceCode, file, pkg, wireJSON, wire, csr))

var fileSameSyntax = define("FILE_SAME_SYNTAX", "the syntax of the file changed",
	`Proto2, proto3 and editions differ in presence, defaults, enums and checks of UTF-8,
so generated code changes even where the text looks the same. From one edition to
another counts as no change: the features that differ have rules of their own.`,
	example{`syntax = "proto2";`, `syntax = "proto3";`, `add a package for the new syntax, such as payments.v2.`},
	"restore the syntax", rule.SourceCode, file, pkg, csr)

// fileSameOptions are the rules on options of a file, in the order of the table.
var fileSameOptions = [...]*rule.Rule{
	optionRule("CC_ENABLE_ARENAS", "cc_enable_arenas", "false", "true", "C++ classes are made for arenas, or no longer are."),
	optionRule("CC_GENERIC_SERVICES", "cc_generic_services", "true", "false", "C++ classes of services come or go."),
	optionRule("CSHARP_NAMESPACE", "csharp_namespace", `"Payments.V1"`, `"Billing.V1"`, "C# code finds the types in another namespace."),
	optionRule("GO_PACKAGE", "go_package", `"example.com/gen/payments"`, `"example.com/gen/billing"`, "Go code must import another package."),
	optionRule("JAVA_GENERIC_SERVICES", "java_generic_services", "true", "false", "Java classes of services come or go."),
	optionRule("JAVA_MULTIPLE_FILES", "java_multiple_files", "false", "true", "Java classes move into or out of the outer class."),
	optionRule("JAVA_OUTER_CLASSNAME", "java_outer_classname", `"PaymentsProto"`, `"BillingProto"`, "The outer class in Java has another name."),
	optionRule("JAVA_PACKAGE", "java_package", `"com.example.payments"`, `"com.example.billing"`, "Java code must import another package."),
	optionRule("OBJC_CLASS_PREFIX", "objc_class_prefix", `"PAY"`, `"BIL"`, "Classes in Objective-C have other names."),
	optionRule("OPTIMIZE_FOR", "optimize_for", "SPEED", "LITE_RUNTIME", "Messages lose or gain reflection, and files of different kinds cannot import each other."),
	optionRule("PHP_CLASS_PREFIX", "php_class_prefix", `"Pay"`, `"Bil"`, "Classes in PHP have other names."),
	optionRule("PHP_METADATA_NAMESPACE", "php_metadata_namespace", `"Payments\\Meta"`, `"Billing\\Meta"`, "The metadata classes in PHP move."),
	optionRule("PHP_NAMESPACE", "php_namespace", `"Payments\\V1"`, `"Billing\\V1"`, "PHP code finds the classes in another namespace."),
	optionRule("PY_GENERIC_SERVICES", "py_generic_services", "true", "false", "Python classes of services come or go."),
	optionRule("RUBY_PACKAGE", "ruby_package", `"Payments::V1"`, `"Billing::V1"`, "Ruby code finds the classes in another module."),
	optionRule("SWIFT_PREFIX", "swift_prefix", `"Pay"`, `"Bil"`, "Types in Swift have other names."),
}

func optionRule(id, option, before, after, what string) *rule.Rule {
	write := func(value string) string { return "option " + option + " = " + value + ";" }
	return define("FILE_SAME_"+id, "the option "+option+" of the file changed",
		what+"\nData is not concerned. An option that is not written has its default.",
		example{write(before), write(after), write(before)},
		"restore the option "+option, rule.SourceCode, file, pkg)
}
