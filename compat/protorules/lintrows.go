package protorules

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Categories of Buf's lint rules.
const (
	minimal  = "MINIMAL"
	basic    = "BASIC"
	standard = "STANDARD"
	comments = "COMMENTS"
	unary    = "UNARY_RPC"
	lone     = "-" // a rule that is in no category
)

// A lintRow is a lint rule with its checks, of which one is set, or two.
type lintRow struct {
	rule *rule.Rule

	files     func(*linter, *rule.Rule)
	file      func(*linter, *rule.Rule, *protobuf.ImageFile)
	imported  func(*linter, *rule.Rule, *protobuf.ImageFile, protoreflect.FileImport, int)
	message   func(*linter, *rule.Rule, protoreflect.MessageDescriptor)
	field     func(*linter, *rule.Rule, protoreflect.FieldDescriptor)
	oneof     func(*linter, *rule.Rule, protoreflect.OneofDescriptor)
	enum      func(*linter, *rule.Rule, protoreflect.EnumDescriptor)
	enumValue func(*linter, *rule.Rule, protoreflect.EnumValueDescriptor)
	service   func(*linter, *rule.Rule, protoreflect.ServiceDescriptor)
	method    func(*linter, *rule.Rule, protoreflect.MethodDescriptor)
}

// lintRule makes a rule of style. Nobody is broken by it.
func lintRule(id, title, why, before, after, instead string) *rule.Rule {
	return &rule.Rule{ID: id, Severity: rule.Warning, Categories: lintCategories(id), Fix: instead + ".",
		Doc: title + "\n\n" + why + "\n\nBefore:\n\n    " + before + "\n\nAfter:\n\n    " + after + "\n\nInstead: " + instead + "."}
}

// lintCategories are those of the current version of the configuration.
func lintCategories(id string) []string {
	row, ok := lintLevels[id]
	if !ok {
		return nil
	}
	return categoriesFrom(row[2])
}

// categoriesFrom returns a category with the stricter ones that include it.
func categoriesFrom(mildest string) []string {
	switch mildest {
	case minimal:
		return []string{minimal, basic, standard}
	case basic:
		return []string{basic, standard}
	case "", lone:
		return nil
	}
	return []string{mildest}
}

// lintLevels is in which category a rule is, by version of the configuration, and
// the second category of v1beta1. The table is constant.
var lintLevels = map[string][4]string{
	"DIRECTORY_SAME_PACKAGE":            {minimal, minimal, minimal, "FILE_LAYOUT"},
	"PACKAGE_DIRECTORY_MATCH":           {minimal, minimal, minimal, "FILE_LAYOUT"},
	"PACKAGE_SAME_DIRECTORY":            {minimal, minimal, minimal, "FILE_LAYOUT"},
	"PACKAGE_DEFINED":                   {minimal, minimal, minimal, "SENSIBLE"},
	"PACKAGE_NO_IMPORT_CYCLE":           {"", lone, minimal},
	"PACKAGE_SAME_CSHARP_NAMESPACE":     {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"PACKAGE_SAME_GO_PACKAGE":           {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"PACKAGE_SAME_JAVA_MULTIPLE_FILES":  {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"PACKAGE_SAME_JAVA_PACKAGE":         {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"PACKAGE_SAME_PHP_NAMESPACE":        {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"PACKAGE_SAME_RUBY_PACKAGE":         {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"PACKAGE_SAME_SWIFT_PREFIX":         {minimal, basic, basic, "PACKAGE_AFFINITY"},
	"ENUM_NO_ALLOW_ALIAS":               {minimal, basic, basic, "SENSIBLE"},
	"FIELD_NO_DESCRIPTOR":               {minimal, "", "", "SENSIBLE"},
	"IMPORT_NO_PUBLIC":                  {minimal, basic, basic, "SENSIBLE"},
	"IMPORT_USED":                       {"", basic, basic},
	"SYNTAX_SPECIFIED":                  {"", basic, basic},
	"FIELD_NOT_REQUIRED":                {"", "", basic},
	"ENUM_FIRST_VALUE_ZERO":             {lone, basic, basic, "OTHER"},
	"ENUM_PASCAL_CASE":                  {basic, basic, basic, "STYLE_BASIC"},
	"ENUM_VALUE_UPPER_SNAKE_CASE":       {basic, basic, basic, "STYLE_BASIC"},
	"FIELD_LOWER_SNAKE_CASE":            {basic, basic, basic, "STYLE_BASIC"},
	"MESSAGE_PASCAL_CASE":               {basic, basic, basic, "STYLE_BASIC"},
	"ONEOF_LOWER_SNAKE_CASE":            {basic, basic, basic, "STYLE_BASIC"},
	"PACKAGE_LOWER_SNAKE_CASE":          {basic, basic, basic, "STYLE_BASIC"},
	"RPC_PASCAL_CASE":                   {basic, basic, basic, "STYLE_BASIC"},
	"SERVICE_PASCAL_CASE":               {basic, basic, basic, "STYLE_BASIC"},
	"ENUM_VALUE_PREFIX":                 {standard, standard, standard, "STYLE_STANDARD"},
	"ENUM_ZERO_VALUE_SUFFIX":            {standard, standard, standard, "STYLE_STANDARD"},
	"FILE_LOWER_SNAKE_CASE":             {standard, standard, standard, "STYLE_STANDARD"},
	"PACKAGE_VERSION_SUFFIX":            {standard, standard, standard, "STYLE_STANDARD"},
	"RPC_REQUEST_RESPONSE_UNIQUE":       {standard, standard, standard, "STYLE_STANDARD"},
	"RPC_REQUEST_STANDARD_NAME":         {standard, standard, standard, "STYLE_STANDARD"},
	"RPC_RESPONSE_STANDARD_NAME":        {standard, standard, standard, "STYLE_STANDARD"},
	"SERVICE_SUFFIX":                    {standard, standard, standard, "STYLE_STANDARD"},
	"COMMENT_ENUM":                      {comments, comments, comments},
	"COMMENT_ENUM_VALUE":                {comments, comments, comments},
	"COMMENT_FIELD":                     {comments, comments, comments},
	"COMMENT_MESSAGE":                   {comments, comments, comments},
	"COMMENT_ONEOF":                     {comments, comments, comments},
	"COMMENT_RPC":                       {comments, comments, comments},
	"COMMENT_SERVICE":                   {comments, comments, comments},
	"RPC_NO_CLIENT_STREAMING":           {unary, unary, unary},
	"RPC_NO_SERVER_STREAMING":           {unary, unary, unary},
	"STABLE_PACKAGE_NO_IMPORT_UNSTABLE": {"", "", lone},
	"PROTOVALIDATE":                     {"", standard, standard},
}

// lintRows are the rules, each with its check. The table is constant.
var lintRows = []lintRow{
	{rule: lintRule("DIRECTORY_SAME_PACKAGE", "files of a folder have one package", "Generators put a folder into one package of the target language.", "package orders.v1; // beside package payments.v1", "package orders.v1;", "move the file to the folder of its package"), files: lintDirectories},
	{rule: lintRule("PACKAGE_DIRECTORY_MATCH", "the folder of a file is its package", "A reader finds a type by its name.", "orders.proto: package orders.v1;", "orders/v1/orders.proto: package orders.v1;", "move the file to the folder that its package names"), file: lintDirectoryMatch},
	{rule: lintRule("PACKAGE_SAME_DIRECTORY", "files of a package are in one folder", "A package in two folders becomes two packages in most languages.", "a/x.proto and b/x.proto: package orders.v1;", "orders/v1/a.proto and orders/v1/b.proto", "move the files together"), files: lintPackageDirectories},
	{rule: lintRule("PACKAGE_DEFINED", "a file has a package", "Names without a package meet those of everybody else.", `syntax = "proto3";`, `syntax = "proto3"; package orders.v1;`, "add a package"), file: lintPackageDefined},
	{rule: lintRule("PACKAGE_NO_IMPORT_CYCLE", "packages do not import one another in a circle", "Go and others cannot compile packages that need each other.", "package a imports b, package b imports a", "package a imports b", "move what both need to a third package"), files: lintCycles},
	{rule: sameRule("csharp_namespace", "CSHARP_NAMESPACE"), files: lintSameOption("csharp_namespace", 37, (*descriptorpb.FileOptions).GetCsharpNamespace)},
	{rule: sameRule("go_package", "GO_PACKAGE"), files: lintSameOption("go_package", 11, (*descriptorpb.FileOptions).GetGoPackage)},
	{rule: sameRule("java_multiple_files", "JAVA_MULTIPLE_FILES"), files: lintSameOption("java_multiple_files", 10, multipleFiles)},
	{rule: sameRule("java_package", "JAVA_PACKAGE"), files: lintSameOption("java_package", 1, (*descriptorpb.FileOptions).GetJavaPackage)},
	{rule: sameRule("php_namespace", "PHP_NAMESPACE"), files: lintSameOption("php_namespace", 41, (*descriptorpb.FileOptions).GetPhpNamespace)},
	{rule: sameRule("ruby_package", "RUBY_PACKAGE"), files: lintSameOption("ruby_package", 45, (*descriptorpb.FileOptions).GetRubyPackage)},
	{rule: sameRule("swift_prefix", "SWIFT_PREFIX"), files: lintSameOption("swift_prefix", 39, (*descriptorpb.FileOptions).GetSwiftPrefix)},
	{rule: lintRule("ENUM_NO_ALLOW_ALIAS", "no two names for a number of an enum", "JSON can keep only one of the names.", "option allow_alias = true;", "one name for each number", "give each value a number of its own"), enum: lintAlias},
	{rule: lintRule("FIELD_NO_DESCRIPTOR", "no field is called descriptor", "The name meets a method of generated code.", "string descriptor = 1;", "string description = 1;", "take another name"), field: lintNoDescriptor},
	{rule: lintRule("IMPORT_NO_PUBLIC", "no import is public", "Several languages do not support public imports.", `import public "a.proto";`, `import "a.proto";`, "import where it is used"), imported: lintNoPublic},
	{rule: lintRule("IMPORT_USED", "imports are used", "An import that nobody needs makes builds slower and changes wider.", `import "a.proto"; // and nothing of it`, "no import", "delete the import"), imported: lintUsed},
	{rule: lintRule("SYNTAX_SPECIFIED", "a file says its syntax", "Without it the file is proto2, which few people mean.", "package orders.v1;", `syntax = "proto3"; package orders.v1;`, "add a syntax or an edition"), file: lintSyntax},
	{rule: lintRule("FIELD_NOT_REQUIRED", "no field is required", "A required field can be neither added nor removed without breaking somebody.", "required string id = 1;", "optional string id = 1;", "make it optional and check it in code"), field: lintNotRequired},
	{rule: lintRule("ENUM_FIRST_VALUE_ZERO", "the first value of an enum is zero", "Proto3 asks for it, and the first value is the default.", "enum E { E_A = 1; }", "enum E { E_UNSPECIFIED = 0; E_A = 1; }", "put a value with number 0 first"), enum: lintFirstZero},
	{rule: lintRule("ENUM_PASCAL_CASE", "enums are PascalCase", "Generated types then have the names that their languages expect.", "enum order_state {}", "enum OrderState {}", "rename the enum"), enum: lintEnumName},
	{rule: lintRule("ENUM_VALUE_UPPER_SNAKE_CASE", "values of enums are UPPER_SNAKE_CASE", "It is how constants are written.", "stateOpen = 1;", "STATE_OPEN = 1;", "rename the value before anybody uses its name"), enumValue: lintValueName},
	{rule: lintRule("FIELD_LOWER_SNAKE_CASE", "fields are lower_snake_case", "Names in JSON and in code are made of it.", "string orderId = 1;", "string order_id = 1;", "rename the field before anybody uses its name"), field: lintFieldName},
	{rule: lintRule("MESSAGE_PASCAL_CASE", "messages are PascalCase", "Generated types then have the names that their languages expect.", "message order_placed {}", "message OrderPlaced {}", "rename the message"), message: lintMessageName},
	{rule: lintRule("ONEOF_LOWER_SNAKE_CASE", "oneofs are lower_snake_case", "They are named as fields are.", "oneof PaidBy {}", "oneof paid_by {}", "rename the oneof"), oneof: lintOneofName},
	{rule: lintRule("PACKAGE_LOWER_SNAKE_CASE", "packages are lower_snake.case", "They become folders and packages.", "package Orders.V1;", "package orders.v1;", "rename the package"), file: lintPackageName},
	{rule: lintRule("RPC_PASCAL_CASE", "RPCs are PascalCase", "Generated methods then have the names that their languages expect.", "rpc get_order(A) returns (B);", "rpc GetOrder(A) returns (B);", "rename the RPC"), method: lintMethodName},
	{rule: lintRule("SERVICE_PASCAL_CASE", "services are PascalCase", "Generated types then have the names that their languages expect.", "service order_service {}", "service OrderService {}", "rename the service"), service: lintServiceName},
	{rule: lintRule("ENUM_VALUE_PREFIX", "values of enums begin with its name", "Values are siblings of their enum, so that two enums of a package cannot share a name.", "enum State { OPEN = 1; }", "enum State { STATE_OPEN = 1; }", "put the name of the enum in front"), enumValue: lintValuePrefix},
	{rule: lintRule("ENUM_ZERO_VALUE_SUFFIX", "the zero value of an enum says that nothing was set", "A reader gets zero for a field that nobody set, and for a value that it does not know.", "enum State { STATE_OPEN = 0; }", "enum State { STATE_UNSPECIFIED = 0; STATE_OPEN = 1; }", "keep zero for the unspecified value"), enumValue: lintZeroSuffix},
	{rule: lintRule("FILE_LOWER_SNAKE_CASE", "files are lower_snake_case.proto", "File systems that ignore case mix others up.", "OrderPlaced.proto", "order_placed.proto", "rename the file"), file: lintFileName},
	{rule: lintRule("PACKAGE_VERSION_SUFFIX", "packages end in a version", "A breaking change can then go to a package beside the old one.", "package orders;", "package orders.v1;", "add a version such as v1"), file: lintVersionSuffix},
	{rule: lintRule("RPC_REQUEST_RESPONSE_UNIQUE", "each RPC has its own request and response", "A shared type cannot grow a field for one of them.", "rpc A(X) returns (X);", "rpc A(ARequest) returns (AResponse);", "make a message for each"), files: lintUniqueTypes},
	{rule: lintRule("RPC_REQUEST_STANDARD_NAME", "requests are named after their RPC", "The type of a request is then known from the RPC.", "rpc Get(Query) returns (GetResponse);", "rpc Get(GetRequest) returns (GetResponse);", "rename the message"), method: lintRequestName},
	{rule: lintRule("RPC_RESPONSE_STANDARD_NAME", "responses are named after their RPC", "The type of a response is then known from the RPC.", "rpc Get(GetRequest) returns (Order);", "rpc Get(GetRequest) returns (GetResponse);", "rename the message"), method: lintResponseName},
	{rule: lintRule("SERVICE_SUFFIX", "services end in Service", "A service is then known from a message by its name.", "service Orders {}", "service OrdersService {}", "add the suffix"), service: lintServiceSuffix},
	{rule: commentRule("ENUM", "enums", "enum State {}"), enum: func(l *linter, r *rule.Rule, d protoreflect.EnumDescriptor) { l.comment(r, d, "Enum") }},
	{rule: commentRule("ENUM_VALUE", "values of enums", "STATE_OPEN = 1;"), enumValue: func(l *linter, r *rule.Rule, d protoreflect.EnumValueDescriptor) { l.comment(r, d, "Enum value") }},
	{rule: commentRule("FIELD", "fields", "string id = 1;"), field: lintFieldComment},
	{rule: commentRule("MESSAGE", "messages", "message Order {}"), message: func(l *linter, r *rule.Rule, d protoreflect.MessageDescriptor) { l.comment(r, d, "Message") }},
	{rule: commentRule("ONEOF", "oneofs", "oneof paid_by {}"), oneof: func(l *linter, r *rule.Rule, d protoreflect.OneofDescriptor) { l.comment(r, d, "Oneof") }},
	{rule: commentRule("RPC", "RPCs", "rpc Get(GetRequest) returns (GetResponse);"), method: func(l *linter, r *rule.Rule, d protoreflect.MethodDescriptor) { l.comment(r, d, "RPC") }},
	{rule: commentRule("SERVICE", "services", "service OrderService {}"), service: func(l *linter, r *rule.Rule, d protoreflect.ServiceDescriptor) { l.comment(r, d, "Service") }},
	{rule: lintRule("RPC_NO_CLIENT_STREAMING", "no RPC streams requests", "Many proxies and clients cannot do it.", "rpc Put(stream PutRequest) returns (PutResponse);", "rpc Put(PutRequest) returns (PutResponse);", "send a list in one request"), method: lintClientStream},
	{rule: lintRule("RPC_NO_SERVER_STREAMING", "no RPC streams responses", "Many proxies and clients cannot do it.", "rpc Get(GetRequest) returns (stream GetResponse);", "rpc Get(GetRequest) returns (GetResponse);", "answer with pages"), method: lintServerStream},
	{rule: lintRule("STABLE_PACKAGE_NO_IMPORT_UNSTABLE", "stable packages do not import unstable ones", "What an unstable package changes would change the stable one.", `package a.v1; import "b/v1beta1/b.proto";`, `package a.v1; import "b/v1/b.proto";`, "import a stable version"), files: lintStable},
	{rule: lintRule("PROTOVALIDATE", "constraints of protovalidate make sense", "A constraint of another type than its field, or one that no value passes, fails at run time or checks nothing. Expressions in CEL are compiled, and values under example are tried, but for those of extensions, at which protovalidate does not look.", "string id = 1 [(buf.validate.field).int32.gt = 5];", "string id = 1 [(buf.validate.field).string.min_len = 5];", "correct the constraint or delete it"), message: lintMessageConstraints, field: lintFieldConstraints},
}

func sameRule(option, id string) *rule.Rule {
	return lintRule("PACKAGE_SAME_"+id, "files of a package have one "+option, "Generators put the files of a package together by this option.",
		"option "+option+" in one of two files", "the same option "+option+" in both files", "set the option in every file of the package")
}

func commentRule(id, plural, example string) *rule.Rule {
	return lintRule("COMMENT_"+id, plural+" have a comment", "Others have to know what it means without asking.", example, "// What it is.\n    "+example, "write a comment in front of it")
}
