// Package redisbus carries messages over Redis Streams, 6.2 or later, on one
// server, behind sentinels or in a cluster.
//
// # What a Bus promises
//
// A topic is a stream, under the key Config.Prefix and the topic;
// [Bus.MakeTopic] makes it, and a topic that is not there is an error. Publish sends
// everything at once and returns when the server has answered for every message.
//
// A consumer group is a group of the stream, and begins with the oldest message that
// is kept. Delivery is at least once. A message that its member has not settled
// belongs to it for Config.ClaimAfter, and the member extends that for as long as it
// holds it; then another one claims it. A member that could not extend, because it
// was frozen or cut off, drops what it holds: the context of its lane ends, what its
// handlers settle is refused, and a new lane begins. On Close a member gives back at
// once what it has not settled.
//
// Key, headers, their order and repeats, null payloads and times come back as they
// went. A message without a time has the one of its entry's id. An entry
// has the fields k (key), p (payload), h (headers) and t (time), as far as there is
// something to say. One that has others, from another program, has all its fields as
// headers, and an empty payload.
//
// The partition is always 0. The offset is made of the id of the entry: milliseconds
// in 43 bits, the number within the millisecond in 20. An id that does not fit, by a
// clock that stands still for a million entries or after the year 2248, stops the
// member with an error that names it: an offset never means two entries.
//
// # What bites
//
// Redis is as durable as its appendfsync says. With "always", what it has answered
// for is on the disk. With "everysec" a machine that dies takes the last second with
// it, though a killed process does not; without an append-only file everything since
// the last snapshot is gone. A replica that takes over may miss what the old server
// had answered for. Config.WaitReplicas and WaitDisk make Publish wait for more,
// where that is one server.
//
// Redis knows no duplicates: when an answer is lost and go-redis tries again, a
// message is stored twice.
//
// The server hands messages to all members in turn: a key keeps its order only in a
// group with one member, and until a message comes again.
//
// A stream keeps what it was given, in memory, until Config.MaxAge or MaxLen say
// otherwise. They forget nothing that one of the groups has not settled, so a group
// that nobody runs any more fills the memory: destroy it. What no group reads, such
// as dead letters, they forget when it is old.
//
// Each topic of a member takes a connection of the client's pool while it waits.
//
// The package knows no schema and no retry, and does not close the client.
package redisbus
