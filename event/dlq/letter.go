package dlq

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/event"
)

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
			return nil, fmt.Errorf("dlq: id %q: %w", id, ErrID)
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

// isAnothers reports whether d is a dead letter of another group and topic, whose
// names make the same name of a topic of dead letters: group b.c of topic a, and
// group c of topic a.b.
func isAnothers(d *event.Delivery, group string) bool {
	of, ok := d.Headers.Get(event.HeaderGroup)
	return ok && string(of) != group && d.Meta().Topic != d.Topic
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
		EditOf: text(HeaderEditOf),
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

// Planned returns what a job keeps of l.
func (l *Letter) Planned() Planned {
	return Planned{Topic: l.Topic, Group: l.Group, ID: l.ID, ReplayID: l.ReplayID, Replayed: l.Replayed}
}
