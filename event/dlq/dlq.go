// Package dlq lists, groups, shows, edits and replays dead letters, over any
// transport that can be browsed.
//
// The dead letters of a group for a topic lie in a topic of their own (see
// [Topic]). Looking at them moves no consumer group. A replay publishes the same
// key, payload and own headers to the topic they came from, with two headers:
// wireproof-replay-id, which names the message's first publication and is the
// same for each replay of it, and wireproof-group, so that the runtime hands it
// to the group that failed and to no other. Its attempts start again at 1.
//
// Which letters were replayed is written down in one more topic (see
// [ReplayedTopic]), after the broker has stored the replay, or together with it
// where the bus is [Transactional]. Elsewhere a crash between the two replays a
// letter again: replays are at least once, and the replay id is what a handler or
// a dedupe can tell them by.
//
// [Replay] is one call. A [Job] is a replay that may be paused, killed and resumed:
// its set is frozen in a file, and what became of each letter is kept beside it.
//
// What a payload means is none of this package's business: who shows or edits one
// decodes it. Letters are removed by the broker's retention, never by this
// package.
package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wireproof/wireproof/event"
)

// ErrNotFound is the error of an id that no letter has.
var ErrNotFound = errors.New("no such dead letter")

// ErrID is the error of an id that no letter can have.
var ErrID = errors.New("want partition:offset, such as 0:17")

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
	Replayed   int       // how often this letter was replayed, edited or not
	Edited     int       // how often an edited copy took its place
	EditOf     string    // the letter whose edited copy this one is; empty if it is none
}

// A Selection says which letters are meant. The zero value means all.
type Selection struct {
	IDs     []string // only these; one that does not exist is an error
	Pending bool     // only those that were not replayed yet
	Limit   int      // at most so many; 0 means no limit
	// Where says whether a letter is meant; nil means each one is. It may change
	// nothing of the letter.
	Where func(*Letter) bool
}

// List returns the dead letters of group for topic, in the order of their death.
// A group without any has none: that is no error.
func List(ctx context.Context, bus event.Bus, topic, group string, sel Selection) ([]Letter, error) {
	var out []Letter
	err := Each(ctx, bus, topic, group, sel, func(l Letter) error {
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

// Each calls fn with the selected letters, partition by partition in the order of
// their death, until fn fails, whose error it returns. It keeps none of them, and
// ignores the limit.
func Each(ctx context.Context, bus event.Bus, topic, group string, sel Selection, fn func(Letter) error) error {
	browser, err := browserOf(bus, topic, group)
	if err != nil {
		return err
	}
	want, err := parseIDs(sel.IDs)
	if err != nil {
		return err
	}
	done := newMarks(topic, group)
	if err := done.refresh(ctx, browser); err != nil {
		return err
	}
	var failed error
	err = browser.Browse(ctx, Topic(topic, group), startOf(want), func(d *event.Delivery) bool {
		at := place{d.Partition, d.Offset}
		if _, ok := want[at]; want != nil && !ok || isAnothers(d, group) {
			return true
		}
		delete(want, at)
		l := letterOf(d, topic, group)
		done.on(&l)
		if sel.Pending && l.Replayed > 0 || sel.Where != nil && !sel.Where(&l) {
			return want == nil || len(want) > 0
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

func browserOf(bus event.Bus, topic, group string) (event.Browser, error) {
	browser, ok := bus.(event.Browser)
	if !ok {
		return nil, fmt.Errorf("dlq: %w", ErrNotBrowsable)
	}
	if topic == "" || group == "" {
		return nil, fmt.Errorf("dlq: topic %q and group %q, want a name for both", topic, group)
	}
	return browser, nil
}
