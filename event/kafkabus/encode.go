package kafkabus

import (
	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// An outgoing is a message for sarama with all that belongs to it, so that those of
// one call are one piece of memory.
type outgoing struct {
	sarama.ProducerMessage
	key, value octets
	awaited    awaited
	size       int // as sarama counts, without what it claims
}

// octets are bytes as sarama takes them. Unlike sarama.ByteEncoder, a pointer to them is
// made into an interface without an allocation.
type octets struct {
	b    []byte
	more int             // that they claim to have, which may be less than 0
	gate <-chan struct{} // nil, or closed when sarama may begin a request with them
}

// Encode is called when sarama adds a message to a request, which begins the time that it
// waits for others.
func (o *octets) Encode() ([]byte, error) {
	if o.gate != nil {
		<-o.gate
	}
	return o.b, nil
}

func (o *octets) Length() int { return len(o.b) + o.more }

// encode translates messages. They share the memory of ms unless it is to be kept: sarama
// holds what it is given until the broker has answered, which may be after a call of
// Publish has ended.
func encode(ms []*event.Message, keep bool) []outgoing {
	size, headers := 0, 0
	for _, m := range ms {
		size += len(m.Key) + len(m.Payload)
		headers += len(m.Headers)
		for _, h := range m.Headers {
			size += len(h.Value)
		}
	}
	own := func(b []byte) []byte { return b }
	if keep {
		buf := make([]byte, 0, size)
		own = func(b []byte) []byte {
			if b == nil {
				return nil
			}
			at := len(buf)
			buf = append(buf, b...)
			return buf[at:len(buf):len(buf)]
		}
	}
	all := make([]sarama.RecordHeader, 0, headers)
	out := make([]outgoing, len(ms))
	for i, m := range ms {
		o := &out[i]
		o.Topic, o.Timestamp = m.Topic, m.Time
		if m.Key != nil {
			o.key.b = own(m.Key)
			o.Key = &o.key
		}
		if m.Payload != nil {
			o.value.b = own(m.Payload)
			o.Value = &o.value
		}
		at := len(all)
		for _, h := range m.Headers {
			all = append(all, sarama.RecordHeader{Key: []byte(h.Key), Value: own(h.Value)})
		}
		o.Headers = all[at:len(all):len(all)]
	}
	return out
}
