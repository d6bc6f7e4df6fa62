package pubsubbus

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/pubsub/v2"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/headertext"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

// placeName is the attribute that says where a message of ours was published.
const placeName = "wireproof-place"

// Limits of attributes: each header its own, or all together, which takes fewer.
var (
	limits = headertext.Limits{Reserved: []string{"goog", placeName}, MaxKey: maxKeyBytes, MaxValue: maxValueBytes}
	packed = headertext.Limits{Reserved: []string{""}, MaxKey: maxKeyBytes, MaxValue: maxValueBytes}
)

// lettersKey is the ordering key of what is kept: it is read in one order.
const lettersKey = "letters"

// encode translates a message. It copies the payload, which may be needed after
// the caller has given up.
func (c *Config) encode(m *event.Message, at offsets.Place) (*pubsub.Message, error) {
	if m == nil {
		return nil, errors.New("the message is nil")
	}
	if err := checkName("topic", m.Topic); err != nil {
		return nil, err
	}
	if len(m.Payload) > c.MaxMessageBytes {
		return nil, fmt.Errorf("the payload has %d bytes; expected at most %d (MaxMessageBytes)", len(m.Payload), c.MaxMessageBytes)
	}
	if len(m.Headers) > maxHeaders && !isAside(m.Topic) {
		return nil, fmt.Errorf("the message has %d headers; expected at most %d", len(m.Headers), maxHeaders)
	}
	dated := *m
	if dated.Time.IsZero() {
		dated.Time = time.Now()
	}
	attrs, err := attributes(&dated)
	if err == nil && !isAside(m.Topic) && (len(attrs) > plentyAttributes || sizeOf(attrs) > plentyBytes) {
		if _, err = attributes(asDeadLetter(dated)); err != nil {
			err = fmt.Errorf("as a dead letter it would not fit: %w", err)
		}
	}
	if err != nil {
		return nil, err
	}
	if m.Key != nil {
		at = at.Keyed(m.Key)
	}
	attrs[placeName] = at.String()
	out := &pubsub.Message{Data: bytes.Clone(m.Payload), Attributes: attrs}
	switch {
	case keepsLetters(m.Topic):
		out.OrderingKey = lettersKey
	case m.Key != nil && !c.Unordered:
		out.OrderingKey = orderingKey(m.Key)
	}
	return out, nil
}

// attributes returns key, headers and time of m as the service takes them.
func attributes(m *event.Message) (map[string]string, error) {
	const room = maxAttributes - 1 // and the place
	attrs := map[string]string{}
	set := func(name, value string) { attrs[name] = value }
	err := headertext.Encode(m, limits, set)
	if err == nil && len(attrs) > room {
		clear(attrs)
		err = headertext.Encode(m, packed, set)
	}
	if err == nil && len(attrs) > room {
		err = fmt.Errorf("key and headers take %d attributes of %d bytes; expected at most %d", len(attrs), maxValueBytes, room)
	}
	return attrs, err
}

func sizeOf(attrs map[string]string) int {
	n := 0
	for k, v := range attrs {
		n += len(k) + len(v)
	}
	return n
}

// Below these there is plenty of room for what the runtime writes on a dead letter.
const (
	plentyBytes      = 16 << 10
	plentyAttributes = 40
)

// asDeadLetter returns a message with headers that take as much room as the
// runtime's at their worst: one that could be published but not dead-lettered would
// stop its consumer.
func asDeadLetter(m event.Message) *event.Message {
	worst := bytes.Repeat([]byte{1}, 1<<10) // the longest error, each byte of it escaped
	m.Headers = slices.Clone(m.Headers)
	for i := range 11 {
		h := event.Header{Key: fmt.Sprintf("wireproof-spare-header-%d", i), Value: worst[:256]}
		if i < 2 {
			h.Value = worst
		}
		m.Headers = append(m.Headers, h)
	}
	return &m
}

// orderingKey returns the text for a key, a different one for each: the key itself
// if that is text, or else behind a % the key in base64, or behind %# the hash of a
// long one.
func orderingKey(key []byte) string {
	if len(key) > 0 && len(key) <= maxOrderBytes && key[0] != '%' && utf8.Valid(key) {
		return string(key)
	}
	if text := "%" + base64.RawURLEncoding.EncodeToString(key); len(text) <= maxOrderBytes {
		return text
	}
	sum := sha256.Sum256(key)
	return "%#" + hex.EncodeToString(sum[:])
}

// damaged is the header of a message whose key or headers cannot be read; it then
// has all attributes as headers.
const damaged = "wireproof-damaged"

// decode translates a message. What others publish is read as far as that goes.
func decode(m *pubsub.Message, topic, group string) *event.Delivery {
	d := &event.Delivery{Message: event.Message{Topic: topic, Payload: m.Data}, Group: group, Attempt: 1}
	at, ours := offsets.Parse(m.Attributes[placeName])
	attrs := maps.Clone(m.Attributes)
	if ours {
		delete(attrs, placeName)
	} else {
		at = offsets.Of(m.ID)
	}
	if err := headertext.Decode(attrs, &d.Message); err != nil {
		d.Headers = append(d.Headers, event.Header{Key: damaged, Value: []byte(err.Error())})
	}
	if !ours && d.Key == nil && m.OrderingKey != "" {
		d.Key = []byte(m.OrderingKey)
	}
	if d.Time.IsZero() {
		d.Time = m.PublishTime
	}
	d.Partition, d.Offset = at.Partition, at.Offset
	return d
}
