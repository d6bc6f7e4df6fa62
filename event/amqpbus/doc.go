// Package amqpbus carries messages over RabbitMQ 3.10 or later, through
// rabbitmq/amqp091-go.
//
// A topic is a durable exchange, a group a durable queue <topic>.<group> bound to
// it. MakeTopic makes the exchange; opening a group makes its queue. A retry topic
// is made with the queue of its group, and a dead-letter topic, or the topic that
// replays are written down in, with a stream of its own name, which keeps its
// messages and can be browsed.
//
// # Guarantees
//
// Publish returns when the broker has confirmed every message, and persistent
// copies lie in quorum queues unless Config says otherwise. A message that no
// queue takes is an error. While the connection is away, or the broker blocks
// publishers, Publish waits until its context ends. What was not confirmed when
// the connection broke is sent again, in the same order and under the same
// message id: it may be there twice.
//
// A lane is a group's queue on one channel, and ends with it: a settlement after
// that is refused. The source then connects again, makes what is gone, and goes
// on with a new lane. Closing a source hands back what is not settled by closing
// the channel, after which a queue gives it again in its old place; a quorum queue
// puts what is rejected behind everything else.
//
// One member of a group gets the messages of one publisher in order. Several
// members share a queue and with it every key, unless the queue has
// [Queue.SingleActive], where all but one stand by.
//
// # What bites
//
// A group gets what is published after it was first opened, for before that it has
// no queue.
//
// RabbitMQ bounds what it sends ahead by messages, not bytes: a source holds up to
// [Config.Prefetch] messages for each topic.
//
// The broker does not answer acknowledgements. A quorum queue that is behind loses
// those that it has not stored when the channel is closed: what a source settled just
// before that may come again.
//
// The broker closes a channel on which a message is unsettled for longer than its
// consumer_timeout, half an hour by default. The message comes again, so a longer
// retry level is kept, but later levels are better kept below it.
//
// RabbitMQ has no partitions or offsets. The partition of a delivery is a random
// number of the publisher, its offset counts microseconds; both stay with the
// message. Do not label metrics with such a partition.
//
// A queue cannot be told from another of its name: topic a.b with group c, and
// topic a with group b.c, share one.
//
// Browsing writes one small message to the stream, whose place is the end.
package amqpbus
