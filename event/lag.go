package event

import (
	"context"
	"time"
)

// A Lag is how far a group is behind in one partition of a topic.
type Lag struct {
	Topic     string
	Partition int32
	// Committed is the offset that the group goes on from; -1 if it has settled
	// nothing, and the oldest message is where it begins.
	Committed int64
	// End is the offset behind the last message that a consumer can get.
	End int64
	// Messages is how many messages the group has not settled. On Kafka and in an
	// event log it is offsets: never less than there are messages, but more where
	// some were removed, are settled out of order, or are marks of transactions; 0
	// if there is no message.
	Messages int64
	// Oldest is when the first message that is not settled was published; zero if
	// there is none.
	Oldest time.Time
}

// A Lagger is a Bus that knows how far a group is behind, whether or not the group
// has members.
type Lagger interface {
	// Lag returns the lags of a group in each partition of the topics, in the order
	// of the topics and of the partitions. A topic that does not exist is an error.
	// What was settled a moment ago may still count: where Settle does not wait for
	// the server, the server may answer this question first.
	Lag(ctx context.Context, group string, topics ...string) ([]Lag, error)
}
