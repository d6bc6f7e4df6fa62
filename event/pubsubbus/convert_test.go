package pubsubbus

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/pubsub/v2"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

// FuzzOrderingKey: two keys have the same ordering key only if they are the same,
// and each is one that the service takes.
func FuzzOrderingKey(f *testing.F) {
	long := bytes.Repeat([]byte("x"), 1025)
	for _, k := range [][]byte{{}, []byte("k"), []byte("%"), []byte("%aw"), {0xff}, []byte("letters"), long, long[:1024], long[:768]} {
		f.Add(k, []byte("k"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := orderingKey(a), orderingKey(b)
		if (x == y) != bytes.Equal(a, b) {
			t.Errorf("keys %q and %q have the ordering keys %q and %q", a, b, x, y)
		}
		if x == "" || len(x) > maxOrderBytes || !utf8.ValidString(x) {
			t.Errorf("key %q has the ordering key %q of %d bytes", a, x, len(x))
		}
	})
}

// FuzzRoundTrip: a message comes back as it went, within what the service takes.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("k"), []byte("p"), "name", []byte("value"), uint8(3))
	f.Add([]byte(nil), []byte(nil), "googclient", []byte{0, 255}, uint8(95))
	f.Add(bytes.Repeat([]byte{1}, 5000), []byte{}, placeName, []byte("5-5"), uint8(1))
	f.Add([]byte{}, []byte{}, strings.Repeat("n", 300), bytes.Repeat([]byte("v"), 2000), uint8(20))
	c, err := Config{Project: "p"}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	at := offsets.New().Next()
	f.Fuzz(func(t *testing.T, key, payload []byte, name string, value []byte, n uint8) {
		m := &event.Message{Topic: "topic", Key: key, Payload: payload, Time: time.Unix(1700000000, 5).UTC()}
		for i := range n {
			m.Headers = append(m.Headers, event.Header{Key: fmt.Sprint(name, i), Value: value})
		}
		out, err := c.encode(m, at)
		if err != nil {
			return // it says that it does not fit
		}
		if len(out.Attributes) > maxAttributes {
			t.Errorf("%d attributes", len(out.Attributes))
		}
		for k, v := range out.Attributes {
			if len(k) > maxKeyBytes || len(v) > maxValueBytes || !utf8.ValidString(k) || !utf8.ValidString(v) || strings.HasPrefix(k, "goog") {
				t.Errorf("attribute %q is %q", k, v)
			}
		}
		back := decode(out, "topic", "g")
		if !bytes.Equal(back.Key, key) || (back.Key == nil) != (key == nil) || !bytes.Equal(back.Payload, payload) || (back.Payload == nil) != (payload == nil) ||
			len(back.Headers) != int(n) || !back.Time.Equal(m.Time) || back.Offset != at.Offset {
			t.Errorf("%+v came back as %+v", *m, back.Message)
		}
		for i, h := range back.Headers {
			if h.Key != m.Headers[i].Key || !bytes.Equal(h.Value, value) {
				t.Errorf("header %d came back as %q: %q", i, h.Key, h.Value)
			}
		}
	})
}

// A message with all headers that it may have still fits with those that the
// runtime writes on a dead letter.
func TestDeadLetterFits(t *testing.T) {
	c, err := Config{Project: "p"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	place := offsets.New()
	worst := []byte(strings.Repeat("\u0001", 1024))
	for _, value := range []string{"v", strings.Repeat("v", 600), strings.Repeat("ö", 300), strings.Repeat("\u0001", 900), strings.Repeat("v", 9000)} {
		m := &event.Message{Topic: "topic", Key: bytes.Repeat([]byte{0xff}, 1000), Payload: []byte("p")}
		n := sort.Search(maxHeaders+1, func(n int) bool { // the first number that does not fit
			m.Headers = headersOf(n, value)
			_, err := c.encode(m, place.Next())
			return err != nil
		})
		m.Headers = headersOf(n-1, value)
		letter := *m
		letter.Topic = "topic.g.dlq"
		for _, k := range []string{
			event.HeaderOriginTopic, event.HeaderOriginPartition, event.HeaderOriginOffset, event.HeaderOriginTime, event.HeaderGroup,
			event.HeaderAttempt, event.HeaderDue, event.HeaderErrorFirst, event.HeaderErrorLast, event.HeaderSchemaID, event.HeaderReplayID,
		} {
			v := worst[:255] // a name may have so many
			if k == event.HeaderErrorFirst || k == event.HeaderErrorLast {
				v = worst
			}
			letter.Headers = append(letter.Headers, event.Header{Key: k, Value: v})
		}
		if _, err := c.encode(&letter, place.Next()); err != nil {
			t.Errorf("the dead letter of a message with %d headers of %d bytes: %v", len(m.Headers), len(value), err)
		}
		if len(m.Headers) == 0 {
			t.Errorf("no header of %d bytes fits", len(value))
		}
	}
}

func headersOf(n int, value string) event.Headers {
	var hs event.Headers
	for i := range n {
		hs = append(hs, event.Header{Key: fmt.Sprintf("h%d", i), Value: []byte(value)})
	}
	return hs
}

// What other programs publish is read as far as that goes.
func TestForeignMessages(t *testing.T) {
	at := time.Unix(1700000000, 0)
	d := decode(&pubsub.Message{ID: "17", Data: []byte("p"), Attributes: map[string]string{"a": "1", "b": "2"}, OrderingKey: "k", PublishTime: at}, "topic", "g")
	if string(d.Key) != "k" || fmt.Sprint(d.Headers) != fmt.Sprint(event.Headers{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}}) ||
		!d.Time.Equal(at) || d.Offset != offsets.Of("17").Offset || d.Topic != "topic" || d.Group != "g" || d.Attempt != 1 {
		t.Errorf("a foreign message is read as %+v", d)
	}
	if d = decode(&pubsub.Message{ID: "18"}, "topic", "g"); d.Key != nil || d.Payload == nil || d.Headers != nil {
		t.Errorf("an empty message is read as %+v", d)
	}
	d = decode(&pubsub.Message{ID: "19", Attributes: map[string]string{"wireproof-key": "%zz"}}, "topic", "g")
	if text, ok := d.Headers.Get(damaged); !ok || !strings.Contains(string(text), "wireproof-key") {
		t.Errorf("a damaged key is shown as %v", d.Headers)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"abc": true, "a-b_c.d~e+f%9": true, strings.Repeat("a", 255): true, "Zzz": true,
		"": false, "ab": false, "1bc": false, "google": false, "a b": false, "a/b": false, "aö": false, strings.Repeat("a", 256): false,
	} {
		if err := checkName("topic", name); (err == nil) != want {
			t.Errorf("name %q: %v, want good %v", name, err, want)
		}
	}
	if g, ok := retryGroup(event.RetryTopic("a.b", "c.d", 12), "a.b"); !ok || g != "c.d" {
		t.Errorf("group of the retry topic is %q, %v", g, ok)
	}
	for topic, want := range map[string]bool{
		event.RetryTopic("t", "g", 1): true, event.DeadLetterTopic("t", "g"): true, event.DeadLetterTopic("t", "g") + ".replayed": true,
		"t": false, "t.retry": false, "t.retry.": false, "t.retry.x": false, ".retry.1": false, "t.dlq.x": false,
	} {
		if isAside(topic) != want {
			t.Errorf("isAside(%q) = %v, want %v", topic, !want, want)
		}
	}
}

func TestSubscriptionSaysWhatIsWrong(t *testing.T) {
	for want, s := range map[string]Subscription{
		"DeliveryAttempts is 4; expected 5 to 100": {DeliveryAttempts: 4, DeadLetters: "dead"},
		"DeliveryAttempts is 0; expected 5 to 100": {DeadLetters: "dead"},
		`DeadLetters is ""`:                        {DeliveryAttempts: 5},
		`DeadLetters is "t.g.dlq"`:                 {DeliveryAttempts: 5, DeadLetters: "t.g.dlq"},
	} {
		c := Config{Project: "p", Subscription: func(string, string) Subscription { return s }}
		if _, err := c.subscription("topic", "g"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", s, err, want)
		}
		if _, err := c.subscription("topic.g.retry.1", "g"); err != nil {
			t.Errorf("a retry topic is asked for: %v", err)
		}
	}
}
