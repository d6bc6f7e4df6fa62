package generate_test

import (
	"testing"

	"github.com/wireproof/wireproof/internal/generate"
)

func TestGoName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"order_id": "OrderID", "orderId": "OrderID", "ORDER_ID": "OrderID", "OrderPlaced": "OrderPlaced", "_id": "ID",
		"ids": "IDs", "http_url": "HTTPURL", "HTTPServer": "HTTPServer", "last4": "Last4", "OUT_OF_STOCK": "OutOfStock",
		"double_": "Double", "_1st": "X1st", "__": "X", "EUOrder": "EUOrder", "x": "X", "WEB": "Web", "sku": "SKU",
		"v2Beta": "V2Beta", "idle": "Idle", "straße": "StraE",
	} {
		if got := generate.GoName(in); got != want {
			t.Errorf("GoName(%q) = %q, want %q", in, got, want)
		}
	}
}
