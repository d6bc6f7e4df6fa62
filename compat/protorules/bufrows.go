package protorules

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
)

// bufRuleCount is how many rules of Buf are active in any version of its
// configuration.
const bufRuleCount = 64

// bufRows are Buf's rules, each with its comparison, in the order of their
// documentation. The table is constant.
var bufRows = [bufRuleCount]row{
	{rule: fileNoDelete, oldFile: fileGone},
	{rule: packageNoDelete, oldFile: packageGone},
	{rule: messageNoDelete, oldGone: goneFromFile, goneKind: kindMessage},
	{rule: enumNoDelete, oldGone: goneFromFile, goneKind: kindEnum},
	{rule: extensionNoDelete, oldGone: goneFromFile, goneKind: kindExtension, notBefore: v2},
	{rule: serviceNoDelete, oldGone: goneFromFile, goneKind: kindService},
	{rule: packageMessageNoDelete, oldGone: goneFromPackage, goneKind: kindMessage},
	{rule: packageEnumNoDelete, oldGone: goneFromPackage, goneKind: kindEnum},
	{rule: packageExtensionNoDelete, oldGone: goneFromPackage, goneKind: kindExtension, notBefore: v2},
	{rule: packageServiceNoDelete, oldGone: goneFromPackage, goneKind: kindService},

	{rule: fieldNoDelete, message: deletedFields(never, noSuffix)},
	{rule: fieldNoDeleteName, message: deletedFields(nameReserved, nameSuffix)},
	{rule: fieldNoDeleteNumber, message: deletedFields(numberReserved, numberSuffix)},
	{rule: oneofNoDelete, message: oneofGone},
	{rule: messageSameRequired, message: sameRequired},
	{rule: messageSameJSON, message: sameMessageJSON},
	{rule: messageKeepAccessor, message: keptAccessor},
	{rule: extensionMessageNoDelete, message: extensionRangesKept},
	{rule: reservedMessage, message: reservedOfMessageKept},

	{rule: fieldSameType, field: sameType},
	{rule: fieldWireType, field: wireType, notBefore: v1},
	{rule: fieldWireJSONType, field: wireJSONType, notBefore: v1},
	{rule: fieldSameCardinality, field: sameCardinality(anyOther)},
	{rule: fieldWireCardinality, field: sameCardinality(wireCardinality)},
	{rule: fieldWireJSONCardinality, field: sameCardinality(wireJSONCardinality)},
	{rule: fieldSameName, field: sameFieldName},
	{rule: fieldSameJSONName, field: sameJSONName},
	{rule: fieldSameDefault, field: sameDefault, notBefore: v2},
	{rule: fieldSameOneof, field: sameOneof},
	{rule: fieldSameJSType, field: sameJSType},
	{rule: fieldSameCppString, field: sameCppString},
	{rule: fieldSameJavaUTF8, field: sameJavaUTF8},
	{rule: fieldSameUTF8, field: sameUTF8},

	{rule: enumValueNoDelete, enum: deletedValues(neverValue, noValueSuffix)},
	{rule: enumValueNoDeleteName, enum: deletedValues(valueNamesReserved, valueNamesSuffix)},
	{rule: enumValueNoDeleteNumber, enum: deletedValues(valueNumberReserved, valueNumberSuffix)},
	{rule: enumValueSameName, enum: sameValueNames},
	{rule: enumSameType, enum: sameEnumType},
	{rule: enumSameJSON, enum: sameEnumJSON},
	{rule: reservedEnum, enum: reservedOfEnumKept},

	{rule: rpcNoDelete, service: rpcGone},
	{rule: rpcClientStreaming, method: sameStreaming("client", protoreflect.MethodDescriptor.IsStreamingClient)},
	{rule: rpcServerStreaming, method: sameStreaming("server", protoreflect.MethodDescriptor.IsStreamingServer)},
	{rule: rpcRequest, method: sameMessageOf("request", methodInput, protoreflect.MethodDescriptor.Input)},
	{rule: rpcResponse, method: sameMessageOf("response", methodOutput, protoreflect.MethodDescriptor.Output)},
	{rule: rpcIdempotency, method: sameIdempotency},

	{rule: fileSamePackage, file: samePackage},
	{rule: fileSameSyntax, file: sameSyntax},
	{rule: fileSameOptions[0], file: fileOption{"cc_enable_arenas", 31, yes((*descriptorpb.FileOptions).GetCcEnableArenas)}.check},
	{rule: fileSameOptions[1], file: fileOption{"cc_generic_services", 16, yes((*descriptorpb.FileOptions).GetCcGenericServices)}.check},
	{rule: fileSameOptions[2], file: fileOption{"csharp_namespace", 37, (*descriptorpb.FileOptions).GetCsharpNamespace}.check},
	{rule: fileSameOptions[3], file: fileOption{"go_package", 11, (*descriptorpb.FileOptions).GetGoPackage}.check},
	{rule: fileSameOptions[4], file: fileOption{"java_generic_services", 17, yes((*descriptorpb.FileOptions).GetJavaGenericServices)}.check},
	{rule: fileSameOptions[5], file: fileOption{"java_multiple_files", 10, yes((*descriptorpb.FileOptions).GetJavaMultipleFiles)}.check},
	{rule: fileSameOptions[6], file: fileOption{"java_outer_classname", 8, (*descriptorpb.FileOptions).GetJavaOuterClassname}.check},
	{rule: fileSameOptions[7], file: fileOption{"java_package", 1, (*descriptorpb.FileOptions).GetJavaPackage}.check},
	{rule: fileSameOptions[8], file: fileOption{"objc_class_prefix", 36, (*descriptorpb.FileOptions).GetObjcClassPrefix}.check},
	{rule: fileSameOptions[9], file: fileOption{"optimize_for", 9, optimizeFor}.check},
	{rule: fileSameOptions[10], file: fileOption{"php_class_prefix", 40, (*descriptorpb.FileOptions).GetPhpClassPrefix}.check},
	{rule: fileSameOptions[11], file: fileOption{"php_metadata_namespace", 44, (*descriptorpb.FileOptions).GetPhpMetadataNamespace}.check},
	{rule: fileSameOptions[12], file: fileOption{"php_namespace", 41, (*descriptorpb.FileOptions).GetPhpNamespace}.check},
	{rule: fileSameOptions[13], file: fileOption{"py_generic_services", 18, yes((*descriptorpb.FileOptions).GetPyGenericServices)}.check},
	{rule: fileSameOptions[14], file: fileOption{"ruby_package", 45, (*descriptorpb.FileOptions).GetRubyPackage}.check},
	{rule: fileSameOptions[15], file: fileOption{"swift_prefix", 39, (*descriptorpb.FileOptions).GetSwiftPrefix}.check},
}

func optimizeFor(o *descriptorpb.FileOptions) string { return o.GetOptimizeFor().String() }

// Table returns every rule, in the order in which they are documented. The rows
// are shared and must not be changed. A rule that Buf and the registry have in
// common may report a change that only one of them minds: then the ErrorType of
// the finding is empty where the registry accepts it.
//
// Considered and left out, because both accept them: added messages, enums,
// fields and oneofs; packed, comments and custom options.
func Table() []*rule.Rule {
	out := make([]*rule.Rule, 0, bufRuleCount+3)
	for i := range bufRows {
		out = append(out, bufRows[i].rule)
	}
	return append(out, fieldTypeContent, oneofFieldRemoved, fieldsMoved)
}
