// Package headertext carries what a message holds beside its payload over brokers
// whose attributes are single text values in no order: NATS, RabbitMQ and Google
// Pub/Sub.
//
// A header that such a broker can hold as it is goes as it is, under its own
// name, so that other programs see it. What it cannot hold goes into attributes
// of ours:
//
//	wireproof-key      the key, escaped; absent if the message has none
//	wireproof-null     1 if the payload is null, absent otherwise
//	wireproof-time     RFC 3339 with nanoseconds, UTC; absent if the message has no time
//	wireproof-headers  the names of all headers in their order, joined by "&"; one that
//	                   does not go as it is has "=" and its value behind its name
//
// The last is there only if the headers are not in ascending order of their names,
// or one of them cannot go as it is. Longer than an attribute may be, it goes on
// in wireproof-headers-1, -2 and so on; the key likewise. Names and values in
// attributes of ours are escaped as in a URL's query: % and two digits.
//
// The package knows no broker: which names mean something to one is told in
// [Limits].
package headertext

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wireproof/wireproof/event"
)

// The attributes of ours.
const (
	keyName     = "wireproof-key"
	nullName    = "wireproof-null"
	timeName    = "wireproof-time"
	headersName = "wireproof-headers"
)

// maxParts bounds how many attributes one text is spread over.
const maxParts = 64

// Limits say what an attribute can hold. The zero value is no limit.
type Limits struct {
	Reserved []string // names that begin so, in any case, mean something to the broker
	MaxKey   int      // bytes of a name
	MaxValue int      // bytes of a value
}

// Encode returns m's key, headers and time, and whether its payload is null, as
// attributes. It fails if they do not fit l.
func Encode(m *event.Message, l Limits) (map[string]string, error) {
	out := make(map[string]string, len(m.Headers)+2)
	if m.Key != nil {
		if err := l.spread(out, keyName, url.QueryEscape(string(m.Key))); err != nil {
			return nil, fmt.Errorf("the key of %d bytes: %w", len(m.Key), err)
		}
	}
	if m.Payload == nil {
		out[nullName] = "1"
	}
	if !m.Time.IsZero() {
		out[timeName] = m.Time.UTC().Format(time.RFC3339Nano)
	}
	if err := l.headers(out, m.Headers); err != nil {
		return nil, err
	}
	return out, nil
}

func (l Limits) headers(out map[string]string, hs event.Headers) error {
	names := make(map[string]int, len(hs))
	for _, h := range hs {
		names[folded(h.Key)]++
	}
	plain := true
	for i, h := range hs {
		if !l.asItIs(names, h) {
			plain = false
			continue
		}
		out[h.Key] = string(h.Value)
		plain = plain && (i == 0 || hs[i-1].Key < h.Key)
	}
	if plain {
		return nil
	}
	items := make([]string, len(hs))
	for i, h := range hs {
		items[i] = url.QueryEscape(h.Key)
		if !l.asItIs(names, h) {
			items[i] += "=" + url.QueryEscape(string(h.Value))
		}
	}
	if err := l.spread(out, headersName, strings.Join(items, "&")); err != nil {
		return fmt.Errorf("%d headers: %w", len(hs), err)
	}
	return nil
}

// asItIs reports whether h can be an attribute under its own name. names counts
// those of all headers, folded: brokers and proxies may fold case.
func (l Limits) asItIs(names map[string]int, h event.Header) bool {
	if !isToken(h.Key) || !isText(h.Value) || ours(h.Key) || names[folded(h.Key)] > 1 ||
		l.MaxKey > 0 && len(h.Key) > l.MaxKey || l.MaxValue > 0 && len(h.Value) > l.MaxValue {
		return false
	}
	for _, p := range l.Reserved {
		if len(h.Key) >= len(p) && strings.EqualFold(h.Key[:len(p)], p) {
			return false
		}
	}
	return true
}

// folded returns the same for all spellings of a name, also those that only
// Unicode takes for the same letter.
func folded(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// ours reports whether an attribute of that name is read as one of this package.
func ours(name string) bool {
	for _, x := range []string{keyName, nullName, timeName, headersName} {
		if strings.EqualFold(name, x) || len(name) > len(x) && strings.EqualFold(name[:len(x)+1], x+"-") {
			return true
		}
	}
	return false
}

// isToken reports whether every broker takes s as a name.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return s != ""
}

// isText reports whether every broker gives v back as it went.
func isText(v []byte) bool {
	if len(v) == 0 || v[0] == ' ' || v[len(v)-1] == ' ' || !utf8.Valid(v) {
		return false
	}
	for _, c := range v {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return true
}

// spread sets name to text, or to its first part and name-1, name-2 … to the rest.
func (l Limits) spread(out map[string]string, name, text string) error {
	out[name] = text
	if l.MaxValue <= 0 || len(text) <= l.MaxValue {
		return nil
	}
	if len(text) > maxParts*l.MaxValue {
		return fmt.Errorf("%d bytes escaped, want at most %d", len(text), maxParts*l.MaxValue)
	}
	out[name], text = text[:l.MaxValue], text[l.MaxValue:]
	for i := 1; text != ""; i++ {
		n := min(len(text), l.MaxValue)
		out[name+"-"+strconv.Itoa(i)], text = text[:n], text[n:]
	}
	return nil
}

// Decode sets the key, headers and time of m from attributes that Encode wrote,
// and its payload to nil if it was null; a payload that was not null is not nil
// after it. Attributes that another program wrote become headers, in ascending
// order of their names. The error says which attribute is damaged; m then holds
// all attributes as headers.
func Decode(attrs map[string]string, m *event.Message) error {
	if m.Payload == nil {
		m.Payload = []byte{}
	}
	err := decode(attrs, m)
	if err != nil {
		m.Headers = nil
		for _, k := range slices.Sorted(maps.Keys(attrs)) {
			m.Headers = append(m.Headers, event.Header{Key: k, Value: []byte(attrs[k])})
		}
	}
	return err
}

func decode(attrs map[string]string, m *event.Message) error {
	left := maps.Clone(attrs)
	if text, ok := gather(left, keyName); ok {
		key, err := url.QueryUnescape(text)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", keyName, err)
		}
		m.Key = []byte(key)
	}
	if v, ok := left[timeName]; ok {
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", timeName, err)
		}
		m.Time = t
		delete(left, timeName)
	}
	m.Headers = nil
	if text, ok := gather(left, headersName); ok {
		for item := range strings.SplitSeq(text, "&") {
			h, err := header(item, left)
			if err != nil {
				return fmt.Errorf("attribute %s: %w", headersName, err)
			}
			m.Headers = append(m.Headers, h)
		}
	}
	if left[nullName] == "1" && len(m.Payload) == 0 {
		m.Payload = nil
		delete(left, nullName)
	}
	for _, k := range slices.Sorted(maps.Keys(left)) {
		m.Headers = append(m.Headers, event.Header{Key: k, Value: []byte(left[k])})
	}
	return nil
}

// header reads one item, and takes the attribute that it stands for out of left.
func header(item string, left map[string]string) (event.Header, error) {
	name, value, escaped := strings.Cut(item, "=")
	key, err := url.QueryUnescape(name)
	if err != nil {
		return event.Header{}, err
	}
	if escaped {
		v, err := url.QueryUnescape(value)
		return event.Header{Key: key, Value: []byte(v)}, err
	}
	v, ok := left[key]
	if !ok {
		return event.Header{}, fmt.Errorf("it names header %q, and there is no such attribute", key)
	}
	delete(left, key)
	return event.Header{Key: key, Value: []byte(v)}, nil
}

// gather takes the parts that spread made out of left, and joins them.
func gather(left map[string]string, name string) (string, bool) {
	text, ok := left[name]
	if !ok {
		return "", false
	}
	delete(left, name)
	for i := 1; ; i++ {
		k := name + "-" + strconv.Itoa(i)
		part, ok := left[k]
		if !ok {
			return text, true
		}
		text += part
		delete(left, k)
	}
}
