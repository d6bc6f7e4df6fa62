// Package clients holds tests that run the clients of other people against
// `wireproof serve`, a process of its own, and have no code of their own. A
// client does its ordinary work: it registers, reads, looks up, checks, deletes,
// and serializes and deserializes values of the three languages. Programs in
// python and javascript report each check as a line of JSON; a test here starts a
// registry and them, and turns every line into a subtest.
//
// These versions are run, and a test compares the list with what is pinned:
//
//   - confluent-kafka 2.16.1 (Python)
//   - @confluentinc/schemaregistry 1.10.1 (JavaScript)
//   - @kafkajs/confluent-schema-registry 3.9.0 (JavaScript)
//   - github.com/riferrei/srclient v0.7.2 (Go; its tests are in registry/rest)
//   - github.com/twmb/franz-go/pkg/sr v1.8.0 (Go; its tests are in registry/rest)
//
// Run test/services.sh install python node once. Without CLIENTS_PYTHON and
// CLIENTS_NODE_MODULES, which it prints on start, the tests are skipped, as are
// those of two servers on a store without POSTGRES_URL and KAFKA_BROKERS; with
// REQUIRE_SERVICES=1 they fail instead.
package clients
