package line

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wireproof/wireproof/event"
)

// A stub is a lane that has so many deliveries left.
type stub struct {
	event.Lane
	name string
	left int
}

func take(s *stub) ([]*event.Delivery, bool) {
	if s.left == 0 {
		return nil, false
	}
	s.left--
	return []*event.Delivery{{Message: event.Message{Topic: s.name}}}, s.left > 0
}

// Lanes take turns, and one that has nothing is passed over.
func TestTurns(t *testing.T) {
	l := New("g", take, nil, nil)
	for _, s := range []*stub{{name: "a", left: 3}, {name: "empty"}, {name: "b", left: 1}, {name: "c", left: 2}} {
		l.Offer(s)
	}
	var got []string
	for range 6 {
		b, err := l.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Deliveries[0].Topic)
	}
	if s := strings.Join(got, " "); s != "a b c a c a" {
		t.Errorf("turns were %s, want a b c a c a", s)
	}
}

// Whoever waits is woken by a lane, a failure, the end of the context, the close.
func TestWakes(t *testing.T) {
	closed, boom := errors.New("closed"), errors.New("boom")
	for name, c := range map[string]struct {
		do   func(l *Line[*stub], cancel func(), close func())
		want error
	}{
		"offer":  {func(l *Line[*stub], _, _ func()) { l.Offer(&stub{left: 1}) }, nil},
		"fail":   {func(l *Line[*stub], _, _ func()) { l.Fail(boom); l.Fail(closed) }, boom},
		"cancel": {func(_ *Line[*stub], cancel, _ func()) { cancel() }, context.Canceled},
		"close":  {func(_ *Line[*stub], _, close func()) { close() }, closed},
	} {
		synctest.Test(t, func(t *testing.T) {
			closing := make(chan struct{})
			l := New("g", take, closing, closed)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error)
			go func() {
				b, err := l.Receive(ctx)
				if (b == nil) == (err == nil) {
					t.Errorf("%s: batch %v and error %v", name, b, err)
				}
				done <- err
			}()
			synctest.Wait()
			c.do(l, cancel, func() { close(closing) })
			if err := <-done; !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s: error %v, want %v", name, err, c.want)
			}
			if name == "fail" && l.Failure().Error() != `group "g": boom` {
				t.Errorf("failure %v", l.Failure())
			}
		})
	}
}
