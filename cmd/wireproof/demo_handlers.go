//go:build !bootstrap

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/gen/orders"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
)

// A checker handles every event and checks that those of one order come in the
// order in which they were published.
type checker struct {
	books *ledger

	mu    sync.Mutex // guards the fields below
	last  map[string]int
	wrong []string
}

func newChecker(books *ledger) *checker { return &checker{books: books, last: map[string]int{}} }

// saw notes that step n of a sequence has come.
func (c *checker) saw(sequence string, n int, m event.Meta) error {
	if !c.books.handled(m) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last[sequence] != n-1 {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: step %d came after step %d", sequence, n, c.last[sequence]))
	}
	c.last[sequence] = n
	return nil
}

func (c *checker) disorder() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d events came out of order, first %s", len(c.wrong), c.wrong[0])
}

func (c *checker) OrderPlaced(_ context.Context, e *ordersv1.OrderPlaced, m event.Meta) error {
	return c.saw(e.OrderID, 1, m)
}

func (c *checker) OrderShipped(_ context.Context, e *ordersv1.OrderShipped, m event.Meta) error {
	if e.TrackingCode == nil {
		return event.Permanent(errors.New("no tracking code"))
	}
	n, err := strconv.Atoi(*e.TrackingCode)
	if err != nil {
		return event.Permanent(err)
	}
	return c.saw(e.OrderID, 1+n, m)
}

func (c *checker) OrderCancelled(_ context.Context, e *ordersv1.OrderCancelled, m event.Meta) error {
	return c.saw(e.OrderID, 7, m)
}

func (c *checker) PaymentCaptured(_ context.Context, e *paymentsv1.PaymentCaptured, m event.Meta) error {
	n, err := strconv.Atoi(e.GetPaymentId())
	if err != nil {
		return event.Permanent(err)
	}
	return c.saw("payment of "+e.GetOrderId(), 1+n, m)
}

func (c *checker) PaymentFailed(_ context.Context, e *paymentsv1.PaymentFailed, m event.Meta) error {
	return c.saw("payment of "+e.GetOrderId(), 3, m)
}

// A mixedHandler tells events of old writers from those of new ones.
type mixedHandler struct {
	orders.Ignore
	books *ledger

	mu       sync.Mutex // guards the fields below
	old, new int
	wrong    string
}

func (h *mixedHandler) OrderPlaced(_ context.Context, e *ordersv1.OrderPlaced, m event.Meta) error {
	if !h.books.handled(m) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch p := e.Payment.(type) {
	case *ordersv1.InvoicePayment:
		h.old++
		if p.Days != 14 || p.Approved || e.Currency != "EUR" || e.Channel != ordersv1.ChannelUnknown || e.Total.String() != "19.99" {
			h.wrong = fmt.Sprintf("an old event was read as %+v", e)
		}
	case *ordersv1.CardPayment:
		h.new++
	}
	return nil
}

func (h *mixedHandler) counts() (old, new int, wrong string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.old, h.new, h.wrong
}

// A divider has a bug, until it is fixed: it cannot handle an order that costs
// nothing.
type divider struct {
	orders.Ignore
	books *ledger
	fixed bool
}

func (h *divider) OrderPlaced(_ context.Context, e *ordersv1.OrderPlaced, m event.Meta) error {
	if e.Total.Sign() == 0 && !h.fixed {
		return errors.New("division by zero: the order costs nothing")
	}
	h.books.handled(m)
	return nil
}
