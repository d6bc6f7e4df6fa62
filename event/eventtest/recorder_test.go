package eventtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
)

func TestRecorder(t *testing.T) {
	ctx := t.Context()
	refused := errors.New("refused")
	r := &eventtest.Recorder{Refuse: func(m *event.Message) error {
		if m.Topic == "no" {
			return refused
		}
		return nil
	}}
	payload := []byte("1")
	ms := []*event.Message{
		{Topic: "a", Key: []byte{}, Payload: payload, Headers: event.Headers{{Key: "h", Value: payload}}},
		{Topic: "no"},
		{Topic: "b"},
	}
	var pe *event.PublishError
	if err := r.Publish(ctx, ms...); !errors.As(err, &pe) || !errors.Is(err, refused) ||
		len(pe.Failed) != 1 || pe.Failed[0].Index != 1 || pe.Failed[0].Message != ms[1] {
		t.Errorf("error %v, want message 1 refused", err)
	}
	payload[0] = 'x' // after Publish the slices are the caller's again
	got := r.Messages()
	if len(got) != 2 || string(got[0].Payload) != "1" || string(got[0].Headers[0].Value) != "1" || got[0].Key == nil || got[1].Key != nil {
		t.Errorf("recorded %+v", got)
	}
	if got := r.Messages("b", "c"); len(got) != 1 || got[0].Topic != "b" {
		t.Errorf("recorded for b and c: %+v", got)
	}
	r.Reset()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Publish(ended, ms[0]); !errors.Is(err, context.Canceled) || len(r.Messages()) != 0 {
		t.Errorf("publish after the context ended: %v", err)
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := r.Publish(ctx, ms[0]); !errors.Is(err, eventtest.ErrClosed) {
		t.Errorf("publish after close: %v", err)
	}
}

func ExampleRecorder() {
	var r eventtest.Recorder
	placeOrder := func(p event.Publisher) error {
		return p.Publish(context.Background(), &event.Message{Topic: "orders", Key: []byte("o-17")})
	}
	fmt.Println(placeOrder(&r))
	for _, m := range r.Messages("orders") {
		fmt.Printf("%s %s\n", m.Topic, m.Key)
	}
	// Output:
	// <nil>
	// orders o-17
}
