package event

import "time"

// A Message is data: it holds no channel, mutex or context, and may be copied.
// Whoever publishes one leaves its slices alone until Publish has returned.
type Message struct {
	Topic   string
	Key     []byte // ordering key; nil is no key, which an empty key is not
	Headers Headers
	Payload []byte    // nil is a tombstone, which an empty payload is not
	Time    time.Time // when the message was made; zero lets the broker say

	// Type is the full name of the event, such as orders.v1.OrderPlaced, for
	// what wraps a publisher, as package cloudevents does. No transport carries
	// it: a delivery has none.
	Type string
}

// size is about what the message takes of memory, in bytes.
func (m *Message) size() int {
	n := len(m.Key) + len(m.Payload) + 64
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value) + 16
	}
	return n
}

// A Header is one key with its value. A key may occur more than once.
type Header struct {
	Key   string
	Value []byte
}

// Headers are the headers of a message, in order.
type Headers []Header

// Get returns the last value with the given key.
func (h Headers) Get(key string) ([]byte, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Key == key {
			return h[i].Value, true
		}
	}
	return nil, false
}

// With returns a copy of h in which key has exactly the given value.
func (h Headers) With(key string, value []byte) Headers {
	out := make(Headers, 0, len(h)+1)
	for _, x := range h {
		if x.Key != key {
			out = append(out, x)
		}
	}
	return append(out, Header{key, value})
}

// A Delivery is a message that a Source has received.
type Delivery struct {
	Message
	Partition int32
	Offset    int64 // position in the partition; ascending, gaps allowed
	Group     string
	Attempt   int // 1 on the first delivery; counts handler calls across retry levels
}

// Meta is what a typed handler learns of a message beside its event.
type Meta struct {
	Topic     string // the topic of first publication, also after a retry
	Partition int32
	Offset    int64
	Key       []byte
	Headers   Headers
	Time      time.Time
	Group     string
	Attempt   int
}
