package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/event"
)

// A Transactional is a bus that can store messages of several topics together:
// this package stores a replay together with what is written down of it there, so
// that no crash repeats one.
type Transactional interface {
	// Atomic returns a publisher each of whose calls stores all its messages, or
	// none of them for a reader of what is committed. Once it returns, what an
	// earlier publisher of the same id was at, in whichever process, is stored or
	// will never be, and that one can store nothing more. Once its Close returns,
	// readers of what is committed see all that it has stored.
	Atomic(ctx context.Context, id string) (event.Publisher, error)
}

// A sender publishes letters of one topic and group, and writes that down.
type sender struct {
	bus          event.Bus
	browser      event.Browser
	topic, group string
	atomic       event.Publisher // nil unless the bus is Transactional
	marks        *marks          // read after the last replay of whoever was here before
}

func openSender(ctx context.Context, bus event.Bus, topic, group string) (*sender, error) {
	browser, err := browserOf(bus, topic, group)
	if err != nil {
		return nil, err
	}
	if maker, ok := bus.(event.TopicMaker); ok {
		if err := maker.MakeTopic(ctx, ReplayedTopic(topic, group), Topic(topic, group)); err != nil {
			return nil, fmt.Errorf("dlq: topic that replays are written down in: %w", err)
		}
	}
	s := &sender{bus: bus, browser: browser, topic: topic, group: group, marks: newMarks(topic, group)}
	return s, s.settle(ctx)
}

// settle opens the transactional publisher, anew if there is one, and reads what
// is written down: whatever was under way is certain then.
func (s *sender) settle(ctx context.Context) error {
	if t, ok := s.bus.(Transactional); ok {
		if s.atomic != nil {
			_ = s.atomic.Close(ctx) // it has failed already
			s.atomic = nil
		}
		var err error
		if s.atomic, err = t.Atomic(ctx, "wireproof.replay."+Topic(s.topic, s.group)); err != nil {
			return fmt.Errorf("dlq: transactions of replays of %q: %w", Topic(s.topic, s.group), err)
		}
	}
	return s.marks.refresh(ctx, s.browser)
}

func (s *sender) close(ctx context.Context) error {
	if s.atomic == nil {
		return nil
	}
	return s.atomic.Close(context.WithoutCancel(ctx))
}

// Sent is what became of one letter: it was replayed, or had been already since its
// Replayed was counted, or there is an error.
type sent struct {
	already bool
	err     error
}

// send replays letters, in order. editOf is empty unless they are edited.
func (s *sender) send(ctx context.Context, letters []Letter, editOf string) []sent {
	out := make([]sent, len(letters))
	var left []int
	for i := range letters {
		if out[i].already = s.done(&letters[i]); !out[i].already {
			left = append(left, i)
		}
	}
	if len(left) == 0 {
		return out
	}
	copies, notes := make([]*event.Message, len(left)), make([]*event.Message, len(left))
	for k, i := range left {
		copies[k], notes[k] = copyOf(&letters[i]), mark(&letters[i], editOf)
		if editOf != "" {
			copies[k].Headers = copies[k].Headers.With(HeaderEditOf, []byte(editOf))
		}
	}
	var errs []error
	if s.atomic != nil {
		errs = s.together(ctx, letters, left, copies, notes)
	} else {
		errs = s.oneAfterTheOther(ctx, copies, notes)
	}
	for k, i := range left {
		out[i].err = errs[k]
	}
	return out
}

// done reports whether l was replayed since its Replayed was counted.
func (s *sender) done(l *Letter) bool {
	return s.marks.replayed[replay{l.ID, l.ReplayID}] > l.Replayed
}

// errBehind is why a letter is not tried of whose key an earlier one has failed.
var errBehind = errors.New("not tried: an earlier letter of the same key failed")

// oneAfterTheOther publishes copies, and writes down those that were stored: one of
// each key at a time, so that none overtakes one that is refused.
func (s *sender) oneAfterTheOther(ctx context.Context, copies, notes []*event.Message) []error {
	errs := make([]error, len(copies))
	failed := map[string]bool{}
	left := make([]int, len(copies))
	for k := range left {
		left[k] = k
	}
	for len(left) > 0 {
		var now, later []int
		busy := map[string]bool{}
		for _, k := range left {
			switch key := copies[k].Key; {
			case key != nil && failed[string(key)]:
				errs[k] = errBehind
			case key != nil && busy[string(key)]:
				later = append(later, k)
			default:
				now, busy[string(key)] = append(now, k), true
			}
		}
		s.publish(ctx, copies, notes, now, errs)
		for _, k := range now {
			if errs[k] != nil && copies[k].Key != nil {
				failed[string(copies[k].Key)] = true
			}
		}
		left = later
	}
	return errs
}

// publish publishes those copies, then writes down those that were stored.
func (s *sender) publish(ctx context.Context, copies, notes []*event.Message, which []int, errs []error) {
	var out, stored []*event.Message
	for _, k := range which {
		out = append(out, copies[k])
	}
	if len(out) == 0 {
		return
	}
	var of []int
	for n, err := range failures(s.bus.Publish(ctx, out...), len(out)) {
		k := which[n]
		if errs[k] = err; err == nil {
			stored, of = append(stored, notes[k]), append(of, k)
		}
	}
	if len(stored) == 0 {
		return
	}
	for n, err := range failures(s.bus.Publish(ctx, stored...), len(stored)) {
		if err != nil {
			errs[of[n]] = fmt.Errorf("replayed, but that could not be written down: %w", err)
		}
	}
}

// together stores all copies and notes in one transaction, or, if that fails, each
// pair in its own. Nothing is tried again before it is certain that it was not
// stored.
func (s *sender) together(ctx context.Context, letters []Letter, left []int, copies, notes []*event.Message) []error {
	errs := make([]error, len(left))
	err := s.atomic.Publish(ctx, slices.Concat(copies, notes)...)
	if err == nil {
		return errs
	}
	unsettled := s.settle(ctx)
	failed := map[string]bool{}
	for k, inARow := 0, 0; k < len(left); k++ {
		l := &letters[left[k]]
		switch {
		case unsettled != nil || inARow == givesUp:
			errs[k] = errors.Join(causeOf(err), unsettled)
		case s.done(l):
		case l.Key != nil && failed[string(l.Key)]:
			errs[k] = errBehind
		case len(left) == 1:
			errs[k] = causeOf(err)
		default:
			next := s.atomic.Publish(ctx, copies[k], notes[k])
			if next == nil {
				inARow = 0
				continue
			}
			err = next
			if unsettled = s.settle(ctx); unsettled != nil || !s.done(l) {
				errs[k] = errors.Join(causeOf(err), unsettled)
				inARow++
				if l.Key != nil {
					failed[string(l.Key)] = true
				}
			}
		}
	}
	return errs
}

// givesUp is how many letters of a chunk fail in a row before the rest is not
// tried: it is not the letters then.
const givesUp = 3

// causeOf is why a transaction failed: one message stands for all.
func causeOf(err error) error {
	var pe *event.PublishError
	if errors.As(err, &pe) && len(pe.Failed) > 0 {
		return pe.Failed[0].Err
	}
	return err
}

// failures spreads the error of a Publish over its n messages.
func failures(err error, n int) []error {
	out := make([]error, n)
	var pe *event.PublishError
	if errors.As(err, &pe) && len(pe.Failed) > 0 {
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
