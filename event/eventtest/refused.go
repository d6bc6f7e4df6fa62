package eventtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/wireproof/wireproof/event"
)

// refusedDeadLetter lets the broker refuse the dead letter of the first message:
// Run ends and says why, what follows in the lane is not handled, and all of it
// comes to the next member.
func refusedDeadLetter(f *fixture) {
	topic := f.topic(1)
	g := f.group(topic)
	letters := event.DeadLetterTopic(topic, g.Name())
	bad := make([]byte, 4<<10) // what the broker may find too large
	for i := range bad {
		bad[i] = byte(rand.Uint32())
	}
	f.publish(
		&event.Message{Topic: topic, Key: []byte("k"), Payload: bad},
		&event.Message{Topic: topic, Key: []byte("k"), Payload: []byte("after")},
	)
	var mu sync.Mutex // guards after
	after := 0
	var counts event.Counts
	err := event.Run(f.ctx, g, []string{topic}, func(_ context.Context, d *event.Delivery) error {
		if len(d.Payload) == len(bad) {
			f.Refuse(f.T, f.bus, letters)
			return event.Permanent(errors.New("no such account"))
		}
		mu.Lock()
		defer mu.Unlock()
		after++
		return nil
	}, event.Observe(counts.Observe))
	switch {
	case f.ctx.Err() != nil:
		f.Fatalf("run goes on although the dead letter is refused: %v", err)
	case err == nil || !strings.Contains(err.Error(), "no such account"):
		f.Errorf("run ends with %v, want what the handler and the broker said", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if after > 0 || counts.Of(event.DeadLettered) > 0 {
		f.Errorf("%d messages behind the refused one are handled, counts %v; want none", after, &counts)
	}
	got := payloads(f.open(g, topic).take(2, false))
	if got[string(bad)] != 1 || got["after"] != 1 {
		f.Errorf("the next member gets %d messages, the bad one %d times and the one behind it %d times, want each once", len(got), got[string(bad)], got["after"])
	}
}
