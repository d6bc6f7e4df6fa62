//go:build !bootstrap

package main

import (
	_ "embed"
	"math/big"
	"time"

	"github.com/wireproof/wireproof/lang"
)

// orderPlacedV1 is the first version of the schema: other field order, a field
// that was removed since, a name that has an alias today, and several missing.
//
//go:embed demofiles/order_placed_v1.avsc
var orderPlacedV1 string

// An oldOrder is how a service that never heard of wireproof writes that version:
// a struct with avro tags.
type oldOrder struct {
	CustomerID string     `avro:"customer_id"`
	OrderID    string     `avro:"order_id"`
	SourceIP   string     `avro:"source_ip"`
	PlacedAt   time.Time  `avro:"placed_at"`
	Total      *big.Rat   `avro:"total"`
	Items      []oldItem  `avro:"items"`
	ShipTo     oldAddress `avro:"ship_to"`
	Payment    oldInvoice `avro:"payment_method"`
}

type oldItem struct {
	SKU       string   `avro:"sku"`
	Quantity  int32    `avro:"quantity"`
	UnitPrice *big.Rat `avro:"unit_price"`
}

type oldAddress struct {
	Lines      []string `avro:"lines"`
	City       string   `avro:"city"`
	PostalCode *string  `avro:"postal_code"`
	Country    string   `avro:"country"`
}

type oldInvoice struct {
	Days int32 `avro:"days"`
}

// oldSource returns the first version with the reference that it needs.
func oldSource(address lang.Reference) lang.Source {
	return lang.Source{Type: lang.Avro, Path: "orders/v1/order_placed.avsc", Text: orderPlacedV1, References: []lang.Reference{address}}
}

func anOldOrder(id string) *oldOrder {
	return &oldOrder{
		CustomerID: "5f7c8f3a-55b7-4c3e-8d4f-0e6a4f0d9b11", OrderID: id, SourceIP: "192.0.2.7", PlacedAt: time.UnixMilli(1_700_000_000_000).UTC(),
		Total:   big.NewRat(1999, 100),
		Items:   []oldItem{{SKU: "A-1", Quantity: 1, UnitPrice: big.NewRat(1999, 100)}},
		ShipTo:  oldAddress{Lines: []string{"1 Mill Lane"}, City: "Bath", Country: "GB"},
		Payment: oldInvoice{Days: 14},
	}
}
