// Package gen holds the Go that wireproof generates from schemas/. Everything in
// the folders below it is generated.
package gen

//go:generate go run -tags bootstrap ../cmd/wireproof generate
