package record

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
)

func TestRoundTrip(t *testing.T) {
	for _, m := range []event.Message{
		{},
		{Topic: "t", Key: []byte{}, Payload: []byte{}},
		{Topic: "t", Key: []byte{0, 255}, Payload: bytes.Repeat([]byte{7}, 100000), Time: time.Unix(-5, 17).UTC(), Headers: event.Headers{
			{Key: "a", Value: []byte{0}}, {Key: "a", Value: []byte{}}, {Key: "", Value: nil}, {Key: "\xff", Value: []byte("x")},
		}},
	} {
		b := Append([]byte("before"), &m)
		got, err := Decode(b[len("before"):])
		if err != nil || !reflect.DeepEqual(*got, m) {
			t.Errorf("%+v came back as %+v (%v)", m, got, err)
		}
	}
}

func TestDamage(t *testing.T) {
	whole := Append(nil, &event.Message{Topic: "t", Key: []byte("k"), Payload: []byte("p"), Time: time.Unix(1, 1), Headers: event.Headers{{Key: "h", Value: []byte("v")}}})
	for i := range whole {
		if _, err := Decode(whole[:i]); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", i, len(whole))
		}
	}
	for want, b := range map[string][]byte{
		"version 2, want 1":        {2},
		"1 bytes behind":           append(bytes.Clone(whole), 0),
		"headers, which cannot be": {1, 0, 0, 255, 255, 3},
		"nanoseconds":              {1, 0, 0, 0, 1, 0, 255, 255, 255, 255, 15, 0},
	} {
		if _, err := Decode(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", b, err, want)
		}
	}
}

// FuzzDecode: what decodes is written back as it was, or shorter.
func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, &event.Message{Topic: "t", Key: []byte("k"), Payload: []byte("p"), Time: time.Unix(1, 1)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(Append(nil, m))
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v became %+v (%v)", m, again, err)
		}
	})
}
