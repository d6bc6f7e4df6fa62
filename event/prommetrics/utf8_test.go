package prommetrics_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/prommetrics"
)

// Whoever publishes to a topic that a pattern meets chooses its name: one that is
// no label of Prometheus as it is ends nobody's process.
func TestTopicThatIsNoText(t *testing.T) {
	const topic = "orders.\xff"
	reg := prometheus.NewRegistry()
	m, err := prommetrics.New(reg)
	if err != nil {
		t.Fatal(err)
	}
	bus := membus.New()
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := append(m.Options(), event.Observe(func(event.Outcome, *event.Delivery, error) { cancel() }))
	err = event.Run(ctx, bus.Group("g"), []string{"orders.*"}, func(context.Context, *event.Delivery) error { return nil }, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := prommetrics.RegisterLag(reg, bus, "g", topic); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]int{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			for _, l := range x.GetLabel() {
				if l.GetName() == "topic" && l.GetValue() == "orders.\uFFFD" {
					series[f.GetName()]++
				}
			}
		}
	}
	for _, name := range []string{
		"wireproof_event_messages_total", "wireproof_event_handler_seconds", "wireproof_event_age_seconds", "wireproof_event_lag_messages",
	} {
		if series[name] == 0 {
			t.Errorf("%s has no series of the topic: %v", name, series)
		}
	}
}
