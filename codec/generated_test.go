package codec_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/decimal"
	commonv1 "github.com/wireproof/wireproof/gen/common/v1"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
	"github.com/wireproof/wireproof/lang"
)

// The tests of this file use the generated types of this repository: the shape
// in which the package is meant to be used.

func anOrder() *ordersv1.OrderPlaced {
	return &ordersv1.OrderPlaced{
		OrderID: "o-17", CustomerID: "6f1b9b1e-8a6f-4c86-9a53-3b0f0b6f5d11",
		PlacedAt: time.UnixMilli(1_790_000_000_123).UTC(), Currency: "EUR", Total: decimal.New(1999, 2),
		Channel: ordersv1.ChannelApp,
		Items:   []ordersv1.Item{{SKU: "a", Quantity: 1, UnitPrice: decimal.New(1999, 2)}},
		ShipTo:  commonv1.Address{Lines: []string{"12 Long Street"}, City: "Springfield", Country: "DE"},
		Payment: &ordersv1.InvoicePayment{Days: 30},
	}
}

func serializerOf[T any](t *testing.T, reg codec.Registry, typ *codec.Type[T]) *codec.Serializer[T] {
	t.Helper()
	s, err := codec.NewSerializer(t.Context(), reg, typ.Name, typ, codec.RegisterSchemas())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGeneratedAvro(t *testing.T) {
	reg := fakeRegistrar{registryOf(map[uint32]lang.Source{})}
	s := serializerOf(t, reg, ordersv1.OrderPlacedType())
	// The same data under another id, as a registry keeps it that prints anew.
	printed := reg.schemas[s.ID()]
	printed.Text = strings.ReplaceAll(printed.Text, "A customer has placed an order.", "Other words.")
	reg.schemas[99] = printed

	want := anOrder()
	data, err := s.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	d := codec.NewDeserializer(reg, ordersv1.OrderPlacedType())
	for _, id := range []uint32{s.ID(), 99} {
		got, err := d.Decode(t.Context(), framed(id, string(data[5:])))
		if err != nil {
			t.Fatal(err)
		}
		equal := cmp.Options{
			cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }),
			cmp.Comparer(func(a, b []ordersv1.Item) bool { return len(a) == len(b) && cmp.Equal(a[0].SKU, b[0].SKU) }),
			cmp.Comparer(func(a, b map[string]string) bool { return len(a) == len(b) }),
		}
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Errorf("id %d (-want +got):\n%s", id, diff)
		}
	}

	for n := range data {
		_, err := d.Decode(t.Context(), data[:n])
		var fault *codec.DecodeError
		if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > n {
			t.Errorf("Decode of %d of %d bytes = %v, want a DecodeError with its place", n, len(data), err)
		}
	}
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(200, func() { dst, _ = s.Append(dst[:0], want) }); n != 0 {
		t.Errorf("Append makes %v allocations, want 0", n)
	}
}

func TestGeneratedProtobufOnOneSubject(t *testing.T) {
	reg := fakeRegistrar{registryOf(map[uint32]lang.Source{})}
	captured := serializerOf(t, reg, paymentsv1.PaymentCapturedType())
	failed := serializerOf(t, reg, paymentsv1.PaymentFailedType())
	want := &paymentsv1.PaymentCaptured{OrderId: "o-17", CapturedAt: timestamppb.New(time.UnixMilli(1)), ProviderData: map[string]string{"a": "b"}}
	data, err := captured.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	other, err := failed.Encode(&paymentsv1.PaymentFailed{Attempt: 3})
	if err != nil {
		t.Fatal(err)
	}

	var seen []proto.Message
	mux := codec.NewMux[int](reg)
	must(codec.Handle(mux, paymentsv1.PaymentCapturedType(), func(_ context.Context, e *paymentsv1.PaymentCaptured, _ int) error {
		seen = append(seen, e)
		return nil
	}))
	if known, name, err := mux.Dispatch(t.Context(), data, 0); !known || name != "payments.v1.PaymentCaptured" || err != nil {
		t.Errorf("Dispatch = %v, %q, %v", known, name, err)
	}
	if known, name, err := mux.Dispatch(t.Context(), other, 0); known || name != "payments.v1.PaymentFailed" || err != nil {
		t.Errorf("Dispatch = %v, %q, %v; want an unknown PaymentFailed", known, name, err)
	}
	if len(seen) != 1 || !proto.Equal(seen[0], want) {
		t.Errorf("handled %v, want %v", seen, want)
	}
	if _, err := codec.NewDeserializer(reg, paymentsv1.PaymentFailedType()).Decode(t.Context(), data); !errors.Is(err, codec.ErrUndecodable) || !strings.Contains(err.Error(), "PaymentCaptured") {
		t.Errorf("Decode of another message = %v, want an error that names it", err)
	}
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(200, func() { dst, _ = captured.Append(dst[:0], want) }); n != 0 {
		t.Errorf("Append makes %v allocations, want 0", n)
	}
}
