// Package watermillbus joins package event and Watermill, both ways.
//
// [NewPublisher] and [NewSubscriber] let programs of Watermill, its Router for
// one, run over a transport of package event. [NewBus] lets [event.Run], with its
// retries, dead letters and deduplication, run over a transport of Watermill. And
// [Handler] calls a handler that was written for Watermill from [event.Run], with
// no Watermill in between. The package knows what a message is on either side and
// no broker.
//
// # What bites
//
// Watermill hands over one message of a lane at a time and waits for its Ack. So a
// [Subscriber], and a [Bus], are as slow as Watermill is: batches and workers by
// key need a transport of package event and [event.Run].
//
// A Nack is what Watermill takes it for: the same message again, at once, for
// ever. Retry levels and dead letters are those of [event.Run].
package watermillbus
