package dlq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
)

// chunk is how many letters are published together, and the most that a crash
// replays again.
const chunk = 200

// A Result is what became of one letter.
type Result struct {
	Letter Letter
	Err    error // nil: the broker has stored the replay, and it is written down
}

// A replay is one letter, replayed. The replay id is part of it because offsets
// start again when somebody deletes the topic of the dead letters.
type replay struct{ id, replayID string }

// Replay publishes the selected letters again, those of a key in the order of
// their death. Letters that were replayed before are replayed again only if their
// ids are given. It returns what became of each letter that it tried; the error
// is nil if all were replayed, and otherwise says how many were not, or what
// ended the replay before it had tried them all.
func Replay(ctx context.Context, bus event.Bus, topic, group string, sel Selection) ([]Result, error) {
	sel.Pending = sel.Pending || len(sel.IDs) == 0
	if len(sel.IDs) > 0 { // a mistyped id should not leave half of the others replayed
		if _, err := List(ctx, bus, topic, group, Selection{IDs: sel.IDs}); err != nil {
			return nil, err
		}
	}
	r := &replayer{bus: bus, topic: topic, group: group}
	err := each(ctx, bus, topic, group, sel, func(l Letter) error {
		if sel.Limit > 0 && len(r.results)+len(r.batch) == sel.Limit {
			return errEnough
		}
		r.batch = append(r.batch, l)
		if len(r.batch) == chunk {
			return r.flush(ctx)
		}
		return nil
	})
	if err == nil || errors.Is(err, errEnough) {
		err = r.flush(ctx)
	}
	if err != nil {
		return r.results, err
	}
	bad := 0
	for _, x := range r.results {
		if x.Err != nil {
			bad++
		}
	}
	if bad > 0 {
		return r.results, fmt.Errorf("dlq: %d of %d dead letters of %q were not replayed", bad, len(r.results), Topic(topic, group))
	}
	return r.results, nil
}

// errEnough ends the browsing at the limit.
var errEnough = errors.New("enough")

// A replayer publishes letters in chunks.
type replayer struct {
	bus          event.Bus
	topic, group string
	ready        bool // the topic of the replays is there
	batch        []Letter
	results      []Result
}

// flush publishes the batch, then writes down what was stored.
func (r *replayer) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	ms := make([]*event.Message, len(r.batch))
	for i := range r.batch {
		ms[i] = r.message(&r.batch[i])
	}
	failed := failures(r.bus.Publish(ctx, ms...), len(ms))
	var notes []*event.Message
	var noted []int // results that the notes belong to
	for i, l := range r.batch {
		if failed[i] == nil {
			notes = append(notes, r.note(l))
			noted = append(noted, len(r.results))
		}
		r.results = append(r.results, Result{l, failed[i]})
	}
	r.batch = r.batch[:0]
	if len(notes) == 0 {
		return ctx.Err()
	}
	for i, err := range failures(r.bus.Publish(ctx, notes...), len(notes)) {
		if err != nil {
			r.results[noted[i]].Err = fmt.Errorf("replayed, but that could not be written down: %w", err)
			continue
		}
		r.results[noted[i]].Letter.Replayed++
	}
	return ctx.Err()
}

func (r *replayer) prepare(ctx context.Context) error {
	maker, ok := r.bus.(event.TopicMaker)
	if r.ready || !ok {
		return nil
	}
	if err := maker.MakeTopic(ctx, ReplayedTopic(r.topic, r.group), Topic(r.topic, r.group)); err != nil {
		return fmt.Errorf("dlq: topic that replays are written down in: %w", err)
	}
	r.ready = true
	return nil
}

// message returns the replay of l. It has no time: a broker that deletes what is
// old would delete it at once.
func (r *replayer) message(l *Letter) *event.Message {
	h := l.Headers.Own().
		With(event.HeaderReplayID, []byte(l.ReplayID)).
		With(event.HeaderGroup, []byte(r.group))
	return &event.Message{Topic: r.topic, Key: l.Key, Headers: h, Payload: l.Payload}
}

// note returns the record that l was replayed.
func (r *replayer) note(l Letter) *event.Message {
	return &event.Message{
		Topic: ReplayedTopic(r.topic, r.group), Key: []byte(l.ID),
		Headers: event.Headers{{Key: event.HeaderReplayID, Value: []byte(l.ReplayID)}},
		Payload: []byte(time.Now().UTC().Format(time.RFC3339Nano)),
	}
}

// failures spreads the error of a Publish over its n messages.
func failures(err error, n int) []error {
	out := make([]error, n)
	var pe *event.PublishError
	if errors.As(err, &pe) {
		for _, f := range pe.Failed {
			if f.Index >= 0 && f.Index < n {
				out[f.Index] = f.Err
			}
		}
		return out
	}
	for i := range out {
		out[i] = err
	}
	return out
}

// replays counts how often each letter was replayed.
func replays(ctx context.Context, b event.Browser, topic, group string) (map[replay]int, error) {
	out := map[replay]int{}
	err := b.Browse(ctx, ReplayedTopic(topic, group), nil, func(d *event.Delivery) bool {
		id, _ := d.Headers.Get(event.HeaderReplayID)
		out[replay{string(d.Key), string(id)}]++
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("dlq: read %q: %w", ReplayedTopic(topic, group), err)
	}
	return out, nil
}
