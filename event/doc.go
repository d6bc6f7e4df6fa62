// Package event moves messages between a program and a broker: publish,
// subscribe, retry, dead-letter. It moves bytes. What the bytes mean belongs to
// package codec, and generated code joins the two; neither imports the other.
//
// Nothing is settled before its handler has succeeded, or before the broker has
// stored the message as a retry or a dead letter.
//
// # What Run promises
//
// Delivery is at least once: a crash, a rebalance or a lost answer brings a
// message again. The outcome of a message is the error that its handler returns;
// there is nothing to acknowledge by hand.
//
// Order is kept in each lane ([Serial]) or for each key ([ByKey]), up to the
// first retry: a message that waits in a retry topic does not hold up those
// behind it, unless [KeepKeyOrder] says so. [Unordered] keeps none. After a message has been taken to another member, the handler that
// still runs with the old one has its context ended; whether the new one waits
// for it is up to the transport ([Releaser]).
//
// A message that fails is called again at once ([Immediate]), then waits in
// topics of its own ([RetryLevels]), never less than it should, and ends in the
// dead-letter topic with its own key, payload and headers. Those topics are made
// when Run starts. If the broker refuses to store it there, Run stops with an
// error, and the message stays where it was.
//
// A message passes, in this order and whatever the order of the options:
// [Deduplicate], [Spans], [HandlerTimeout], [Prepare], [Within], the handler,
// [Immediate], [RetryLevels], the dead letter. [RunBatches] is the same for many
// at once.
//
// # What bites
//
// Whoever publishes the headers of one message with another takes them from
// [Delivery.Meta], not from the delivery: the latter's may hold the runtime's. Both
// hold the [HeaderID], and the id of a CloudEvent: a deduper and an inbox take two
// messages that carry one id for the same, so whoever makes several of one leaves
// them out.
//
// A retry topic is read only by a group that has its level: do not shorten
// [RetryLevels] while messages wait.
package event
