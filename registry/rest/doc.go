// Package rest serves a [registry.Registry] over HTTP in the protocol of
// Confluent's Schema Registry, so that existing clients in every language work
// unchanged.
//
// It translates and decides nothing: paths and bodies to commands, answers and
// errors to JSON. The routes are one table, in routes.go. Associations,
// exporters and the DEK registry are not offered and answer as the protocol says
// for something absent. It does not authenticate.
package rest
