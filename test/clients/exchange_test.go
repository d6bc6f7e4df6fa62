package clients_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/decimal"
	commonv1 "github.com/wireproof/wireproof/gen/common/v1"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
	"github.com/wireproof/wireproof/registry/client"
)

func order() *ordersv1.OrderPlaced {
	price, day, note := decimal.MustParse("12.50"), time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC), "ring twice"
	parts := []ordersv1.Item{{SKU: "p", Quantity: 1, UnitPrice: decimal.MustParse("-0.01"), WeightKg: 0.1}}
	return &ordersv1.OrderPlaced{
		OrderID:    "o1",
		CustomerID: "00000000-0000-0000-0000-000000000007",
		PlacedAt:   time.UnixMilli(1_700_000_000_123).UTC(),
		DeliverBy:  &day,
		Currency:   "EUR",
		Total:      decimal.MustParse("25.00"),
		Channel:    ordersv1.ChannelWeb,
		Items:      []ordersv1.Item{{SKU: "s", Quantity: 2, UnitPrice: price, WeightKg: 0.5, Parts: parts}},
		ShipTo:     commonv1.Address{Lines: []string{"1 Wäy"}, City: "Ulm", Country: "DE"},
		Payment:    &ordersv1.CardPayment{Network: "visa", Last4: [4]byte{'4', '2', '4', '2'}},
		Attributes: map[string]string{"a": "b"},
		Points:     1 << 40,
		Discount:   0.25,
		Checkout:   ordersv1.Checkout{Program: "shop", Commit: [4]byte{0, 1, 0xfe, 0xff}},
		Note:       &note,
	}
}

func captured() *paymentsv1.PaymentCaptured {
	return &paymentsv1.PaymentCaptured{
		OrderId:       "o1",
		PaymentId:     "p1",
		Amount:        &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 2500},
		CapturedAt:    &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 5},
		Method:        &paymentsv1.PaymentCaptured_Card_{Card: &paymentsv1.PaymentCaptured_Card{Network: "visa", Last4: "4242"}},
		FeeMinorUnits: proto.Int64(0),
		ProviderData:  map[string]string{"a": "b"},
		Parts:         []*paymentsv1.PaymentCaptured_Part{{Id: "x", Amount: &commonv1.Money{MinorUnits: -1}}},
	}
}

func failed() *paymentsv1.PaymentFailed {
	return &paymentsv1.PaymentFailed{OrderId: "o1", Reason: paymentsv1.DeclineReason_DECLINE_REASON_FRAUD, Attempt: 2}
}

// An exchange hands an event of generated code to another language, and expects
// it back as it was but for its name.
type exchange interface {
	write(t *testing.T, c *client.Client, dir string)
	read(t *testing.T, c *client.Client, dir string)
}

type traded[T any] struct {
	name, subject string
	typ           *codec.Type[T]
	event         *T
	rename        func(*T)
}

func (x traded[T]) write(t *testing.T, c *client.Client, dir string) {
	t.Helper()
	s, err := codec.NewSerializer(t.Context(), c, x.subject, x.typ, codec.RegisterSchemas())
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Encode(x.event)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, x.name+".go"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (x traded[T]) read(t *testing.T, c *client.Client, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, x.name+".other"))
	if err != nil {
		t.Errorf("the other language has written nothing: %v", err)
		return
	}
	got, err := codec.NewDeserializer(c, x.typ).Decode(t.Context(), data)
	if err != nil {
		t.Errorf("decode %s of the other language: %v", x.name, err)
		return
	}
	x.rename(x.event)
	if d := cmp.Diff(x.event, got, protocmp.Transform(), cmp.Comparer(func(a, b decimal.Decimal) bool { return a.String() == b.String() })); d != "" {
		t.Errorf("%s of the other language (- want, + got):\n%s", x.name, d)
	}
}

// TestExchange writes events in Go, has them read and written by others, and reads
// them again. Every field of them has a value.
func TestExchange(t *testing.T) {
	for name, tt := range map[string]struct {
		language
		file string
	}{"python": {python, "exchange.py"}, "javascript": {javascript, "exchange.js"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.args(t)
			tt.env(t)
			exchanges := []exchange{
				traded[ordersv1.OrderPlaced]{"order", "exchange-orders-value", ordersv1.OrderPlacedType(), order(),
					func(e *ordersv1.OrderPlaced) { e.OrderID = "renamed" }},
				traded[paymentsv1.PaymentCaptured]{"PaymentCaptured", "exchange-payments-value", paymentsv1.PaymentCapturedType(), captured(),
					func(e *paymentsv1.PaymentCaptured) { e.OrderId = "renamed" }},
				traded[paymentsv1.PaymentFailed]{"PaymentFailed", "exchange-payments-value", paymentsv1.PaymentFailedType(), failed(),
					func(e *paymentsv1.PaymentFailed) { e.OrderId = "renamed" }},
			}
			url, dir := serve(t, "--memory"), t.TempDir()
			c := client.New(url)
			for _, x := range exchanges {
				x.write(t, c, dir)
			}
			tt.run(t, []job{{"exchange", tt.file, url}}, "WORK="+dir)
			for _, x := range exchanges {
				x.read(t, c, dir)
			}
		})
	}
}
