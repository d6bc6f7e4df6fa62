package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wireproof/wireproof/codec/decimal"
	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/examples/orders/gen/orders"
	ordersv1 "github.com/wireproof/wireproof/examples/orders/gen/orders/v1"
)

// A shop takes orders and tells how they stand.
type shop struct {
	db     *sql.DB
	events orders.EventPublisher // publishes in the transaction of its context
}

// An order as requests and answers spell it. Its id is the caller's, so that a
// request without an answer can be sent again.
type order struct {
	ID    string          `json:"id"`
	Card  string          `json:"card,omitempty"`
	Total decimal.Decimal `json:"total"`
	State string          `json:"state"` // placed, or billed
}

// ServeHTTP answers POST /orders and GET /orders/{id}.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o order
	var err error
	switch id := r.PathValue("id"); {
	case r.Method == http.MethodGet && id != "":
		o, err = s.find(r.Context(), id)
	case r.Method == http.MethodPost && id == "":
		if err = json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&o); err == nil {
			err = o.valid()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err = s.place(r.Context(), o); err == nil {
			o, err = s.find(r.Context(), o.ID)
		}
	default:
		http.Error(w, "POST /orders, or GET /orders/{id}", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(o)
	}
}

func (o order) valid() error {
	if o.ID == "" || o.Card == "" || o.Total.Sign() <= 0 || o.Total.Scale() > 2 {
		return fmt.Errorf(`%q costs %s; expected {"id": "o-1", "card": "visa", "total": "19.99"}`, o.ID, o.Total)
	}
	return nil
}

// place stores the order and its event together, or neither. An order that is
// there already stays as it is.
func (s *shop) place(ctx context.Context, o order) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, once committed
	done, err := tx.ExecContext(ctx, `INSERT INTO orders (id, total) VALUES ($1, $2) ON CONFLICT DO NOTHING`, o.ID, o.Total.String())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
		return err
	}
	e := &ordersv1.OrderPlaced{OrderID: o.ID, Card: o.Card, Total: o.Total, PlacedAt: time.Now()}
	if err := s.events.OrderPlaced(outbox.In(ctx, tx), e); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *shop) find(ctx context.Context, id string) (order, error) {
	o, total := order{ID: id}, ""
	err := s.db.QueryRowContext(ctx, `SELECT total,
		CASE WHEN EXISTS (SELECT 1 FROM charges WHERE order_id = id) THEN 'billed' ELSE 'placed' END
		FROM orders WHERE id = $1`, id).Scan(&total, &o.State)
	if err != nil {
		return o, err
	}
	o.Total, err = decimal.Parse(total)
	return o, err
}
