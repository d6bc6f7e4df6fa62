package endtoend_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"time"

	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/sourcing"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// oldCancelled is the schema of an event as it was years ago: with a reason that
// has gone since, and without two fields of today.
const oldCancelled = `{"type": "record", "name": "OrderCancelled", "namespace": "orders.v1", "fields": [
	{"name": "order_id", "type": "string"},
	{"name": "cancelled_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
	{"name": "reason", "type": {"type": "enum", "name": "CancelReason", "symbols": ["CUSTOMER", "LOST"]}}]}`

// An orderHistory is made of events, whatever version of their schema they were
// written with.
type orderHistory struct {
	cancelled *codec.Deserializer[ordersv1.OrderCancelled]
	last      *ordersv1.OrderCancelled
}

// Apply reads an event with the type of today.
func (h *orderHistory) Apply(e *sourcing.Event) (err error) {
	h.last, err = h.cancelled.Decode(context.Background(), e.Payload)
	return err
}

// An event of an old version is loaded as the type of today: what it does not
// have gets its default, and nothing in the store is rewritten.
func Example_oldEvents() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	server, err := inMemory(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	schemas := client.New(server.URL)
	store, err := sourcing.New(ctx, db)
	if err != nil {
		fmt.Println(err)
		return
	}

	id, err := schemas.Register(ctx, "orders-orders.v1.OrderCancelled", lang.Source{Type: lang.Avro, Text: oldCancelled})
	if err != nil {
		fmt.Println(err)
		return
	}
	payload := avrowire.AppendString(codec.AppendFrame(nil, id), "o-17")
	payload = avrowire.AppendLong(payload, time.Date(2019, 5, 4, 0, 0, 0, 0, time.UTC).UnixMilli())
	payload = avrowire.AppendLong(payload, 1) // LOST
	if _, err := store.Append(ctx, "o-17", 0, &event.Message{Topic: "orders", Payload: payload}); err != nil {
		fmt.Println(err)
		return
	}

	orders, err := sourcing.NewRepository(store, 0, nil, func() *orderHistory {
		return &orderHistory{cancelled: codec.NewDeserializer(schemas, ordersv1.OrderCancelledType())}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	h, version, err := orders.Load(ctx, "o-17")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("version", version, h.last.OrderID, h.last.CancelledAt.Year(), h.last.Reason, h.last.Refund == nil)
	// Output: version 1 o-17 2019 OTHER true
}

// inMemory starts a registry that ends with the program.
func inMemory(ctx context.Context) (*httptest.Server, error) {
	reg, err := registry.Open(ctx, memlog.New(), all.Lenient(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(rest.New(reg, rest.Options{})), nil
}
