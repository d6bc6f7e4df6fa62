package prommetrics

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wireproof/wireproof/event"
)

// lagTimeout bounds how long a scrape waits for the broker; scrapers wait 10 s.
const lagTimeout = 8 * time.Second

// RegisterLag registers with reg what a group has not settled of topics. The broker
// is asked at each scrape, so the numbers are true whether or not the group has
// members; one process of a group is enough to tell them.
//
//   - wireproof_event_lag_messages{topic,group,partition}: how many offsets the group is behind
//   - wireproof_event_lag_seconds{topic,group,partition}: age of the first message
//     that is not settled, 0 if there is none
//   - wireproof_event_lag_up{group}: 1, or 0 if the broker did not answer and the
//     others are not there
func RegisterLag(reg prometheus.Registerer, of event.Lagger, group string, topics ...string) error {
	if reg == nil || of == nil || group == "" || len(topics) == 0 {
		return errors.New("prommetrics: RegisterLag wants a registerer, a bus, a group and one topic at least")
	}
	labels, constant := []string{"topic", "partition"}, prometheus.Labels{"group": label(group)}
	err := reg.Register(&lag{
		of: of, group: group, topics: topics,
		messages: prometheus.NewDesc("wireproof_event_lag_messages", "Offsets that the group is behind.", labels, constant),
		seconds:  prometheus.NewDesc("wireproof_event_lag_seconds", "Age of the first message that is not settled.", labels, constant),
		up:       prometheus.NewDesc("wireproof_event_lag_up", "1 if the broker told the lag.", nil, constant),
	})
	if err != nil {
		return fmt.Errorf("prommetrics: register the lag of group %q: %w", group, err)
	}
	return nil
}

// A lag collects the lags of one group.
type lag struct {
	of                    event.Lagger
	group                 string
	topics                []string
	messages, seconds, up *prometheus.Desc
}

func (l *lag) Describe(ch chan<- *prometheus.Desc) {
	ch <- l.messages
	ch <- l.seconds
	ch <- l.up
}

func (l *lag) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	lags, err := l.of.Lag(ctx, l.group, l.topics...)
	if err != nil {
		gauge(l.up, 0)
		return
	}
	gauge(l.up, 1)
	for _, p := range lags {
		age := 0.0
		if !p.Oldest.IsZero() {
			age = max(time.Since(p.Oldest), 0).Seconds()
		}
		partition := strconv.Itoa(int(p.Partition))
		gauge(l.messages, float64(p.Messages), label(p.Topic), partition)
		gauge(l.seconds, age, label(p.Topic), partition)
	}
}
