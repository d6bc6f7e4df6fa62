// Package kafkabus carries messages over Apache Kafka, through IBM/sarama.
//
// A publish is acknowledged by all in-sync replicas, idempotent, and returns when
// every message has its answer. Keys choose partitions with murmur2, as Java's
// clients do. A consumer group reads committed records only, from the oldest
// offset where it has none, and commits what was settled: each second, when a
// partition moves, and on close.
//
// Between sarama and the runtime stands a queue of our own for each partition. A
// partition whose queue is full, and is not worked off within 50 ms, is not fetched
// for a while, so a slow handler grows no memory and does not stall the other
// partitions, which reading a claim directly does.
//
// The package knows no schema.
package kafkabus
