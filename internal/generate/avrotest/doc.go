// Package avrotest compiles and runs what is generated for the fixtures in
// ../testdata/avro/schemas. The packages below gen are rewritten by
//
//	go test ./internal/generate -update
//
// and a test there fails when they are stale.
package avrotest
