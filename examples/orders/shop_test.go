package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/examples/orders/gen/orders"
)

// What is no order is refused and stores nothing; an order stored twice has one
// event.
func TestPlacing(t *testing.T) {
	ports := freePorts(t, 2)
	p, err := open(t.Context(), config{kafkaPort: ports[0], registryPort: ports[1]}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := outbox.New(t.Context(), p.db)
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := orders.NewPublisher(t.Context(), out, p.registry, p.publish...)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/orders", &shop{p.db, publisher})
	mux.Handle("/orders/{id}", &shop{p.db, publisher})
	for _, c := range []struct {
		method, path, body string
		status, events     int
	}{
		{"POST", "/orders", `{"id": "o-1", "card": "visa", "total": "1.00"}`, 200, 1},
		{"POST", "/orders", `{"id": "o-1", "card": "visa", "total": "1.00"}`, 200, 1},
		{"POST", "/orders", `{"id": "o-2", "card": "visa", "total": "-1"}`, 400, 1},
		{"POST", "/orders", `{"id": "o-2", "card": "visa", "total": "0.001"}`, 400, 1},
		{"POST", "/orders", `{"card": "visa", "total": "1"}`, 400, 1},
		{"POST", "/orders", `{`, 400, 1},
		{"GET", "/orders/o-1", "", 200, 1},
		{"GET", "/orders/o-2", "", 404, 1},
		{"PUT", "/orders/o-2", "", 405, 1},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if n, err := out.Len(t.Context()); w.Code != c.status || n != c.events || err != nil {
			t.Errorf("%s %s %s: status %d, %d events wait (%v), want %d and %d", c.method, c.path, c.body, w.Code, n, err, c.status, c.events)
		}
	}
}
