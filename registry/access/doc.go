// Package access decides who may use a registry over HTTP and what each may do:
// it finds out who sends a request (basic, bearer, client certificate, or
// nobody), holds everyone to a rate, answers questions of grants, and writes the
// audit log. It also makes TLS settings that follow their files.
//
// A [Guard] stands in front of the handler of package rest and is that handler's
// access at the same time:
//
//	guard, err := access.New(cfg)
//	handler := guard.Wrap(rest.New(reg, rest.Options{Access: guard}), rest.Public)
//
// # What bites
//
// Names and groups of all authenticators live in one space: a user of the
// password file and a token may both be called ops. Bearer and MTLS have a prefix
// for that.
//
// A password, a token or a key never becomes part of an error or a log line;
// errors name the file and the line where the mistake is.
package access
