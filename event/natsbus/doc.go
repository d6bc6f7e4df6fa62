// Package natsbus carries messages over NATS: durably through JetStream ([Bus]),
// and at most once through core NATS ([Core]). [Embedded] runs the server in this
// process, for programs that want durable events and no broker.
//
// # What a Bus promises
//
// A topic is a stream whose one subject is the topic; [Bus.MakeTopic] makes it, and
// a topic that no stream holds is an error. A stream that somebody else made, whose
// subjects include the topic, serves as well. Publish sends everything at once and
// returns when the server has answered for every message; what was not answered is
// sent again, in order, under ids that are new for each call: the server drops a
// second copy of one call, never a retry or a replay, which is another call.
//
// A consumer group is a durable consumer of the stream, with explicit
// acknowledgement. Delivery is at least once. A message is given to a member for
// Config.AckWait, and the member asks for more time for as long as it holds it. A
// member that could not ask, because it was frozen or cut off, drops what it holds:
// the context of its lane ends, what its handlers settle is refused here, and a new
// lane begins. On Close a member gives back at once what it has not settled.
//
// Key, headers, their order and repeats, null payloads and times come back as they
// went; see package headertext for how other programs see them. The offset of a
// message is its sequence in the stream, the partition is always 0. Without a time
// of its own a message has the time at which the server stored it.
//
// A topic to read may be a pattern: "*" is one token of the subject, ">" one or
// more. It stands for all topics that match, also those made later, but for retry
// and dead-letter topics, which it has to end like. [Bus.MakeTopic] of a pattern
// makes nothing; retry and dead-letter topics are then made when they are needed.
//
// # What bites
//
// The server hands the messages of a stream to all members in turn: a key keeps its
// order only in a group with one member, and until a message comes again. For key
// order with several members, split the topic.
//
// A server that is not told otherwise writes to disk every two minutes: it loses
// nothing when it is killed, but may when the machine is. The embedded one writes
// before it answers.
//
// A stream keeps what it was given, for ever unless Config.MaxAge or MaxBytes say
// otherwise; then it forgets the oldest, whether or not a group has read it, and
// dead letters like all others.
//
// If the server that leads a replicated stream changes in the middle of a Publish,
// messages of that call may be stored in another order.
//
// A message and its headers must fit the server's max_payload, 1 MiB unless it is
// told otherwise, less 64 KiB for what a dead letter adds.
//
// The package knows no schema and no retry.
package natsbus
