package dlq

import (
	"context"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A replay is one letter, replayed. The replay id is part of it because offsets
// start again when somebody deletes the topic of the dead letters.
type replay struct{ id, replayID string }

// Marks are what is written down of replays, as far as it was read.
type marks struct {
	topic, group string
	next         map[int32]int64 // where each partition goes on
	replayed     map[replay]int
	edited       map[replay]int
}

func newMarks(topic, group string) *marks {
	return &marks{topic: topic, group: group, next: map[int32]int64{}, replayed: map[replay]int{}, edited: map[replay]int{}}
}

// refresh reads what was written down since the last time.
func (m *marks) refresh(ctx context.Context, b event.Browser) error {
	topic := ReplayedTopic(m.topic, m.group)
	err := b.Browse(ctx, topic, m.next, func(d *event.Delivery) bool {
		m.next[d.Partition] = d.Offset + 1
		id, _ := d.Headers.Get(event.HeaderReplayID)
		r := replay{string(d.Key), string(id)}
		m.replayed[r]++
		if _, ok := d.Headers.Get(HeaderEditOf); ok {
			m.edited[r]++
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("dlq: read %q: %w", topic, err)
	}
	return nil
}

// on fills in what is known of l.
func (m *marks) on(l *Letter) {
	r := replay{l.ID, l.ReplayID}
	l.Replayed, l.Edited = m.replayed[r], m.edited[r]
}

// mark returns the record that l was replayed; editOf is empty unless an edited
// copy took its place.
func mark(l *Letter, editOf string) *event.Message {
	h := event.Headers{{Key: event.HeaderReplayID, Value: []byte(l.ReplayID)}}
	if editOf != "" {
		h = append(h, event.Header{Key: HeaderEditOf, Value: []byte(editOf)})
	}
	return &event.Message{
		Topic: ReplayedTopic(l.Topic, l.Group), Key: []byte(l.ID), Headers: h,
		Payload: []byte(time.Now().UTC().Format(time.RFC3339Nano)),
	}
}

// copyOf returns the replay of l. It has no time: a broker that deletes what is
// old would delete it at once.
func copyOf(l *Letter) *event.Message {
	h := l.Headers.Own().
		With(event.HeaderReplayID, []byte(l.ReplayID)).
		With(event.HeaderGroup, []byte(l.Group))
	return &event.Message{Topic: l.Topic, Key: l.Key, Headers: h, Payload: l.Payload}
}
