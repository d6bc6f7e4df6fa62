// Package prommetrics counts for Prometheus what consumers of package event do:
// outcomes, the time of handlers, and the age of messages. [RegisterLag] adds what
// the broker still holds for a group, where the bus knows it.
//
// Its labels are the topic of first publication, the group and the outcome, and no
// others, but for the partition of a lag. A subscription by a pattern has a series
// for each topic that it meets.
package prommetrics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wireproof/wireproof/event"
)

// Metrics are the metrics of the consumers that have its [Metrics.Options]. They
// are safe for concurrent use.
type Metrics struct {
	messages *prometheus.CounterVec
	handler  *prometheus.HistogramVec
	age      *prometheus.HistogramVec
}

// New returns metrics that are registered with reg:
//
//   - wireproof_event_messages_total{topic,group,outcome}: messages settled, by outcome
//   - wireproof_event_handler_seconds{topic,group}: calls of the handler, a batch once
//   - wireproof_event_age_seconds{topic,group}: age of a message when it was settled
//     in its own topic, which is the lag; retry topics, where messages wait on
//     purpose, do not count
func New(reg prometheus.Registerer) (*Metrics, error) {
	if reg == nil {
		return nil, errors.New("prommetrics: New wants a registerer, it is nil")
	}
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wireproof_event_messages_total", Help: "Messages settled, by outcome.",
		}, []string{"topic", "group", "outcome"}),
		handler: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wireproof_event_handler_seconds", Help: "Time of a call of the handler, of one message or a batch.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}, []string{"topic", "group"}),
		age: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wireproof_event_age_seconds", Help: "Age of a message when it was settled in its own topic.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 12),
		}, []string{"topic", "group"}),
	}
	for _, c := range []prometheus.Collector{m.messages, m.handler, m.age} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("prommetrics: register: %w", err)
		}
	}
	return m, nil
}

// Options returns the options for event.Run and event.RunBatches.
func (m *Metrics) Options() []event.ConsumerOption {
	return []event.ConsumerOption{event.Observe(m.observe), event.Spans(m.span)}
}

// label returns s as the value of a label, which has to be UTF-8: a topic that a
// pattern meets is named by whoever publishes to it.
func label(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (m *Metrics) observe(o event.Outcome, d *event.Delivery, _ error) {
	meta := d.Meta()
	m.messages.WithLabelValues(label(meta.Topic), label(d.Group), o.String()).Inc()
	if meta.Topic == d.Topic && !d.Time.IsZero() {
		m.age.WithLabelValues(label(meta.Topic), label(d.Group)).Observe(max(time.Since(d.Time), 0).Seconds())
	}
}

func (m *Metrics) span(ctx context.Context, ds []*event.Delivery) (context.Context, func(error)) {
	h := m.handler.WithLabelValues(label(ds[0].Meta().Topic), label(ds[0].Group))
	begin := time.Now()
	return ctx, func(error) { h.Observe(time.Since(begin).Seconds()) }
}
