package event

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestHeaders(t *testing.T) {
	h := Headers{{"a", []byte("1")}, {"b", nil}, {"a", []byte("2")}}
	if v, ok := h.Get("a"); !ok || string(v) != "2" {
		t.Errorf("Get of a repeated key: %q, %v; want the last", v, ok)
	}
	if _, ok := h.Get("c"); ok {
		t.Error("Get of a key that is not there")
	}
	w := h.With("a", []byte("3"))
	if len(w) != 2 || string(w[1].Value) != "3" || len(h) != 3 || string(h[0].Value) != "1" {
		t.Errorf("With: %v, and the receiver is now %v", w, h)
	}
	if own := h.Own(); &own[0] != &h[0] {
		t.Error("Own copies headers that are all the message's own")
	}
}

// Two retries and a dead letter in a row: each header is there once, the origin
// stays the first, and the message's own headers come back as they went.
func TestAside(t *testing.T) {
	own := Headers{{"x", []byte{0, 255}}, {"x", []byte{}}, {"traceparent", []byte("00-1")}, {"y", nil}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	d := &Delivery{
		Message:   Message{Topic: "orders", Key: []byte{}, Headers: own, Payload: []byte{0, 0, 0, 1, 0}, Time: at},
		Partition: 3, Offset: 42, Group: "billing", Attempt: 1,
	}
	due := at.Add(time.Minute)
	for i, topic := range []string{"orders.billing.retry.1", "orders.billing.retry.2", "orders.billing.dlq"} {
		m := asideOnce(d, topic, "orders", due, fmt.Errorf("failure %d", i+1))
		seen := map[string]int{}
		for _, h := range m.Headers {
			seen[h.Key]++
		}
		for key, n := range seen {
			if n > 1 && key != "x" {
				t.Errorf("%s: header %s occurs %d times", topic, key, n)
			}
		}
		for key, want := range map[string]string{
			HeaderOriginTopic: "orders", HeaderOriginPartition: "3", HeaderOriginOffset: "42",
			HeaderOriginTime: "2026-01-02T02:04:05.000000006Z", HeaderGroup: "billing",
			HeaderAttempt: fmt.Sprint(i + 1), HeaderDue: "2026-01-02T02:05:05.000000006Z",
			HeaderErrorFirst: "failure 1", HeaderErrorLast: fmt.Sprintf("failure %d", i+1), HeaderSchemaID: "256",
		} {
			if got := m.Headers.text(key); got != want {
				t.Errorf("%s: header %s is %q, want %q", topic, key, got, want)
			}
		}
		if !bytes.Equal(m.Payload, d.Payload) || m.Key == nil || m.Topic != topic || !m.Time.IsZero() {
			t.Errorf("%s: message %+v", topic, m)
		}
		d = &Delivery{Message: *m, Partition: 1, Offset: int64(i), Group: "billing", Attempt: m.Headers.attempts() + 1}
		meta := d.Meta()
		if meta.Topic != "orders" || meta.Partition != 3 || meta.Offset != 42 || !meta.Time.Equal(at) || meta.Attempt != i+2 {
			t.Errorf("%s: meta %+v", topic, meta)
		}
		if fmt.Sprint(meta.Headers) != fmt.Sprint(own) {
			t.Errorf("%s: own headers %v, want %v", topic, meta.Headers, own)
		}
	}
}

// A service that copies all headers of a retry to a message of its own does not
// give it another's origin or errors.
func TestCopiedHeadersAreNoOrigin(t *testing.T) {
	d := &Delivery{Message: Message{Topic: "orders"}, Partition: 3, Offset: 42, Group: "billing", Attempt: 2}
	retry := asideOnce(d, "orders.billing.retry.1", "orders", time.Now(), errors.New("first"))
	for _, topic := range []string{"invoices", "orders.mail.retry.1", "orders.billing.retry.x", "orders.billing.retry.0", "orders"} {
		c := &Delivery{Message: Message{Topic: topic, Headers: retry.Headers}, Partition: 1, Offset: 7, Group: "mail", Attempt: 1}
		if m := c.Meta(); m.Topic != topic || m.Offset != 7 || len(m.Headers) != 0 {
			t.Errorf("topic %s: meta %+v, want its own place", topic, m)
		}
		next := asideOnce(c, "x", topic, time.Time{}, errors.New("mine"))
		if got := next.Headers.text(HeaderErrorFirst); got != "mine" {
			t.Errorf("topic %s: first error %q, want its own", topic, got)
		}
	}
}

// The id of a replay stays with the message through retries, and with no other.
func TestReplayID(t *testing.T) {
	h := Headers{{HeaderReplayID, []byte("orders/3/42")}, {HeaderGroup, []byte("billing")}}
	for topic, own := range map[string]bool{"orders": true, "invoices": false, "order": false, "orders/3": true} {
		d := &Delivery{Message: Message{Topic: topic, Headers: h}, Group: "billing", Attempt: 1}
		m := asideOnce(d, RetryTopic(topic, "billing", 1), topic, time.Time{}, errors.New("x"))
		if _, ok := m.Headers.Get(HeaderReplayID); ok != own {
			t.Errorf("topic %s: the retry has the id: %v, want %v", topic, ok, own)
		}
		if replayForAnother(d, "billing") || replayForAnother(d, "mail") != own {
			t.Errorf("topic %s: for another is %v, want %v", topic, !own, own)
		}
		again := &Delivery{Message: *m, Group: "billing", Attempt: 2}
		m = asideOnce(again, DeadLetterTopic(topic, "billing"), topic, time.Time{}, errors.New("x"))
		if _, ok := m.Headers.Get(HeaderReplayID); ok != own {
			t.Errorf("topic %s: the dead letter has the id: %v, want %v", topic, ok, own)
		}
	}
}

// Headers that are gone or broken cost what they say, nothing else.
func TestBrokenHeaders(t *testing.T) {
	d := &Delivery{Message: Message{Topic: "orders.billing.retry.1"}, Partition: 1, Offset: 7, Group: "billing", Attempt: 1}
	m := asideOnce(d, "orders.billing.dlq", "orders", time.Time{}, errors.New("x"))
	if got := m.Headers.text(HeaderOriginTopic); got != "orders" {
		t.Errorf("origin %q, want the one that the topic's name says", got)
	}
	if _, ok := m.Headers.Get(HeaderDue); ok {
		t.Error("a dead letter is due")
	}
	for _, v := range []string{"", "-1", "x", "99999999999999999999"} {
		if n := (Headers{{HeaderAttempt, []byte(v)}}).attempts(); n != 0 {
			t.Errorf("attempt %q counts as %d, want 0", v, n)
		}
	}
	if due := (Headers{{HeaderDue, []byte("soon")}}).due(); !due.IsZero() {
		t.Errorf("due %v", due)
	}
}

func TestCutText(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", 1024), strings.Repeat("x", 1025), strings.Repeat("ü€", 500),
		"x" + strings.Repeat("😀", 300), "bad \xff byte", strings.Repeat("\xff", 2000)} {
		got := cutText(s)
		if len(got) > maxErrorText || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %v, of %.20q", len(got), utf8.ValidString(got), s)
		}
		if utf8.ValidString(s) && (!strings.HasPrefix(s, got) || len(s) <= maxErrorText && got != s || len(s)-len(got) > 4 && len(got) < maxErrorText-3) {
			t.Errorf("%.20q was cut to %d bytes", s, len(got))
		}
	}
}

// FuzzMeta reads headers that anybody may have written.
func FuzzMeta(f *testing.F) {
	f.Add("orders.billing.retry.1", "orders", "billing", "3", "42", "2026-01-02T03:04:05Z", "2", "later")
	f.Add("orders.billing.dlq", "orders", "billing", "-1", "x", "", "-2", "2026-01-02T03:04:05Z")
	f.Fuzz(func(t *testing.T, topic, origin, group, partition, offset, at, attempt, due string) {
		h := Headers{{"own", nil}, {HeaderOriginTopic, []byte(origin)}, {HeaderGroup, []byte(group)},
			{HeaderOriginPartition, []byte(partition)}, {HeaderOriginOffset, []byte(offset)}, {HeaderOriginTime, []byte(at)},
			{HeaderAttempt, []byte(attempt)}, {HeaderDue, []byte(due)}}
		d := &Delivery{Message: Message{Topic: topic, Headers: h}, Partition: 9, Offset: 8, Group: "g", Attempt: h.attempts() + 1}
		m := d.Meta()
		if m.Topic != topic && m.Topic != origin || m.Attempt < 1 || len(m.Headers) != 1 {
			t.Errorf("meta %+v", m)
		}
		next := asideOnce(d, "next", topic, h.due(), errors.New(due))
		again := &Delivery{Message: *next, Attempt: next.Headers.attempts()}
		if again.Attempt != d.Attempt || !again.Headers.due().Equal(h.due()) || len(again.Headers.Own()) != 1 {
			t.Errorf("from %v to %v", d, again)
		}
	})
}

func TestPublishError(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	err := &PublishError{Failed: []Failure{{3, &Message{Topic: "orders"}, one}, {5, nil, two}}}
	if !errors.Is(err, one) || !errors.Is(err, two) {
		t.Error("a cause is not found")
	}
	if got := err.Error(); got != `event: message 3 for topic "orders" and 1 more are not known to be stored: one` {
		t.Error(got)
	}
	if got := (&PublishError{Failed: err.Failed[1:]}).Error(); got != "event: message 5 is not known to be stored: two" {
		t.Error(got)
	}
	if got := (&PublishError{}).Error(); got == "" {
		t.Error("an empty error says nothing")
	}
}

func TestOutcomes(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{Permanent(cause), RetryIn(time.Second, cause), fmt.Errorf("more: %w", Permanent(cause))} {
		if !errors.Is(err, cause) {
			t.Errorf("%v does not unwrap to its cause", err)
		}
	}
	for _, c := range []struct {
		err  error
		want verdict
	}{
		{cause, verdict{verdictRetry, -1}},
		{Permanent(nil), verdict{verdictPermanent, -1}},
		{RetryIn(-1, nil), verdict{verdictRetry, 0}},
		{RetryIn(time.Hour, cause), verdict{verdictRetry, time.Hour}},
		{fmt.Errorf("x: %w", Drop("r")), verdict{verdictDrop, -1}},
		{errors.Join(cause, Skip("r")), verdict{verdictSkip, -1}},
		{RetryIn(1, Permanent(cause)), verdict{verdictPermanent, -1}},
	} {
		c0 := &consumer{settings: &settings{}}
		if got := c0.judge(c.err); got != c.want || c.err.Error() == "" {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
	if Handled.String() != "handled" || Skipped.String() != "skipped" || Outcome(9).String() != "outcome 9" {
		t.Error("names of outcomes")
	}
	var c Counts
	c.Observe(Outcome(99), nil, nil)
	c.Observe(Dropped, nil, nil)
	if c.Of(Dropped) != 1 || c.Of(Outcome(99)) != 0 {
		t.Error("counts")
	}
}

//go:noinline
func panics(v any) { panic(v) }

func caught(f func()) (err *PanicError) {
	defer func() { err = newPanicError(recover()) }()
	f()
	return nil
}

// The digest tells two panics apart by the way that they came, not by the text.
func TestPanicError(t *testing.T) {
	cause := errors.New("cause")
	var same []*PanicError
	for _, v := range []any{"a", cause} {
		same = append(same, caught(func() { panics(v) }))
	}
	other := caught(func() { _ = []int{}[len(same)] })
	if same[0].Digest != same[1].Digest || same[0].Digest == other.Digest || len(other.Digest) != 8 {
		t.Errorf("digests %s and %s of one way, %s of another", same[0].Digest, same[1].Digest, other.Digest)
	}
	if !strings.Contains(same[0].Where, "event.panics:") || !strings.Contains(other.Where, "TestPanicError") {
		t.Errorf("places %s and %s", same[0].Where, other.Where)
	}
	if !errors.Is(same[1], cause) || errors.Unwrap(same[0]) != nil || !strings.HasPrefix(same[0].Error(), "panic: a (at ") {
		t.Errorf("errors %v and %v", same[0], same[1])
	}
}

// asideOnce is aside for a message that failed once where it is.
func asideOnce(d *Delivery, topic, origin string, due time.Time, cause error) *Message {
	return aside(d, topic, origin, due, cause, cause)
}
