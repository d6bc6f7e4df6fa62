package prommetrics_test

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/prommetrics"
)

// Each outcome is counted under the topic of first publication, each call of the
// handler is timed, and only messages in their own topic have a lag.
func TestOutcomes(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := prommetrics.New(reg)
	if err != nil {
		t.Fatal(err)
	}
	bus := membus.New()
	for _, p := range []string{"ok", "bad", "drop", "skip"} {
		if err := bus.Publish(t.Context(), &event.Message{Topic: "orders", Payload: []byte(p)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int64
	opts := append(m.Options(), event.RetryLevels(time.Millisecond), event.Observe(func(event.Outcome, *event.Delivery, error) {
		if seen.Add(1) == 5 {
			cancel()
		}
	}))
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		switch string(d.Payload) {
		case "bad":
			return errors.New("bad")
		case "drop":
			return event.Drop("a test")
		case "skip":
			return event.Skip("not ours")
		}
		return nil
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			name := f.GetName()
			for _, l := range x.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = x.GetCounter().GetValue() + float64(x.GetHistogram().GetSampleCount())
		}
	}
	const total = "wireproof_event_messages_total billing "
	want := map[string]float64{
		total + "handled orders": 1, total + "dropped orders": 1, total + "skipped orders": 1,
		total + "retried orders": 1, total + "dead-lettered orders": 1,
		"wireproof_event_handler_seconds billing orders": 5, "wireproof_event_age_seconds billing orders": 4,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if _, err := prommetrics.New(reg); err == nil {
		t.Error("registered twice: no error")
	}
}
