package dlq

import (
	"context"
	"errors"
	"fmt"

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

// Replay publishes the selected letters again, those of a key in the order of
// their death: once one fails, those of its key that died after it are not tried.
// Letters that were replayed before are replayed again only if their ids are given.
// It returns what became of each letter that it came to; the error is nil if all
// were replayed, and otherwise says how many were not, or what
// ended the replay before it had tried them all.
func Replay(ctx context.Context, bus event.Bus, topic, group string, sel Selection) (_ []Result, err error) {
	sel.Pending = sel.Pending || len(sel.IDs) == 0
	if len(sel.IDs) > 0 { // a mistyped id should not leave half of the others replayed
		if _, err := List(ctx, bus, topic, group, Selection{IDs: sel.IDs}); err != nil {
			return nil, err
		}
	}
	r := &replayer{held: map[string]bool{}, open: func() (*sender, error) { return openSender(ctx, bus, topic, group) }}
	err = Each(ctx, bus, topic, group, sel, func(l Letter) error {
		if sel.Limit > 0 && len(r.results)+len(r.batch) == sel.Limit {
			return errEnough
		}
		if r.batch = append(r.batch, l); len(r.batch) == chunk {
			return r.flush(ctx)
		}
		return nil
	})
	if err == nil || errors.Is(err, errEnough) {
		err = r.flush(ctx)
	}
	if r.sender != nil {
		err = errors.Join(err, r.sender.close(ctx))
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

// A replayer replays letters in chunks.
type replayer struct {
	open    func() (*sender, error)
	sender  *sender // nil until there is a letter
	batch   []Letter
	results []Result
	held    map[string]bool // keys of which a letter has failed
}

func (r *replayer) flush(ctx context.Context) (err error) {
	if len(r.batch) == 0 {
		return nil
	}
	if r.sender == nil {
		if r.sender, err = r.open(); err != nil {
			return err
		}
	}
	var tried []Letter
	for _, l := range r.batch {
		if l.Key != nil && r.held[string(l.Key)] {
			r.results = append(r.results, Result{l, errBehind})
			continue
		}
		tried = append(tried, l)
	}
	for i, x := range r.sender.send(ctx, tried, "") {
		switch l := &tried[i]; {
		case x.err == nil:
			l.Replayed++
		case l.Key != nil:
			r.held[string(l.Key)] = true
		}
		r.results = append(r.results, Result{tried[i], x.err})
	}
	r.batch = r.batch[:0]
	return ctx.Err()
}

// HeaderEditOf names, on an edited copy and on what is written down of it, the
// letter that it takes the place of: topic of the dead letters, @ and id. It is one
// of the message's own headers, and so survives that the copy dies again.
const HeaderEditOf = "wireproof-edit-of"

// ReplayEdited publishes a letter again with another payload: under the same key,
// headers and replay id, and with [HeaderEditOf]. The letter stays as it is, and
// counts as replayed and as edited. The error matches [ErrNotFound] if there is no
// such letter.
func ReplayEdited(ctx context.Context, bus event.Bus, topic, group, id string, payload []byte) (_ Letter, err error) {
	l, err := Show(ctx, bus, topic, group, id)
	if err != nil {
		return Letter{}, err
	}
	s, err := openSender(ctx, bus, topic, group)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	edited := l
	edited.Payload = payload
	x := s.send(ctx, []Letter{edited}, Topic(topic, group)+"@"+l.ID)[0]
	switch {
	case x.already:
		return l, fmt.Errorf("dlq: letter %s of %q was replayed meanwhile", l.ID, Topic(topic, group))
	case x.err != nil:
		return l, fmt.Errorf("dlq: letter %s of %q was not replayed: %w", l.ID, Topic(topic, group), x.err)
	}
	l.Replayed++
	l.Edited++
	return l, nil
}
