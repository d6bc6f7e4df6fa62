package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog"
)

// replay: wherever it is cut off, a replay that goes on from its checkpoint hands
// over all of the rest in order, and only the batch that failed again. What is
// appended meanwhile is not part of it.
func replay(t *testing.T, l *eventlog.Log) {
	const n, batch = 1203, 100
	topic := name()
	var ms []*event.Message
	for i := range n {
		ms = append(ms, &event.Message{Topic: topic, Payload: fmt.Append(nil, i)})
	}
	must(t, l.Publish(t.Context(), ms...))
	cut := errors.New("cut off")
	for _, after := range []int{0, 1, 5, 6, 12, 13} { // batches, before it is cut off
		var done []int64
		take := func(limit int) func(context.Context, []*event.Delivery) error {
			return func(_ context.Context, ds []*event.Delivery) error {
				if limit == 0 {
					return cut
				}
				limit--
				if len(ds) > batch {
					t.Errorf("a batch has %d messages, want at most %d", len(ds), batch)
				}
				for _, d := range ds {
					if string(d.Payload) != fmt.Sprint(d.Offset) {
						t.Errorf("offset %d holds %q", d.Offset, d.Payload)
					}
					done = append(done, d.Offset)
				}
				return nil
			}
		}
		at, err := l.Replay(t.Context(), topic, 0, batch, take(after))
		if !errors.Is(err, cut) && (err != nil || at != n) || at != int64(len(done)) {
			t.Errorf("cut off after %d batches: checkpoint %d, %d messages, %v", after, at, len(done), err)
		}
		if at, err = l.Replay(t.Context(), topic, at, batch, take(-1)); err != nil || at != n {
			t.Errorf("the rest: checkpoint %d, %v", at, err)
		}
		for i, offset := range done {
			if offset != int64(i) {
				t.Fatalf("cut off after %d batches: message %d is offset %d", after, i, offset)
			}
		}
		if len(done) != n {
			t.Errorf("cut off after %d batches: %d messages in all, want %d", after, len(done), n)
		}
	}
	calls := 0
	at, err := l.Replay(t.Context(), topic, n-1, batch, func(ctx context.Context, _ []*event.Delivery) error {
		calls++
		return l.Publish(ctx, &event.Message{Topic: topic})
	})
	if err != nil || at != n || calls != 1 {
		t.Errorf("while the handler appends: checkpoint %d, %d calls, %v; want %d and one", at, calls, err, n)
	}
	for _, from := range []int64{-1, n + 2} {
		if _, err := l.Replay(t.Context(), topic, from, batch, func(context.Context, []*event.Delivery) error { return nil }); err == nil {
			t.Errorf("replay from %d: no error", from)
		}
	}
}
