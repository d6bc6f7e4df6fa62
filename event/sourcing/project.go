package sourcing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/sqltx"
)

// Project handles the events of all streams with h, one after another in their
// order, from where the projection of that name has come to, and then what is
// appended, until ctx ends. h finds a transaction in its context (inbox.Tx); what it
// changes there is committed together with the checkpoint, so each event is applied
// once, whatever dies when, and also if several processes project under one name.
//
// An event that fails for good stops the projection with an error and is tried
// again by the next call: nothing is passed over. event.Immediate and event.Backoff
// try it again before that; retry levels, which would break the order, are an
// error, and so is anything but event.Serial.
func (s *Store) Project(ctx context.Context, name string, h event.Handler, opts ...event.ConsumerOption) error {
	if name == "" || h == nil {
		return errors.New("sourcing: Project wants a name and a handler")
	}
	if _, err := s.db.ExecContext(ctx, `INSERT INTO wireproof_projection (name, position) VALUES ($1, 0) ON CONFLICT DO NOTHING`, name); err != nil {
		return fmt.Errorf("sourcing: checkpoint of projection %q: %w", name, err)
	}
	p := projection{s, name}
	opts = append(opts, event.Serial(), event.Within(p.within))
	return event.Run(ctx, p, []string{"events"}, h, opts...)
}

// Checkpoint returns the position up to which a projection has come; 0 if there is
// none of that name.
func (s *Store) Checkpoint(ctx context.Context, name string) (int64, error) {
	var at int64
	err := s.db.QueryRowContext(ctx, `SELECT position FROM wireproof_projection WHERE name = $1`, name).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("sourcing: checkpoint of projection %q: %w", name, err)
	}
	return at, nil
}

type projection struct {
	store *Store
	name  string
}

// within applies d in a transaction that moves the checkpoint, which it has locked
// before it looks at it. Events that h skips leave it where it is; the next one
// passes over them.
func (p projection) within(ctx context.Context, d *event.Delivery, h event.Handler) error {
	tx, err := p.store.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sourcing: begin: %w", err)
	}
	defer tx.Rollback() // nothing, once committed
	var at int64
	if err := tx.QueryRowContext(ctx, `UPDATE wireproof_projection SET position = position WHERE name = $1 RETURNING position`, p.name).Scan(&at); err != nil {
		return fmt.Errorf("sourcing: lock the checkpoint of projection %q: %w", p.name, err)
	}
	if at >= d.Offset {
		return event.AlreadyHandled() // by another process
	}
	if err := h(sqltx.With(ctx, tx), d); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE wireproof_projection SET position = $1 WHERE name = $2`, d.Offset, p.name); err != nil {
		return fmt.Errorf("sourcing: move the checkpoint of projection %q: %w", p.name, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sourcing: commit projection %q: %w", p.name, err)
	}
	return nil
}

func (p projection) Name() string                { return p.name }
func (p projection) Bus() event.Bus              { return noBus{p} }
func (p projection) Close(context.Context) error { return nil }

func (p projection) Open(ctx context.Context, _ ...string) (event.Source, error) {
	at, err := p.store.Checkpoint(ctx, p.name)
	if err != nil {
		return nil, err
	}
	l := &lane{resumed: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return &source{p, l, at}, nil
}

// noBus is where the runtime would put what fails: it refuses, so that Run stops.
type noBus struct{ projection }

func (b noBus) Group(string) event.Group { return b.projection }

func (b noBus) Publish(_ context.Context, ms ...*event.Message) error {
	pe := &event.PublishError{}
	for i, m := range ms {
		pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: fmt.Errorf("sourcing: projection %q passes over nothing", b.name)})
	}
	return pe
}

// MakeTopic refuses the topics of retry levels.
func (b noBus) MakeTopic(_ context.Context, topic, like string) error {
	if topic == event.DeadLetterTopic(like, b.name) {
		return nil
	}
	return fmt.Errorf("sourcing: a projection keeps the order and has no topic %q: use Immediate and Backoff", topic)
}

type source struct {
	projection
	l  *lane
	at int64
}

const pollEach = 100 * time.Millisecond

// Receive is as [event.Source] says.
func (s *source) Receive(ctx context.Context) (*event.Batch, error) {
	for {
		var ds []*event.Delivery
		if !s.l.isPaused() {
			for e, err := range s.store.All(ctx, s.at) {
				if err != nil {
					return nil, err
				}
				ds = append(ds, &e.Delivery)
				if s.at = e.Offset; len(ds) == page {
					break
				}
			}
		}
		if len(ds) > 0 {
			return &event.Batch{Lane: s.l, Deliveries: ds}, nil
		}
		t := time.NewTimer(pollEach)
		select {
		case <-t.C:
		case <-s.l.resumed:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
		t.Stop()
	}
}

// Close ends the lane.
func (s *source) Close(context.Context) error {
	s.l.cancel()
	return nil
}
