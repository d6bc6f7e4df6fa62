// Package dlq lists, shows and replays dead letters, over any transport that can
// be browsed.
//
// The dead letters of a group for a topic lie in a topic of their own (see
// [Topic]). Looking at them moves no consumer group. A replay publishes the same
// key, payload and own headers to the topic they came from, with two headers:
// wireproof-replay-id, which names the message's first publication and is the
// same for each replay of it, and wireproof-group, so that the runtime hands it
// to the group that failed and to no other. Its attempts start again at 1.
//
// Which letters were replayed is written down in one more topic (see
// [ReplayedTopic]), after the broker has stored the replay. A crash between the
// two replays a letter again: replays are at least once, and the replay id is
// what a handler or a dedupe can tell them by.
//
// Letters are removed by the broker's retention, never by this package.
package dlq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wireproof/wireproof/event"
)

// ErrNotFound is the error of an id that no letter has.
var ErrNotFound = errors.New("no such dead letter")

// ErrNotBrowsable is the error of a transport that is no [event.Browser].
var ErrNotBrowsable = errors.New("this transport cannot be browsed, which dead letters need")

// Topic returns the topic of the dead letters of group for topic.
func Topic(topic, group string) string { return event.DeadLetterTopic(topic, group) }

// ReplayedTopic returns the topic in which replays are written down.
func ReplayedTopic(topic, group string) string { return Topic(topic, group) + ".replayed" }

// A Letter is a dead letter.
type Letter struct {
	ID         string // its place among the dead letters: partition:offset
	Topic      string // where it was first published, and is replayed to
	Partition  int32  // there; -1 if the letter does not say
	Offset     int64  // there; -1 if the letter does not say
	Time       time.Time
	Group      string
	Key        []byte
	Headers    event.Headers // the message's own
	Payload    []byte
	Attempts   int       // calls of the handler; 0 if the letter does not say
	FirstError string    // at most 1 KiB
	LastError  string    // at most 1 KiB
	SchemaID   string    // decimal; empty if the payload is not framed
	DeadAt     time.Time // when it was stored as a dead letter
	ReplayID   string    // the same for each replay of the message
	Replayed   int       // how often this letter was replayed
}

// A Selection says which letters are meant. The zero value means all.
type Selection struct {
	IDs     []string // only these; one that does not exist is an error
	Pending bool     // only those that were not replayed yet
	Limit   int      // at most so many; 0 means no limit
}

// List returns the dead letters of group for topic, in the order of their death.
// A group without any has none: that is no error.
func List(ctx context.Context, bus event.Bus, topic, group string, sel Selection) ([]Letter, error) {
	var out []Letter
	err := each(ctx, bus, topic, group, sel, func(l Letter) error {
		out = append(out, l)
		return nil
	})
	slices.SortStableFunc(out, func(a, b Letter) int { return a.DeadAt.Compare(b.DeadAt) })
	if sel.Limit > 0 && len(out) > sel.Limit {
		out = out[:sel.Limit]
	}
	return out, err
}

// Show returns one letter. The error matches [ErrNotFound] if there is none.
func Show(ctx context.Context, bus event.Bus, topic, group, id string) (Letter, error) {
	ls, err := List(ctx, bus, topic, group, Selection{IDs: []string{id}})
	if err != nil {
		return Letter{}, err
	}
	return ls[0], nil
}

// each calls fn with the selected letters, partition by partition in the order of
// their death, until fn fails. It ignores the limit.
func each(ctx context.Context, bus event.Bus, topic, group string, sel Selection, fn func(Letter) error) error {
	browser, ok := bus.(event.Browser)
	if !ok {
		return fmt.Errorf("dlq: %w", ErrNotBrowsable)
	}
	if topic == "" || group == "" {
		return fmt.Errorf("dlq: topic %q and group %q, want a name for both", topic, group)
	}
	want, err := parseIDs(sel.IDs)
	if err != nil {
		return err
	}
	done, err := replays(ctx, browser, topic, group)
	if err != nil {
		return err
	}
	var failed error
	err = browser.Browse(ctx, Topic(topic, group), startOf(want), func(d *event.Delivery) bool {
		at := place{d.Partition, d.Offset}
		if _, ok := want[at]; want != nil && !ok {
			return true
		}
		delete(want, at)
		l := letterOf(d, topic, group)
		l.Replayed = done[replay{l.ID, l.ReplayID}]
		if sel.Pending && l.Replayed > 0 {
			return true
		}
		failed = fn(l)
		return failed == nil && (want == nil || len(want) > 0)
	})
	switch {
	case err != nil:
		return fmt.Errorf("dlq: read %q: %w", Topic(topic, group), err)
	case failed != nil:
		return failed
	case len(want) > 0:
		return missing(want, Topic(topic, group))
	}
	return nil
}

// A place is where a letter lies among the dead letters.
type place struct {
	partition int32
	offset    int64
}

func (p place) String() string { return fmt.Sprintf("%d:%d", p.partition, p.offset) }

// parseIDs returns the places that ids name; nil for no ids.
func parseIDs(ids []string) (map[place]struct{}, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out := map[place]struct{}{}
	for _, id := range ids {
		a, b, ok := strings.Cut(id, ":")
		p, err1 := strconv.ParseInt(a, 10, 32)
		o, err2 := strconv.ParseInt(b, 10, 64)
		if !ok || err1 != nil || err2 != nil || p < 0 || o < 0 {
			return nil, fmt.Errorf("dlq: id %q: want partition:offset, such as 0:17", id)
		}
		out[place{int32(p), o}] = struct{}{}
	}
	return out, nil
}

// startOf returns the first offset that is wanted of each partition.
func startOf(want map[place]struct{}) map[int32]int64 {
	out := map[int32]int64{}
	for p := range want {
		if at, ok := out[p.partition]; !ok || p.offset < at {
			out[p.partition] = p.offset
		}
	}
	return out
}

func missing(want map[place]struct{}, topic string) error {
	var ps []place
	for p := range want {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	return fmt.Errorf("dlq: %q holds nothing at %v: %w", topic, ps, ErrNotFound)
}

// letterOf reads a dead letter. One that the runtime did not write, or whose
// headers are gone, is read as far as that goes.
func letterOf(d *event.Delivery, topic, group string) Letter {
	text := func(key string) string {
		v, _ := d.Headers.Get(key)
		return string(v)
	}
	m := d.Meta()
	l := Letter{
		ID: place{d.Partition, d.Offset}.String(), Topic: topic, Partition: m.Partition, Offset: m.Offset,
		Time: m.Time, Group: group, Key: d.Key, Headers: m.Headers, Payload: d.Payload,
		FirstError: text(event.HeaderErrorFirst), LastError: text(event.HeaderErrorLast),
		SchemaID: text(event.HeaderSchemaID), DeadAt: d.Time, ReplayID: text(event.HeaderReplayID),
	}
	if n, err := strconv.Atoi(text(event.HeaderAttempt)); err == nil && n > 0 {
		l.Attempts = n
	}
	id := fmt.Sprintf("%s/%d/%d", topic, m.Partition, m.Offset)
	if m.Topic != topic {
		l.Partition, l.Offset = -1, -1
		id = fmt.Sprintf("%s/dlq/%d/%d", topic, d.Partition, d.Offset)
	}
	// The runtime heeds no id that begins otherwise.
	if !strings.HasPrefix(l.ReplayID, topic+"/") {
		l.ReplayID = id
	}
	return l
}
