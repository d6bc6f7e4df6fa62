package watermillbus

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/event"
)

// HeaderUUID is the header that carries the UUID of a Watermill message, named as
// Watermill's own Kafka transport names it, so that both read each other.
const HeaderUUID = "_watermill_message_uuid"

// The metadata by which a message of package event comes through Watermill as it
// was. A handler of Watermill reads the ordering key from [MetadataKey], and sets
// it there on what it publishes.
const (
	// MetadataKey is the ordering key; without it there is none.
	MetadataKey = "wireproof-key"
	// MetadataKeyBase64 is the ordering key if it is not UTF-8.
	MetadataKeyBase64 = "wireproof-key-base64"

	metadataHeaders   = "wireproof-headers"   // all headers, if metadata cannot say them
	metadataTombstone = "wireproof-tombstone" // the payload is nil, which is not empty
	metadataTime      = "wireproof-time"      // when the message was made
	metadataUnnamed   = "wireproof-unnamed"   // the UUID that a message without one was given
	metadataPlace     = "wireproof-place"     // where a Bus has published it
)

var reserved = []string{MetadataKey, MetadataKeyBase64, metadataHeaders, metadataTombstone, metadataTime, metadataUnnamed, metadataPlace}

// ToWatermill translates m. Its headers are the metadata, of several with one key
// the last; [FromWatermill] gets all of them back. A message without [HeaderUUID]
// gets the given UUID. The payload is shared with m.
func ToWatermill(m *event.Message, uuid string) *message.Message {
	metadata := view(m.Headers)
	if id, ok := m.Headers.Get(HeaderUUID); ok && len(id) > 0 && utf8.Valid(id) {
		uuid = string(id)
	} else {
		metadata[metadataUnnamed] = uuid
	}
	if !plain(m.Headers) {
		metadata[metadataHeaders] = pack(m.Headers)
	}
	switch {
	case m.Key == nil:
	case utf8.Valid(m.Key):
		metadata[MetadataKey] = string(m.Key)
	default:
		metadata[MetadataKeyBase64] = base64.StdEncoding.EncodeToString(m.Key)
	}
	if m.Payload == nil {
		metadata[metadataTombstone] = "1"
	}
	out := message.NewMessage(uuid, m.Payload)
	out.Metadata = metadata
	return out
}

// FromWatermill translates m, for publishing to topic. The metadata are its headers,
// sorted by key, and its UUID is [HeaderUUID]; a message that came from [ToWatermill]
// has its headers in their order, with what was changed since. The payload is
// shared with m. The error says which of the metadata of this package is damaged.
func FromWatermill(topic string, m *message.Message) (*event.Message, error) {
	if _, ok := m.Metadata[HeaderUUID]; ok {
		return nil, fmt.Errorf("metadata %q is where the UUID goes: name yours otherwise", HeaderUUID)
	}
	out := &event.Message{Topic: topic, Payload: m.Payload}
	if _, ok := m.Metadata[metadataTombstone]; m.Payload == nil && !ok {
		out.Payload = []byte{}
	} else if ok && len(m.Payload) == 0 {
		out.Payload = nil
	}
	var err error
	if out.Key, err = keyOf(m.Metadata); err != nil {
		return nil, err
	}
	if text, ok := m.Metadata[metadataTime]; ok {
		if out.Time, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, fmt.Errorf("metadata %q is %q, expected a time as of RFC 3339: leave it out", metadataTime, text)
		}
	}
	if out.Headers, err = headersOf(m.Metadata); err != nil {
		return nil, err
	}
	if m.Metadata[metadataUnnamed] == m.UUID {
		return out, nil
	}
	if id, ok := out.Headers.Get(HeaderUUID); !ok || string(id) != m.UUID {
		out.Headers = out.Headers.With(HeaderUUID, []byte(m.UUID))
	}
	return out, nil
}

func keyOf(metadata message.Metadata) ([]byte, error) {
	if key, ok := metadata[MetadataKey]; ok {
		return []byte(key), nil
	}
	text, ok := metadata[MetadataKeyBase64]
	if !ok {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("metadata %q is %q, expected base64: %w", MetadataKeyBase64, text, err)
	}
	return key, nil
}

// headersOf returns the headers that metadata stands for.
func headersOf(metadata message.Metadata) (event.Headers, error) {
	var hs event.Headers
	if text, ok := metadata[metadataHeaders]; ok {
		var err error
		if hs, err = unpack(text); err != nil {
			return nil, fmt.Errorf("metadata %q is not as this package writes it: %w; leave it out", metadataHeaders, err)
		}
	}
	// What was packed is told from what was changed since by looking at it as
	// metadata once more.
	before := view(hs)
	hs = slices.DeleteFunc(hs, func(h event.Header) bool {
		key := strings.ToValidUTF8(h.Key, "\uFFFD")
		if slices.Contains(reserved, key) || key == HeaderUUID {
			return false
		}
		_, kept := metadata[key]
		return !kept
	})
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		value := metadata[key]
		if old, ok := before[key]; slices.Contains(reserved, key) || ok && old == value {
			continue
		}
		hs = hs.With(key, []byte(value))
	}
	return hs, nil
}

// view returns headers as metadata: text, one value for each key, nothing of this
// package's own.
func view(hs event.Headers) message.Metadata {
	out := make(message.Metadata, len(hs)+2)
	for _, h := range hs {
		key := strings.ToValidUTF8(h.Key, "\uFFFD")
		if key != HeaderUUID && !slices.Contains(reserved, key) {
			out[key] = strings.ToValidUTF8(string(h.Value), "\uFFFD")
		}
	}
	return out
}

// plain reports whether headersOf gets hs back from view of it alone: text, each
// key once and sorted, but for the UUID, which is last.
func plain(hs event.Headers) bool {
	if n := len(hs); n > 0 && hs[n-1].Key == HeaderUUID {
		if id := hs[n-1].Value; len(id) == 0 || !utf8.Valid(id) {
			return false
		}
		hs = hs[:n-1]
	}
	for i, h := range hs {
		if !utf8.ValidString(h.Key) || !utf8.Valid(h.Value) || h.Key == HeaderUUID ||
			slices.Contains(reserved, h.Key) || i > 0 && hs[i-1].Key >= h.Key {
			return false
		}
	}
	return true
}

// A packed header is one whose key need not be text.
type packed struct{ K, V []byte }

func pack(hs event.Headers) string {
	out := make([]packed, len(hs))
	for i, h := range hs {
		out[i] = packed{[]byte(h.Key), h.Value}
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic("watermillbus: bytes have no JSON: " + err.Error()) // they always have
	}
	return string(text)
}

func unpack(text string) (event.Headers, error) {
	var ps []packed
	if err := json.Unmarshal([]byte(text), &ps); err != nil {
		return nil, err
	}
	hs := make(event.Headers, len(ps))
	for i, p := range ps {
		hs[i] = event.Header{Key: string(p.K), Value: p.V}
	}
	return hs, nil
}
