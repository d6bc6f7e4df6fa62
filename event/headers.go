package event

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The headers that the runtime writes on a retry, a dead letter and a replay.
// Each is written once and overwritten, never appended.
const (
	HeaderOriginTopic     = "wireproof-origin-topic"
	HeaderOriginPartition = "wireproof-origin-partition"
	HeaderOriginOffset    = "wireproof-origin-offset"
	HeaderOriginTime      = "wireproof-origin-time" // RFC 3339 with nanoseconds, UTC
	HeaderGroup           = "wireproof-group"
	HeaderAttempt         = "wireproof-attempt"     // handler calls so far
	HeaderDue             = "wireproof-due"         // RFC 3339 with nanoseconds, UTC
	HeaderErrorFirst      = "wireproof-error-first" // at most 1 KiB
	HeaderErrorLast       = "wireproof-error-last"  // at most 1 KiB
	HeaderSchemaID        = "wireproof-schema-id"   // if the payload is framed
	HeaderReplayID        = "wireproof-replay-id"
)

// HeaderID is the header by which a message that may be stored twice, such as one
// of an outbox, is known again. Whoever publishes it gives it, and it stays.
const HeaderID = "wireproof-id"

// RetryTopic returns the name of a retry level's topic; levels count from 1.
func RetryTopic(topic, group string, level int) string {
	return topic + "." + group + ".retry." + strconv.Itoa(level)
}

// DeadLetterTopic returns the name of the topic that holds the dead letters of
// group for topic.
func DeadLetterTopic(topic, group string) string { return topic + "." + group + ".dlq" }

func isRuntimeHeader(key string) bool {
	switch key {
	case HeaderOriginTopic, HeaderOriginPartition, HeaderOriginOffset, HeaderOriginTime, HeaderGroup,
		HeaderAttempt, HeaderDue, HeaderErrorFirst, HeaderErrorLast, HeaderSchemaID, HeaderReplayID:
		return true
	}
	return false
}

// Own returns h without the headers that the runtime wrote: the message's own, as
// they went. It returns h itself if there are no others.
func (h Headers) Own() Headers {
	n := 0
	for _, x := range h {
		if isRuntimeHeader(x.Key) {
			n++
		}
	}
	if n == 0 {
		return h
	}
	out := make(Headers, 0, len(h)-n)
	for _, x := range h {
		if !isRuntimeHeader(x.Key) {
			out = append(out, x)
		}
	}
	return out
}

// Meta returns what a typed handler learns of the message. For a retry or a dead
// letter that is where it was first published, and its own headers.
//
// The origin in the headers counts only on a topic whose name says that it is a
// retry or dead-letter topic of that origin. A service that copies all headers
// to a topic of its own thus does not disguise what it publishes.
func (d *Delivery) Meta() Meta {
	m := Meta{
		Topic: d.Topic, Partition: d.Partition, Offset: d.Offset, Key: d.Key,
		Headers: d.Headers.Own(), Time: d.Time, Group: d.Group, Attempt: d.Attempt,
	}
	topic, group := d.Headers.text(HeaderOriginTopic), d.Headers.text(HeaderGroup)
	if topic == "" || group == "" || !isAside(d.Topic, topic, group) {
		return m
	}
	partition, err1 := strconv.ParseInt(d.Headers.text(HeaderOriginPartition), 10, 32)
	offset, err2 := strconv.ParseInt(d.Headers.text(HeaderOriginOffset), 10, 64)
	if err1 != nil || err2 != nil {
		return m
	}
	m.Topic, m.Partition, m.Offset = topic, int32(partition), offset
	if t, err := time.Parse(time.RFC3339Nano, d.Headers.text(HeaderOriginTime)); err == nil {
		m.Time = t
	}
	return m
}

// placeID names a message by where it was first published.
func placeID(topic string, partition int32, offset int64) string {
	return topic + "/" + strconv.FormatInt(int64(partition), 10) + "/" + strconv.FormatInt(offset, 10)
}

// isAside reports whether name is a retry or dead-letter topic of topic and group.
func isAside(name, topic, group string) bool {
	if name == DeadLetterTopic(topic, group) {
		return true
	}
	level, ok := strings.CutPrefix(name, topic+"."+group+".retry.")
	n, err := strconv.Atoi(level)
	return ok && err == nil && n > 0
}

func (h Headers) text(key string) string {
	v, _ := h.Get(key)
	return string(v)
}

// replayID returns the id of a replay of a message of topic; empty if it is none.
// An id that names another topic was copied, with all headers, from a replay to
// a message that a handler made of it.
func (h Headers) replayID(topic string) string {
	id := h.text(HeaderReplayID)
	if rest, ok := strings.CutPrefix(id, topic); ok && strings.HasPrefix(rest, "/") {
		return id
	}
	return ""
}

// attempts returns how many handler calls the headers of a retry count.
func (h Headers) attempts() int {
	n, err := strconv.Atoi(h.text(HeaderAttempt))
	if err != nil || n < 0 || n > 1<<30 {
		return 0
	}
	return n
}

// due returns when a retry is due; the zero time if it does not say.
func (h Headers) due() time.Time {
	t, err := time.Parse(time.RFC3339Nano, h.text(HeaderDue))
	if err != nil || t.UTC().Year() > 9999 { // which RFC 3339 cannot say in UTC
		return time.Time{}
	}
	return t
}

// aside returns the message that holds d for topic, a retry or dead-letter topic.
// origin is where d was first published; a zero due is left out. begin is the first
// error of the calls here, cause the last.
func aside(d *Delivery, topic, origin string, due time.Time, begin, cause error) *Message {
	meta := d.Meta()
	if meta.Topic == d.Topic && d.Topic != origin {
		meta.Topic = origin // on a retry topic, but its headers are gone
	}
	last := cutText(cause.Error())
	first := cutText(begin.Error())
	if meta.Topic != d.Topic {
		if v, ok := d.Headers.Get(HeaderErrorFirst); ok {
			first = cutText(string(v))
		}
	}
	own := d.Headers.Own()
	h := make(Headers, len(own), len(own)+11)
	copy(h, own)
	add := func(key, value string) { h = append(h, Header{key, []byte(value)}) }
	add(HeaderOriginTopic, meta.Topic)
	add(HeaderOriginPartition, strconv.FormatInt(int64(meta.Partition), 10))
	add(HeaderOriginOffset, strconv.FormatInt(meta.Offset, 10))
	add(HeaderOriginTime, meta.Time.UTC().Format(time.RFC3339Nano))
	add(HeaderGroup, d.Group)
	add(HeaderAttempt, strconv.Itoa(d.Attempt))
	if !due.IsZero() {
		add(HeaderDue, due.UTC().Format(time.RFC3339Nano))
	}
	add(HeaderErrorFirst, first)
	add(HeaderErrorLast, last)
	if len(d.Payload) >= 5 && d.Payload[0] == 0 {
		add(HeaderSchemaID, strconv.FormatUint(uint64(binary.BigEndian.Uint32(d.Payload[1:5])), 10))
	}
	if id := d.Headers.replayID(meta.Topic); id != "" {
		add(HeaderReplayID, id)
	}
	return &Message{Topic: topic, Key: d.Key, Headers: h, Payload: d.Payload}
}

// DeadLetter returns d as a dead letter of group, as [Run] stores it: for a
// consumer that does without Run. cause is the last error of d.Attempt calls.
func DeadLetter(d *Delivery, group string, cause error) *Message {
	x := *d
	x.Group = group
	origin := d.Meta().Topic
	return aside(&x, DeadLetterTopic(origin, group), origin, time.Time{}, cause, cause)
}

// maxErrorText is how many bytes of an error a header holds: a dead letter must
// fit where its message did, with 64 KiB more room.
const maxErrorText = 1 << 10

// cutText cuts s to maxErrorText bytes, at a rune.
func cutText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxErrorText {
		return s
	}
	n := maxErrorText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
