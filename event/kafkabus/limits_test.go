package kafkabus

import (
	"context"
	"testing"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// What was refused before a message that is stored is not sent again, behind it; but the
// next call is split as the topic wants it.
func TestRefusedBeforeStored(t *testing.T) {
	l := &limits{lower: map[string]int{}, ask: func(context.Context, string) (int, error) { return 1000, nil }}
	out := make([]outgoing, 3)
	for i := range out {
		out[i].Topic, out[i].size = "small", 200
	}
	refused := []event.Failure{{Index: 0, Err: sarama.ErrMessageSizeTooLarge}, {Index: 1, Err: sarama.ErrMessageSizeTooLarge}}
	if again := l.apart(t.Context(), out, refused); len(again) != 0 {
		t.Errorf("messages %v are sent again behind message 2, want none", again)
	}
	if n := l.batch("small"); n != 1000 {
		t.Errorf("the next batch may have %d bytes, want 1000", n)
	}
	if again := l.apart(t.Context(), out[:2], refused); len(again) != 2 {
		t.Errorf("messages %v are sent again, want both: nothing behind them is stored", again)
	}
}
