package bench

import (
	"math/big"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wireproof/wireproof/codec/decimal"
	commonv1 "github.com/wireproof/wireproof/gen/common/v1"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
)

func ptr[T any](v T) *T { return &v }

// NewOrder returns an order of some 300 bytes of Avro.
func NewOrder() *ordersv1.OrderPlaced {
	items := make([]ordersv1.Item, 3)
	for i := range items {
		items[i] = ordersv1.Item{SKU: "sku-0000" + string(rune('1'+i)), Quantity: int32(i + 1), UnitPrice: decimal.New(1999, 2), WeightKg: 0.75}
	}
	return &ordersv1.OrderPlaced{
		OrderID:    "order-000000017",
		CustomerID: "6f1b9b1e-8a6f-4c86-9a53-3b0f0b6f5d11",
		PlacedAt:   time.UnixMilli(1_790_000_000_123).UTC(),
		DeliverBy:  ptr(time.Unix(20_720*86_400, 0).UTC()),
		Currency:   "EUR",
		Total:      decimal.New(11_994, 2),
		Channel:    ordersv1.ChannelApp,
		Items:      items,
		ShipTo:     commonv1.Address{Lines: []string{"12 Long Street", "Flat 3"}, City: "Springfield", PostalCode: ptr("12345"), Country: "DE"},
		Payment:    &ordersv1.CardPayment{Network: "visa", Last4: ordersv1.Last4{'4', '2', '4', '2'}},
		Attributes: map[string]string{"campaign": "spring", "source": "newsletter"},
		Note:       ptr("please ring twice"),
	}
}

// The same order as people write it by hand for hamba/avro.
type (
	handOrder struct {
		OrderID    string            `avro:"order_id"`
		CustomerID string            `avro:"customer_id"`
		PlacedAt   time.Time         `avro:"placed_at"`
		DeliverBy  *time.Time        `avro:"deliver_by"`
		Currency   string            `avro:"currency"`
		Total      *big.Rat          `avro:"total"`
		Channel    string            `avro:"channel"`
		Items      []handItem        `avro:"items"`
		ShipTo     handAddress       `avro:"ship_to"`
		Payment    any               `avro:"payment"`
		Attributes map[string]string `avro:"attributes"`
		Note       *string           `avro:"note"`
	}
	handItem struct {
		SKU       string     `avro:"sku"`
		Quantity  int32      `avro:"quantity"`
		UnitPrice *big.Rat   `avro:"unit_price"`
		WeightKg  float64    `avro:"weight_kg"`
		Parts     []handItem `avro:"parts"`
	}
	handAddress struct {
		Lines      []string `avro:"lines"`
		City       string   `avro:"city"`
		PostalCode *string  `avro:"postal_code"`
		Country    string   `avro:"country"`
	}
	handCard struct {
		Network string  `avro:"network"`
		Last4   [4]byte `avro:"last4"`
	}
	handInvoice struct {
		Days     int32 `avro:"days"`
		Approved bool  `avro:"approved"`
	}
)

func newHandOrder() *handOrder {
	o := NewOrder()
	hand := &handOrder{
		OrderID: o.OrderID, CustomerID: o.CustomerID, PlacedAt: o.PlacedAt, DeliverBy: o.DeliverBy,
		Currency: o.Currency, Total: big.NewRat(11_994, 100), Channel: o.Channel.String(),
		ShipTo:     handAddress{o.ShipTo.Lines, o.ShipTo.City, o.ShipTo.PostalCode, o.ShipTo.Country},
		Payment:    &handCard{"visa", [4]byte{'4', '2', '4', '2'}},
		Attributes: o.Attributes, Note: o.Note,
	}
	for _, item := range o.Items {
		hand.Items = append(hand.Items, handItem{item.SKU, item.Quantity, big.NewRat(1999, 100), item.WeightKg, nil})
	}
	return hand
}

// NewPayment returns a payment of some 200 bytes of Protobuf.
func NewPayment() *paymentsv1.PaymentCaptured {
	return &paymentsv1.PaymentCaptured{
		OrderId:       "order-000000017",
		PaymentId:     "6f1b9b1e-8a6f-4c86-9a53-3b0f0b6f5d11",
		Amount:        &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 11_994},
		CapturedAt:    timestamppb.New(time.UnixMilli(1_790_000_000_123)),
		Method:        &paymentsv1.PaymentCaptured_Card_{Card: &paymentsv1.PaymentCaptured_Card{Network: "visa", Last4: "4242"}},
		FeeMinorUnits: ptr(int64(42)),
		ProviderData:  map[string]string{"trace": "0f6c2a", "region": "eu-west"},
		Parts: []*paymentsv1.PaymentCaptured_Part{
			{Id: "part-1", Amount: &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 6000}},
			{Id: "part-2", Amount: &commonv1.Money{CurrencyCode: "EUR", MinorUnits: 5994}},
		},
	}
}
