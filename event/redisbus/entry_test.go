package redisbus

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
)

// through returns the values of an entry as the client library gives them back.
func through(m *event.Message) map[string]any {
	out := map[string]any{}
	fs := appendFields(nil, m)
	for i := 0; i < len(fs); i += 2 {
		switch v := fs[i+1].(type) {
		case []byte:
			out[fs[i].(string)] = string(v)
		case string:
			out[fs[i].(string)] = v
		}
	}
	return out
}

// FuzzEntry is the law: what went comes back.
func FuzzEntry(f *testing.F) {
	f.Add([]byte("key"), true, []byte("payload"), false, "a", []byte("1"), "b", []byte{0, 255}, int64(1), int64(5))
	f.Add([]byte{}, true, []byte{}, true, "", []byte{}, "a", []byte("a"), int64(-1), int64(999_999_999))
	f.Add([]byte{}, false, []byte{}, false, "é", bytes.Repeat([]byte("x"), 300), "", []byte{}, int64(0), int64(0))
	f.Fuzz(func(t *testing.T, key []byte, hasKey bool, payload []byte, null bool, k1 string, v1 []byte, k2 string, v2 []byte, sec, nsec int64) {
		in := event.Message{Payload: append([]byte{}, payload...), Headers: event.Headers{{Key: k1, Value: v1}, {Key: k2, Value: v2}, {Key: k1, Value: v2}}}
		if hasKey {
			in.Key = append([]byte{}, key...)
		}
		if null {
			in.Payload = nil
		}
		if nsec != 0 {
			in.Time = time.Unix(sec%(1<<40), nsec%1_000_000_000)
		}
		var out event.Message
		if err := decode(through(&in), &out); err != nil {
			t.Fatal(err)
		}
		same := bytes.Equal(in.Key, out.Key) && (in.Key == nil) == (out.Key == nil) && in.Time.Equal(out.Time) &&
			bytes.Equal(in.Payload, out.Payload) && (in.Payload == nil) == (out.Payload == nil) && len(in.Headers) == len(out.Headers)
		for i := range in.Headers {
			same = same && in.Headers[i].Key == out.Headers[i].Key && bytes.Equal(in.Headers[i].Value, out.Headers[i].Value)
		}
		if !same {
			t.Fatalf("%+v came back as %+v", in, out)
		}
	})
}

// FuzzHeaders reads what anybody may have written: it takes no more memory than it
// is given, and what it takes it would write so.
func FuzzHeaders(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 'a', 2, 'b', 'c'})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, text []byte) {
		hs, err := readHeaders(string(text))
		if err != nil {
			return
		}
		again, err := readHeaders(string(appendHeaders(nil, hs)))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(hs) {
			t.Errorf("%v became %v, %v", hs, again, err)
		}
	})
}

func TestOffsets(t *testing.T) {
	last := int64(-1)
	for _, id := range []string{"0-0", "0-1", "0-1048575", "1-0", "1764129600000-7", "8796093022207-1048575"} {
		offset, err := offsetOf(id)
		if err != nil || offset <= last || idOf(offset) != id {
			t.Errorf("offset of %s is %d (%v), after %d; and back %s", id, offset, err, last, idOf(offset))
		}
		last = offset
	}
	for _, id := range []string{"", "1", "a-b", "-1-0", "1-1048576", "8796093022208-0", "18446744073709551615-18446744073709551615"} {
		if offset, err := offsetOf(id); err == nil {
			t.Errorf("offset of %q is %d, want an error", id, offset)
		}
	}
}

// What another program has added is delivered with its fields as headers, and so is
// an entry that only looks like one of ours.
func TestForeignEntries(t *testing.T) {
	for _, values := range []map[string]any{
		{"b": "2", "a": "1"},
		{"h": "\xff", "p": "x"},
		{"h": "", "t": "noon"},
		{"h": "", "t": "1.9999999999"},
	} {
		d, err := delivery("t", redis.XMessage{ID: "5-1", Values: values})
		if err != nil || len(d.Headers) != 2 || d.Payload == nil || len(d.Payload) != 0 || d.Key != nil || !d.Time.Equal(time.UnixMilli(5)) {
			t.Errorf("%v became %+v, %v", values, d, err)
		}
	}
}
