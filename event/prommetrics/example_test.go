package prommetrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/prommetrics"
)

// What a consumer does is counted, timed, and served to Prometheus.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus := membus.New()
	if err := bus.Publish(ctx, &event.Message{Topic: "orders", Payload: []byte("19.99")}); err != nil {
		fmt.Println(err)
		return
	}
	handle := func(context.Context, *event.Delivery) error { stop(); return nil }

	reg := prometheus.NewRegistry()
	metrics, err := prommetrics.New(reg)
	if err != nil {
		fmt.Println(err)
		return
	}
	http.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, metrics.Options()...)

	page := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "wireproof_event_messages_total") {
			fmt.Print(line)
		}
	}
	fmt.Println(err)
	// Output:
	// wireproof_event_messages_total{group="billing",outcome="handled",topic="orders"} 1
	// <nil>
}
