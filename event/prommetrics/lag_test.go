package prommetrics_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/prommetrics"
)

// lagger answers with what it is told to.
type lagger struct {
	lags []event.Lag
	err  error
}

func (l *lagger) Lag(_ context.Context, group string, topics ...string) ([]event.Lag, error) {
	if group != "billing" || len(topics) != 1 || topics[0] != "orders" {
		return nil, errors.New("asked for another group or topic")
	}
	return l.lags, l.err
}

// Each scrape tells what the broker says at that time, and a broker that does not
// answer is no lag of 0.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		of := &lagger{}
		if err := prommetrics.RegisterLag(reg, of, "billing", "orders"); err != nil {
			t.Fatal(err)
		}
		if err := prommetrics.RegisterLag(reg, of, "billing", "orders"); err == nil {
			t.Error("registered twice: no error")
		}
		if err := prommetrics.RegisterLag(reg, of, "billing"); err == nil {
			t.Error("registered without a topic: no error")
		}
		check := func(want map[string]float64) {
			t.Helper()
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, f := range families {
				for _, m := range f.GetMetric() {
					name := f.GetName()
					for _, l := range m.GetLabel() {
						name += " " + l.GetValue()
					}
					got[name] = m.GetGauge().GetValue()
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		}
		of.lags = []event.Lag{{Topic: "orders", Partition: 0, Messages: 7, Oldest: time.Now()}, {Topic: "orders", Partition: 1}}
		time.Sleep(3 * time.Second)
		check(map[string]float64{
			"wireproof_event_lag_messages billing 0 orders": 7, "wireproof_event_lag_seconds billing 0 orders": 3,
			"wireproof_event_lag_messages billing 1 orders": 0, "wireproof_event_lag_seconds billing 1 orders": 0,
			"wireproof_event_lag_up billing": 1,
		})
		of.err = errors.New("no broker")
		check(map[string]float64{"wireproof_event_lag_up billing": 0})
	})
}
