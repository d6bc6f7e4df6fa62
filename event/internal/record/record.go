// Package record writes a message as bytes, and reads it back: for what keeps
// messages in a store of its own, such as the outbox and the event log. Nothing
// of the message is lost: nil and empty, repeated and binary headers, the time to
// the nanosecond.
//
// The form is one byte of version, then topic, key, headers, time and payload;
// lengths are unsigned varints, and of what may be nil, one more than the length.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
)

const version = 1

// Append appends m to b.
func Append(b []byte, m *event.Message) []byte {
	b = append(b, version)
	b = appendText(b, m.Topic)
	b = appendBytes(b, m.Key)
	b = binary.AppendUvarint(b, uint64(len(m.Headers)))
	for _, h := range m.Headers {
		b = appendText(b, h.Key)
		b = appendBytes(b, h.Value)
	}
	if m.Time.IsZero() {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.AppendVarint(b, m.Time.Unix())
		b = binary.AppendUvarint(b, uint64(m.Time.Nanosecond()))
	}
	return appendBytes(b, m.Payload)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, x []byte) []byte {
	if x == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(x))+1), x...)
}

// Decode returns the message that b holds; its slices are parts of b.
func Decode(b []byte) (*event.Message, error) {
	r := reader{b: b}
	if v := r.byte(); r.err == nil && v != version {
		return nil, fmt.Errorf("record: version %d, want %d", v, version)
	}
	m := &event.Message{Topic: string(r.take(r.uvarint())), Key: r.bytes()}
	n := r.uvarint()
	if n > uint64(len(r.b)) { // each takes two bytes at least
		r.fail(fmt.Sprintf("%d headers", n))
	}
	for range n {
		if r.err != nil {
			break
		}
		m.Headers = append(m.Headers, event.Header{Key: string(r.take(r.uvarint())), Value: r.bytes()})
	}
	if r.byte() != 0 {
		seconds := r.varint()
		nanos := r.uvarint()
		if nanos >= uint64(time.Second) {
			r.fail(fmt.Sprintf("%d nanoseconds", nanos))
		}
		m.Time = time.Unix(seconds, int64(nanos)).UTC()
	}
	m.Payload = r.bytes()
	if r.err == nil && len(r.b) > 0 {
		r.fail(fmt.Sprintf("%d bytes behind the payload", len(r.b)))
	}
	if r.err != nil {
		return nil, fmt.Errorf("record of %d bytes: %w", len(b), r.err)
	}
	return m, nil
}

type reader struct {
	b   []byte
	err error
}

var errShort = errors.New("it ends in the middle")

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = errors.New(what + ", which cannot be")
	}
	r.b = nil
}

func (r *reader) short() {
	if r.err == nil {
		r.err = errShort
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.short()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.short()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.short()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.short()
		return nil
	}
	x := r.b[:n:n]
	r.b = r.b[n:]
	return x
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	x := r.take(n - 1)
	if x == nil && r.err == nil {
		x = []byte{}
	}
	return x
}
