//go:build !bootstrap

package main

import (
	"context"
	_ "embed"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wireproof/wireproof/codec/decimal"
	"github.com/wireproof/wireproof/event"
	commonv1 "github.com/wireproof/wireproof/gen/common/v1"
	"github.com/wireproof/wireproof/gen/orders"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	"github.com/wireproof/wireproof/gen/payments"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
	"github.com/wireproof/wireproof/lang"
)

// demoSettings are the settings of the demo's repository: those of our own.
//
//go:embed demofiles/wireproof.yaml
var demoSettings string

func demoSources() []lang.Source {
	return []lang.Source{
		ordersv1.OrderPlacedType().Source, ordersv1.OrderShippedType().Source, ordersv1.OrderCancelledType().Source,
		paymentsv1.PaymentCapturedType().Source,
	}
}

// A ledger counts what was published and what was handled, each event once.
type ledger struct {
	mu        sync.Mutex // guards the fields below
	out, in   int
	repeats   int
	positions map[position]bool
}

type position struct {
	topic     string
	partition int32
	offset    int64
}

func (l *ledger) published(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out += n
}

// handled books an event and reports whether it is the first time.
func (l *ledger) handled(m event.Meta) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.positions == nil {
		l.positions = map[position]bool{}
	}
	p := position{m.Topic, m.Partition, m.Offset}
	if l.positions[p] {
		l.repeats++
		return false
	}
	l.positions[p] = true
	l.in++
	return true
}

func (l *ledger) balanced() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in == l.out
}

func (l *ledger) counts() (published, handled, twice int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out, l.in, l.repeats
}

// A load is 10,000 events of 1,000 orders: for each, one placed, five shipped, one
// cancelled, two payments captured and one failed.
type load struct {
	d        *demo
	orders   *orders.Publisher
	payments *payments.Publisher
}

const loadOrders = 1000

func newLoad(ctx context.Context, d *demo) (*load, error) {
	o, err := orders.NewPublisher(ctx, d.bus, d.registry)
	if err != nil {
		return nil, err
	}
	p, err := payments.NewPublisher(ctx, d.bus, d.registry)
	if err != nil {
		return nil, err
	}
	return &load{d, o, p}, nil
}

func (l *load) publish(ctx context.Context) error {
	var placed []*ordersv1.OrderPlaced
	var cancelled []*ordersv1.OrderCancelled
	for i := range loadOrders {
		id := fmt.Sprintf("o-%d", i)
		placed = append(placed, anOrder(id, i))
		cancelled = append(cancelled, &ordersv1.OrderCancelled{OrderID: id, CancelledAt: time.UnixMilli(0).UTC(), Reason: ordersv1.CancelReasonCustomer})
	}
	if err := l.orders.OrderPlacedBatch(ctx, placed); err != nil {
		return err
	}
	for n := 1; n <= 5; n++ {
		var shipped []*ordersv1.OrderShipped
		for i := range loadOrders {
			shipped = append(shipped, aShipment(fmt.Sprintf("o-%d", i), n))
		}
		if err := l.orders.OrderShippedBatch(ctx, shipped); err != nil {
			return err
		}
	}
	if err := l.orders.OrderCancelledBatch(ctx, cancelled); err != nil {
		return err
	}
	if err := l.publishPayments(ctx); err != nil {
		return err
	}
	l.d.books.published(10 * loadOrders)
	return nil
}

func (l *load) publishPayments(ctx context.Context) error {
	for n := range uint32(2) {
		var captured []*paymentsv1.PaymentCaptured
		for i := range loadOrders {
			captured = append(captured, &paymentsv1.PaymentCaptured{
				OrderId: fmt.Sprintf("o-%d", i), PaymentId: fmt.Sprint(n), CapturedAt: timestamppb.New(time.UnixMilli(0)),
				Amount:       &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 1999},
				Method:       &paymentsv1.PaymentCaptured_Iban{Iban: "GB82WEST12345698765432"},
				ProviderData: map[string]string{"batch": "1"},
			})
		}
		if err := l.payments.PaymentCapturedBatch(ctx, captured); err != nil {
			return err
		}
	}
	var failed []*paymentsv1.PaymentFailed
	for i := range loadOrders {
		failed = append(failed, &paymentsv1.PaymentFailed{OrderId: fmt.Sprintf("o-%d", i), PaymentId: "2", Attempt: 1})
	}
	return l.payments.PaymentFailedBatch(ctx, failed)
}

// free makes an order that costs nothing.
func free(o *ordersv1.OrderPlaced) { o.Total = decimal.MustParse("0.00") }

func anOrder(id string, i int, changes ...func(*ordersv1.OrderPlaced)) *ordersv1.OrderPlaced {
	price := decimal.New(int64(1000+i), 2)
	o := &ordersv1.OrderPlaced{
		OrderID: id, CustomerID: "5f7c8f3a-55b7-4c3e-8d4f-0e6a4f0d9b11", PlacedAt: time.UnixMilli(1_700_000_000_000).UTC(),
		Currency: "GBP", Total: price, Channel: ordersv1.ChannelApp,
		Items:      []ordersv1.Item{{SKU: "A-1", Quantity: 1, UnitPrice: price, WeightKg: 0.5}},
		ShipTo:     commonv1.Address{Lines: []string{"1 Mill Lane"}, City: "Bath", Country: "GB"},
		Payment:    &ordersv1.CardPayment{Network: "visa", Last4: ordersv1.Last4{'4', '2', '4', '2'}},
		Attributes: map[string]string{"campaign": "autumn"},
	}
	for _, change := range changes {
		change(o)
	}
	return o
}

func aShipment(id string, n int) *ordersv1.OrderShipped {
	code := fmt.Sprint(n)
	return &ordersv1.OrderShipped{
		OrderID: id, ShippedAt: time.UnixMicro(1).UTC(), Carrier: "Post", TrackingCode: &code,
		From: commonv1.Address{City: "Leeds", Country: "GB"}, Quantities: map[string]int32{"A-1": 1},
	}
}
