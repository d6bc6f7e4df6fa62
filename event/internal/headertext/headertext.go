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

// Encode calls set with the attributes that hold m's key, headers and time, and whether
// its payload is null, each name once. It fails if they do not fit l.
func Encode(m *event.Message, l Limits, set func(name, value string)) error {
	if m.Key != nil {
		if err := l.spread(set, keyName, url.QueryEscape(string(m.Key))); err != nil {
			return fmt.Errorf("the key of %d bytes: %w", len(m.Key), err)
		}
	}
	if m.Payload == nil {
		set(nullName, "1")
	}
	if !m.Time.IsZero() {
		set(timeName, m.Time.UTC().Format(time.RFC3339Nano))
	}
	return l.headers(set, m.Headers)
}

func (l Limits) headers(set func(name, value string), hs event.Headers) error {
	if len(hs) == 0 {
		return nil
	}
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
		set(h.Key, string(h.Value))
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
	if err := l.spread(set, headersName, strings.Join(items, "&")); err != nil {
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
func (l Limits) spread(set func(name, value string), name, text string) error {
	if l.MaxValue <= 0 || len(text) <= l.MaxValue {
		set(name, text)
		return nil
	}
	if len(text) > maxParts*l.MaxValue {
		return fmt.Errorf("%d bytes escaped, want at most %d", len(text), maxParts*l.MaxValue)
	}
	set(name, text[:l.MaxValue])
	text = text[l.MaxValue:]
	for i := 1; text != ""; i++ {
		n := min(len(text), l.MaxValue)
		set(name+"-"+strconv.Itoa(i), text[:n])
		text = text[n:]
	}
	return nil
}

// Decode sets the key, headers and time of m from attributes that Encode wrote,
// and its payload to nil if it was null; a payload that was not null is not nil
// after it. Attributes that another program wrote become headers, in ascending
// order of their names. The error says which attribute is damaged; m then holds
// all attributes as headers. What is in attrs afterwards means nothing.
func Decode(attrs map[string]string, m *event.Message) error {
	if m.Payload == nil {
		m.Payload = []byte{}
	}
	var room [4][2]string
	l := left{attrs: attrs, taken: room[:0]}
	err := l.decode(m)
	if err != nil {
		for _, x := range l.taken {
			attrs[x[0]] = x[1]
		}
		m.Headers = nil
	}
	if len(attrs) > 0 {
		for _, k := range slices.Sorted(maps.Keys(attrs)) {
			m.Headers = append(m.Headers, event.Header{Key: k, Value: []byte(attrs[k])})
		}
	}
	return err
}

// left is the attributes that are not read yet, and those that are.
type left struct {
	attrs map[string]string
	taken [][2]string
}

// take takes an attribute out.
func (l *left) take(name string) (string, bool) {
	v, ok := l.attrs[name]
	if ok {
		delete(l.attrs, name)
		l.taken = append(l.taken, [2]string{name, v})
	}
	return v, ok
}

// decode reads what Encode wrote. Attributes that mean nothing to it stay.
func (l *left) decode(m *event.Message) error {
	if text, ok := l.gather(keyName); ok {
		key, err := url.QueryUnescape(text)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", keyName, err)
		}
		m.Key = []byte(key)
	}
	if v, ok := l.take(timeName); ok {
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", timeName, err)
		}
		m.Time = t
	}
	m.Headers = nil
	if text, ok := l.gather(headersName); ok {
		for item := range strings.SplitSeq(text, "&") {
			h, err := l.header(item)
			if err != nil {
				return fmt.Errorf("attribute %s: %w", headersName, err)
			}
			m.Headers = append(m.Headers, h)
		}
	}
	if len(m.Payload) == 0 && l.attrs[nullName] == "1" {
		m.Payload = nil
		l.take(nullName)
	}
	return nil
}

// header reads one item, and takes out the attribute that it stands for.
func (l *left) header(item string) (event.Header, error) {
	name, value, escaped := strings.Cut(item, "=")
	key, err := url.QueryUnescape(name)
	if err != nil {
		return event.Header{}, err
	}
	if escaped {
		v, err := url.QueryUnescape(value)
		return event.Header{Key: key, Value: []byte(v)}, err
	}
	v, ok := l.take(key)
	if !ok {
		return event.Header{}, fmt.Errorf("it names header %q, and there is no such attribute", key)
	}
	return event.Header{Key: key, Value: []byte(v)}, nil
}

// gather takes out the parts that spread made, and joins them.
func (l *left) gather(name string) (string, bool) {
	text, ok := l.take(name)
	for i := 1; ok; i++ {
		part, more := l.take(name + "-" + strconv.Itoa(i))
		if !more {
			break
		}
		text += part
	}
	return text, ok
}
