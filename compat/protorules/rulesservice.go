package protorules

import "github.com/wireproof/wireproof/compat/rule"

var (
	rpcNoDelete = define("RPC_NO_DELETE", "an rpc was deleted",
		`Clients that call it get an error, and code that implements it no longer compiles.`,
		example{`rpc Capture(Order) returns (Receipt);`, `(nothing)`, `rpc Capture(Order) returns (Receipt) { option deprecated = true; }`},
		"keep the rpc, deprecated", rule.SourceCode, file, pkg)

	rpcClientStreaming = rpcRule("RPC_SAME_CLIENT_STREAMING", "an rpc changed whether clients stream",
		"rpc Send(Event) returns (Ack);", "rpc Send(stream Event) returns (Ack);")
	rpcServerStreaming = rpcRule("RPC_SAME_SERVER_STREAMING", "an rpc changed whether the server streams",
		"rpc Watch(Query) returns (Event);", "rpc Watch(Query) returns (stream Event);")
	rpcRequest = rpcRule("RPC_SAME_REQUEST_TYPE", "an rpc takes another message",
		"rpc Send(Event) returns (Ack);", "rpc Send(EventV2) returns (Ack);")
	rpcResponse = rpcRule("RPC_SAME_RESPONSE_TYPE", "an rpc returns another message",
		"rpc Send(Event) returns (Ack);", "rpc Send(Event) returns (AckV2);")
	rpcIdempotency = rpcRule("RPC_SAME_IDEMPOTENCY_LEVEL", "an rpc changed its idempotency level",
		"option idempotency_level = IDEMPOTENT;", "option idempotency_level = NO_SIDE_EFFECTS;")
)

func rpcRule(id, title, before, after string) *rule.Rule {
	const add = "add an rpc with a new name and deprecate the old one"
	return define(id, title,
		`Clients and servers are deployed apart. One side on the old schema and one on the
new do not understand each other.`,
		example{before, after, add + "."}, add, everyReader, file, pkg, wireJSON, wire, csr)
}
