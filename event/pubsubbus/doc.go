// Package pubsubbus carries messages over Google Cloud Pub/Sub, through
// cloud.google.com/go/pubsub/v2. It is a module of its own, so that nobody else has
// Google's libraries in their build.
//
// A topic is a topic of the project, a group the subscription <topic>.<group> of
// it, made when the group is first opened. A retry topic is made with the
// subscription of its group. A dead-letter topic, or the topic that replays are
// written down in, keeps its messages for [Config.KeepFor] and can be browsed.
//
// # Guarantees
//
// Publish returns when the service has stored every message. Messages of one key
// have one ordering key: a subscription that was made ordered, which is the
// default, gives them in the order of publishing, and so gives again what comes
// after one that was given back, even if it is settled.
//
// A lane is a group's subscription as one source sees it. It ends when the source
// is closed or the service ends the stream for good, which is an error of the
// source; what is not settled then is given back at once. Deadlines are extended
// while a message is held, up to [Config.MaxExtension], or longer on a retry level;
// a process that is frozen for longer than its deadline loses what it held, and
// cannot know: what it settles afterwards counts for nothing, or is refused where
// the subscription has [Subscription.ExactlyOnce], which Config.Refused is told.
//
// A source holds no more than [Config.MaxOutstandingMessages] and
// [Config.MaxOutstandingBytes] of each topic, however slow its handler.
//
// # What bites
//
// A group gets what is published after it was first opened, for before that it has
// no subscription.
//
// What the service sends while a member leaves comes again only after
// [Config.AckDeadline].
//
// The service keeps what a group has not settled for seven days, and a message has
// at most 10 MB, 500 headers and 64 KiB of them; what would not fit as a dead letter
// is refused when it is published.
//
// Pub/Sub has no partitions or offsets. The partition of a delivery is a number of
// the publisher and the key, its offset counts microseconds; both stay with the
// message. Do not label metrics with such a partition.
//
// Dead letters share one ordering key, so that they can be read in order: 1 MB/s.
// Native dead letters ([Subscription.DeliveryAttempts]) go to a topic of their own.
// Browsing makes a subscription for a moment, and publishes one small message whose
// place is the end.
//
// Exactly-once acknowledgement has been tried on no emulator, since none has it.
package pubsubbus
