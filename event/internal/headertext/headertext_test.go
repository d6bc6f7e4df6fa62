package headertext

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
)

func h(pairs ...string) event.Headers {
	var out event.Headers
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, event.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}

func encoded(m *event.Message, l Limits) (map[string]string, error) {
	out := map[string]string{}
	err := Encode(m, l, func(name, value string) { out[name] = value })
	return out, err
}

// Encode's attributes, where another program is to find what it expects.
func TestAttributes(t *testing.T) {
	limits := Limits{Reserved: []string{"Nats-"}, MaxKey: 20, MaxValue: 16}
	for name, c := range map[string]struct {
		m    event.Message
		want map[string]string
	}{
		"nothing":          {event.Message{Payload: []byte{}}, map[string]string{}},
		"plain headers":    {event.Message{Payload: []byte{}, Headers: h("ce_id", "1", "ce_type", "é")}, map[string]string{"ce_id": "1", "ce_type": "é"}},
		"another order":    {event.Message{Payload: []byte{}, Headers: h("b", "2", "a", "1")}, map[string]string{"a": "1", "b": "2", headersName: "b&a"}},
		"a repeated one":   {event.Message{Payload: []byte{}, Headers: h("a", "1", "a", "2", "b", "3")}, map[string]string{"b": "3", headersName: "a=1&a=2&b"}},
		"in another case":  {event.Message{Payload: []byte{}, Headers: h("A", "1", "a", "2")}, map[string]string{headersName: "A=1&a=2"}},
		"a broker's own":   {event.Message{Payload: []byte{}, Headers: h("nats-msg-id", "1")}, map[string]string{headersName: "nats-msg-id=1"}},
		"one of ours":      {event.Message{Payload: []byte{}, Headers: h(keyName, "1")}, map[string]string{headersName: keyName + "=1"}},
		"binary and empty": {event.Message{Payload: []byte{}, Headers: h("a", "\x00", "b", "")}, map[string]string{headersName: "a=%00&b="}},
		"a null payload":   {event.Message{}, map[string]string{nullName: "1"}},
		"an empty key":     {event.Message{Payload: []byte{}, Key: []byte{}}, map[string]string{keyName: ""}},
		"a long key":       {event.Message{Payload: []byte{}, Key: []byte("0123456789abcdef+")}, map[string]string{keyName: "0123456789abcdef", keyName + "-1": "%2B"}},
		"a long name":      {event.Message{Payload: []byte{}, Headers: h("a23456789012345678901", "")}, map[string]string{headersName: "a234567890123456", headersName + "-1": "78901="}},
	} {
		got, err := encoded(&c.m, limits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		for k, v := range c.want {
			if got[k] != v {
				t.Errorf("%s: %s is %q, want %q", name, k, got[k], v)
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	_, err := encoded(&event.Message{Key: bytes.Repeat([]byte{0}, 1000)}, Limits{MaxValue: 10})
	if err == nil || !strings.Contains(err.Error(), "the key of 1000 bytes: 3000 bytes escaped, want at most 640") {
		t.Errorf("a key that does not fit: %v", err)
	}
}

// What other programs and damage bring is kept, and named.
func TestDecodeForeign(t *testing.T) {
	m := event.Message{Payload: []byte("x")}
	if err := Decode(map[string]string{"b": "2", "a": "1", headersName: "c=3"}, &m); err != nil {
		t.Fatal(err)
	}
	if got := m.Headers; len(got) != 3 || got[0].Key != "c" || got[1].Key != "a" || got[2].Key != "b" {
		t.Errorf("headers %v, want c, a, b", got)
	}
	m = event.Message{}
	if err := Decode(map[string]string{"a": "1", keyName: "k", timeName: "noon", headersName: "a"}, &m); err == nil || len(m.Headers) != 4 {
		t.Errorf("headers %v and error %v, want all four attributes as they came", m.Headers, err)
	}
	for _, bad := range []map[string]string{
		{headersName: "a%"}, {headersName: "a=%zz"}, {headersName: "gone"}, {keyName: "%"}, {timeName: "noon"},
	} {
		m := event.Message{}
		if err := Decode(bad, &m); err == nil {
			t.Errorf("%v: no error", bad)
		}
		if len(m.Headers) != 1 {
			t.Errorf("%v: headers %v, want the attribute as it came", bad, m.Headers)
		}
	}
	// Null is believed only of an empty payload.
	m = event.Message{Payload: []byte("x")}
	if err := Decode(map[string]string{nullName: "1"}, &m); err != nil || string(m.Payload) != "x" {
		t.Errorf("a payload that says it is null: %q, %v", m.Payload, err)
	}
}

// FuzzRoundTrip is the law: what went comes back, within the limits.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("key"), true, false, "a", []byte("1"), "b", []byte{0, 255}, int64(0), uint8(0))
	f.Add([]byte{}, false, true, "wireproof-key-1", []byte(" x"), "WIREPROOF-key-1", []byte("ü"), int64(1), uint8(7))
	f.Add([]byte("&=%+"), true, true, "", []byte("&"), "a=b", []byte("="), int64(-1), uint8(40))
	f.Fuzz(func(t *testing.T, key []byte, hasKey, null bool, k1 string, v1 []byte, k2 string, v2 []byte, at int64, most uint8) {
		in := event.Message{Headers: event.Headers{{Key: k1, Value: v1}, {Key: k2, Value: v2}, {Key: k1, Value: v2}}, Payload: []byte{}}
		if at%2 == 0 {
			in.Headers = in.Headers[:2]
		}
		if hasKey {
			in.Key = append([]byte{}, key...)
		}
		if null {
			in.Payload = nil
		}
		if at != 0 {
			in.Time = time.Unix(at%(1<<36), 0).UTC()
		}
		l := Limits{MaxValue: int(most), MaxKey: int(most)}
		attrs, err := encoded(&in, l)
		if err != nil {
			return
		}
		out := event.Message{Payload: []byte{}}
		if err := Decode(attrs, &out); err != nil {
			if in.Time.Year() < 0 || in.Time.Year() > 9999 {
				return
			}
			t.Fatalf("%v of %v", err, attrs)
		}
		same := bytes.Equal(in.Key, out.Key) && (in.Key == nil) == (out.Key == nil) && (in.Payload == nil) == (out.Payload == nil) &&
			in.Time.Equal(out.Time) && len(in.Headers) == len(out.Headers)
		for i := range in.Headers {
			same = same && in.Headers[i].Key == out.Headers[i].Key && bytes.Equal(in.Headers[i].Value, out.Headers[i].Value)
		}
		if !same {
			t.Fatalf("%+v came back as %+v through %v", in, out, attrs)
		}
	})
}
