package redisbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
)

// The fields of an entry. One that has no others is ours, or of a program that
// writes as we do.
const (
	keyField     = "k" // absent if the message has no key
	payloadField = "p" // absent if it is null
	headersField = "h" // each name and value behind its length; absent if there are none, unless nothing else is there
	timeField    = "t" // seconds, a point, nanoseconds; absent if the message has no time
)

// appendFields appends the fields of an entry that holds m, whose bytes it shares.
func appendFields(out []any, m *event.Message) []any {
	before := len(out)
	if m.Key != nil {
		out = append(out, keyField, m.Key)
	}
	if m.Payload != nil {
		out = append(out, payloadField, m.Payload)
	}
	if !m.Time.IsZero() {
		out = append(out, timeField, fmt.Sprintf("%d.%09d", m.Time.Unix(), m.Time.Nanosecond()))
	}
	if len(m.Headers) > 0 || len(out) == before {
		out = append(out, headersField, appendHeaders(nil, m.Headers))
	}
	return out
}

func appendHeaders(dst []byte, hs event.Headers) []byte {
	if dst == nil {
		dst = []byte{}
	}
	for _, h := range hs {
		dst = binary.AppendUvarint(dst, uint64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = binary.AppendUvarint(dst, uint64(len(h.Value)))
		dst = append(dst, h.Value...)
	}
	return dst
}

var errDamaged = errors.New("the headers are damaged")

func readHeaders(text string) (event.Headers, error) {
	var out event.Headers
	src := []byte(text)
	next := func() ([]byte, bool) {
		n, k := binary.Uvarint(src)
		if k <= 0 || n > uint64(len(src)-k) {
			return nil, false
		}
		part := src[k : k+int(n) : k+int(n)]
		src = src[k+int(n):]
		return part, true
	}
	for len(src) > 0 {
		key, ok1 := next()
		value, ok2 := next()
		if !ok1 || !ok2 {
			return nil, errDamaged
		}
		out = append(out, event.Header{Key: string(key), Value: value})
	}
	return out, nil
}

// delivery translates an entry. The error is one of the id.
func delivery(topic string, x redis.XMessage) (*event.Delivery, error) {
	offset, err := offsetOf(x.ID)
	if err != nil {
		return nil, fmt.Errorf("entry of topic %q: %w", topic, err)
	}
	d := &event.Delivery{Message: event.Message{Topic: topic}, Offset: offset, Attempt: 1}
	if decode(x.Values, &d.Message) != nil {
		foreign(x.Values, &d.Message)
	}
	if d.Time.IsZero() {
		d.Time = time.UnixMilli(offset >> seqBits).UTC()
	}
	return d, nil
}

// decode reads what fields wrote. The error says that it was not fields; m is as it was
// then.
func decode(values map[string]any, m *event.Message) error {
	out := event.Message{Topic: m.Topic}
	for k, v := range values {
		text, _ := v.(string)
		var err error
		switch k {
		case keyField:
			out.Key = []byte(text)
		case payloadField:
			out.Payload = []byte(text)
		case headersField:
			out.Headers, err = readHeaders(text)
		case timeField:
			out.Time, err = readTime(text)
		default:
			err = fmt.Errorf("the entry of another program, with a field %.40q", k)
		}
		if err != nil {
			return err
		}
	}
	*m = out
	return nil
}

func readTime(text string) (time.Time, error) {
	sec, nsec, _ := strings.Cut(text, ".")
	s, err1 := strconv.ParseInt(sec, 10, 64)
	n, err2 := strconv.ParseUint(nsec, 10, 30)
	if err1 != nil || err2 != nil || n > 999_999_999 {
		return time.Time{}, fmt.Errorf("the time is %.40q", text)
	}
	return time.Unix(s, int64(n)).UTC(), nil
}

// foreign makes headers of the fields.
func foreign(values map[string]any, m *event.Message) {
	m.Payload = []byte{}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		m.Headers = append(m.Headers, event.Header{Key: k, Value: fmt.Append(nil, values[k])})
	}
}

// An offset holds the two numbers of an id.
const (
	seqBits = 20
	mostMS  = 1<<(63-seqBits) - 1
	mostSeq = 1<<seqBits - 1
)

// offsetOf returns the offset of an id. Later ids have higher ones.
func offsetOf(id string) (int64, error) {
	a, b, _ := strings.Cut(id, "-")
	ms, err1 := strconv.ParseUint(a, 10, 64)
	seq, err2 := strconv.ParseUint(b, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("the id is %.60q; expected two numbers", id)
	}
	if ms > mostMS || seq > mostSeq {
		return 0, fmt.Errorf("the id %s does not fit an offset: at most %d milliseconds and %d entries in one of them; move the entry with XADD and XDEL, and look at the server's clock", id, int64(mostMS), mostSeq)
	}
	return int64(ms<<seqBits | seq), nil
}

// idOf is the inverse of offsetOf.
func idOf(offset int64) string {
	offset = max(offset, 0)
	id := strconv.AppendInt(make([]byte, 0, 24), offset>>seqBits, 10)
	return string(strconv.AppendInt(append(id, '-'), offset&mostSeq, 10))
}

// weight is what a message takes of memory, about.
func weight(m *event.Message) int {
	n := len(m.Key) + len(m.Payload) + 128
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value) + 32
	}
	return n
}
