// Package api is the registry protocol as Go values: what travels as JSON and
// the one table of errors. Server and client share it, so that what one sends is
// what the other understands, and errors.Is holds on both sides of the wire.
//
// It holds data only. What a request means is decided in package registry.
package api
