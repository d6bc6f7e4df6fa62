// Package kafkalog keeps a registry's log in a compacted Kafka topic, in the
// format of Confluent's _schemas topic. A topic that Confluent's server wrote is
// read as it is, and what is written here that server can read.
//
// Kafka has no append on condition. So the servers on a topic elect one of them,
// in the group protocol of Confluent's servers, and only that one writes: each
// append is a transaction under a transactional id that belongs to the topic, so
// that whoever takes over shuts the one before it out. An append whose first
// record does not land where the log was known to end is aborted, which also
// holds against a writer that knows nothing of this protocol.
//
// Confluent's server reads what is not committed too. So whoever takes over
// writes the value that counts after whatever an aborted transaction has left.
//
// A broker that was paused for longer than its session may still take itself for the
// leader of the partition. So what it says is only taken for all there is once the
// brokers with the other copies have been asked, at the same time, whether they know of
// a later one: no request takes longer for that, but what nobody can vouch for, as when
// one broker of three is left, is an error and never an end.
//
// Records are facts about keys, and compaction forgets all but the last of each:
// the log that a restart reads may be shorter than the one that was written, and
// says the same.
package kafkalog
