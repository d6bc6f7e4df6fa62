package dlq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wireproof/wireproof/event"
)

const (
	window      = 500     // letters that are read ahead of their replay
	windowBytes = 8 << 20 // likewise, but one at least
	// stopsAfter is how many letters fail in a row before a run ends: it is not
	// the letters then.
	stopsAfter = 20
	// finishes is how long a run that is paused may take for what is under way.
	finishes = 30 * time.Second
)

// errStopped ends a run in which everything fails.
var errStopped = errors.New("too many letters failed one after the other")

// Run replays what is left of the job. It returns nil once every letter was
// replayed, or had been, or is gone. When ctx ends, what is under way is finished
// and written down, and the error matches [ErrPaused]; that of a cancelled job
// matches [ErrCancelled]. Letters that could not be replayed, and those of the same
// key that died after them, fail, and the next run tries them again. observe is
// told each outcome once it is on disk; it may be nil.
func (j *Job) Run(ctx context.Context, bus event.Bus, pace Pace, observe func(Record)) error {
	if j.cancelled {
		return fmt.Errorf("dlq: %s: %w", j.path, ErrCancelled)
	}
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(finishes, func() { stop(context.Cause(ctx)) })
	})()
	r := &run{job: j, bus: bus, pacer: newPacer(pace), observe: observe, held: map[string]string{}}
	for letters := range chunkByGroup(j.plan.Letters) {
		if err := r.group(ctx, work, letters); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("dlq: %s: %w: %w", j.path, ErrPaused, err)
			}
			return err
		}
	}
	if n := j.Counts()[Failed]; n > 0 {
		return fmt.Errorf("dlq: %d of %d dead letters were not replayed", n, len(j.plan.Letters))
	}
	return nil
}

// chunkByGroup yields the letters of each topic and group, which are together.
func chunkByGroup(letters []Planned) func(func([]Planned) bool) {
	return func(yield func([]Planned) bool) {
		for len(letters) > 0 {
			n := 1
			for n < len(letters) && letters[n].Topic == letters[0].Topic && letters[n].Group == letters[0].Group {
				n++
			}
			if !yield(letters[:n]) {
				return
			}
			letters = letters[n:]
		}
	}
}

// A run is one call of Run.
type run struct {
	job     *Job
	bus     event.Bus
	pacer   *pacer
	observe func(Record)
	held    map[string]string // the first letter of a key that failed
	inARow  int               // failures
}

// group replays what is left of letters, all of one topic and group.
func (r *run) group(ctx, work context.Context, letters []Planned) (err error) {
	var left []Planned
	for _, p := range letters {
		if last, ok := r.job.last[p.key()]; !ok || last.Outcome == Failed {
			left = append(left, p)
		}
	}
	if len(left) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := openSender(ctx, r.bus, letters[0].Topic, letters[0].Group)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(work)) }()
	clear(r.held)
	ends, err := endsOf(letters)
	if err != nil {
		return err
	}
	for len(left) > 0 {
		found, gone, rest, err := fetch(ctx, s, left, ends)
		if err != nil {
			return err
		}
		if err := r.note(gone); err != nil {
			return err
		}
		if err := r.replay(ctx, work, s, found); err != nil {
			return err
		}
		left = rest
	}
	return nil
}

// endsOf returns the offset behind the last letter of each partition.
func endsOf(letters []Planned) (map[int32]int64, error) {
	out := map[int32]int64{}
	for _, p := range letters {
		places, err := parseIDs([]string{p.ID})
		if err != nil {
			return nil, err
		}
		for at := range places {
			out[at.partition] = max(out[at.partition], at.offset+1)
		}
	}
	return out, nil
}

// fetch reads the first letters of left, as many as may be in memory, and of partitions
// without one what is behind ends at most. Those that it knows not to be there any more
// are gone; rest is what it has not come to.
func fetch(ctx context.Context, s *sender, left []Planned, ends map[int32]int64) (found []Letter, gone []Record, rest []Planned, err error) {
	if err := s.marks.refresh(ctx, s.browser); err != nil { // somebody else may be replaying too
		return nil, nil, nil, err
	}
	ahead := left[:min(window, len(left))]
	want := map[place]Planned{}
	from := maps.Clone(ends)
	for _, p := range ahead {
		places, err := parseIDs([]string{p.ID})
		if err != nil {
			return nil, nil, nil, err
		}
		for at := range places {
			want[at] = p
			from[at.partition] = min(from[at.partition], at.offset)
		}
	}
	size, full := 0, false
	err = s.browser.Browse(ctx, Topic(s.topic, s.group), from, func(d *event.Delivery) bool {
		at := place{d.Partition, d.Offset}
		p, ok := want[at]
		if !ok {
			return true
		}
		l := letterOf(d, s.topic, s.group)
		if l.ReplayID != p.ReplayID {
			return true // the topic was made anew, and another letter is there
		}
		l.Replayed = p.Replayed
		found = append(found, l)
		delete(want, at)
		size += len(l.Payload) + len(l.Key)
		full = size >= windowBytes
		return !full && len(want) > 0
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("dlq: read %q: %w", Topic(s.topic, s.group), err)
	}
	if full {
		for _, p := range want {
			rest = append(rest, p)
		}
		if err := sortPlanned(rest); err != nil {
			return nil, nil, nil, err
		}
	} else {
		for _, p := range want {
			gone = append(gone, Record{Topic: p.Topic, Group: p.Group, ID: p.ID, Outcome: Gone, Error: "no longer among the dead letters"})
		}
	}
	slices.SortFunc(gone, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	return found, gone, append(rest, left[len(ahead):]...), nil
}

// replay replays letters at the pace.
func (r *run) replay(ctx, work context.Context, s *sender, letters []Letter) error {
	for len(letters) > 0 {
		n := r.pacer.take(ctx, min(chunk, len(letters)))
		if n == 0 {
			return context.Cause(ctx)
		}
		records := make([]Record, n)
		var batch []Letter
		var of []int
		for i, l := range letters[:n] {
			records[i] = Record{Topic: l.Topic, Group: l.Group, ID: l.ID, Outcome: Replayed}
			if first, ok := r.held[string(l.Key)]; ok && l.Key != nil {
				records[i].Outcome, records[i].Error = Failed, "not tried: letter "+first+" of the same key failed"
				continue
			}
			batch, of = append(batch, l), append(of, i)
		}
		for k, x := range s.send(work, batch, "") {
			r.outcome(&records[of[k]], &batch[k], x)
		}
		if err := r.note(records); err != nil {
			return err
		}
		if r.inARow >= stopsAfter {
			return fmt.Errorf("dlq: %s: %w, the last with: %s", r.job.path, errStopped, records[of[len(of)-1]].Error)
		}
		letters = letters[n:]
	}
	return nil
}

func (r *run) outcome(rec *Record, l *Letter, x sent) {
	switch {
	case x.already:
		rec.Outcome = Already
	case x.err != nil:
		rec.Outcome, rec.Error = Failed, x.err.Error()
		if errors.Is(x.err, errBehind) {
			return
		}
		r.inARow++
		if l.Key != nil && r.held[string(l.Key)] == "" {
			r.held[string(l.Key)] = l.ID
		}
		return
	}
	r.inARow = 0
}

// note writes down what became of letters, and tells it.
func (r *run) note(records []Record) error {
	if len(records) == 0 {
		return nil
	}
	lines := make([]journalLine, len(records))
	for i := range records {
		records[i].Time = time.Now().UTC()
		lines[i].Record = &records[i]
	}
	if err := r.job.write(lines...); err != nil {
		return fmt.Errorf("dlq: journal of the replay %s: %w", r.job.path, err)
	}
	for _, rec := range records {
		r.job.last[letterKey{rec.Topic, rec.Group, rec.ID}] = rec
		if r.observe != nil {
			r.observe(rec)
		}
	}
	return nil
}
