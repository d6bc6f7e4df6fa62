package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/wireproof/wireproof/codec/decimal"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/inbox"
	ordersv1 "github.com/wireproof/wireproof/examples/orders/gen/orders/v1"
)

// billing charges each order that is placed.
type billing struct{ bank *bank }

// OrderPlaced charges the card and notes it in the inbox's transaction: the note
// that the event is handled is there exactly if the charge is. Any error is tried
// again, at last from the dead letters.
func (b *billing) OrderPlaced(ctx context.Context, e *ordersv1.OrderPlaced, _ event.Meta) error {
	if err := b.bank.charge(e.OrderID, e.Card, e.Total); err != nil {
		return err
	}
	_, err := inbox.Tx(ctx).ExecContext(ctx, `INSERT INTO charges (order_id, total) VALUES ($1, $2)`, e.OrderID, e.Total.String())
	return err
}

// A bank stands for somebody else's service. Some cards are blocked there.
type bank struct {
	mu      sync.Mutex // guards blocked
	blocked map[string]bool
}

func newBank() *bank { return &bank{blocked: map[string]bool{"stolen": true}} }

// charge refuses a blocked card. A real bank is given the id of the order, by
// which it knows a charge that is asked for twice: it is no part of our
// transaction.
func (b *bank) charge(order, card string, _ decimal.Decimal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.blocked[card] {
		return fmt.Errorf("order %s: the bank refuses card %q", order, card)
	}
	return nil
}

// ServeHTTP blocks a card (PUT /bank/blocked/{card}) or frees it (DELETE).
func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		b.blocked[r.PathValue("card")] = true
	case http.MethodDelete:
		delete(b.blocked, r.PathValue("card"))
	default:
		http.Error(w, "PUT blocks a card, DELETE frees it", http.StatusMethodNotAllowed)
	}
}
