package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hamba/avro/v2"
	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/hambacodec"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	paymentsv1 "github.com/wireproof/wireproof/gen/payments/v1"
	"github.com/wireproof/wireproof/registry/srsource"
)

// A Serde is one way to write and to read one event. Encode returns memory that
// a broker client may keep; Decode returns an event that owns its memory.
type Serde struct {
	Event  string // orders are Avro, payments Protobuf
	Name   string
	Ours   bool
	Encode func() ([]byte, error)
	Decode func(data []byte) error
}

// Serdes returns all that are compared, with their schemas registered in the
// registry at url and every cache warm.
func Serdes(ctx context.Context, url string) ([]Serde, error) {
	client := srclient.NewSchemaRegistryClient(url)
	source := srsource.New(client)
	order, err := generated(ctx, source, "order", "orders-value", ordersv1.OrderPlacedType(), NewOrder())
	if err != nil {
		return nil, err
	}
	payment, err := generated(ctx, source, "payment", "payments-value", paymentsv1.PaymentCapturedType(), NewPayment())
	if err != nil {
		return nil, err
	}
	data, err := order.Encode()
	if err != nil {
		return nil, err
	}
	orderID := int(binary.BigEndian.Uint32(data[1:]))
	hand, err := handWritten(ctx, source)
	if err != nil {
		return nil, err
	}
	peers, err := avroPeers(client, orderID)
	if err != nil {
		return nil, err
	}
	if data, err = payment.Encode(); err != nil {
		return nil, err
	}
	all := append([]Serde{order, hand}, peers...)
	all = append(all, payment, protoPeer(int(binary.BigEndian.Uint32(data[1:]))))
	for _, s := range all { // warm, and known to work
		data, err := s.Encode()
		if err == nil {
			err = s.Decode(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.Event, s.Name, err)
		}
	}
	return all, nil
}

func generated[T any](ctx context.Context, source *srsource.Source, event, subject string, t *codec.Type[T], v *T) (Serde, error) {
	return ours(ctx, source, event, "wireproof, generated", subject, t, v)
}

func ours[T any](ctx context.Context, source *srsource.Source, event, name, subject string, t *codec.Type[T], v *T) (Serde, error) {
	s, err := codec.NewSerializer(ctx, source, subject, t, codec.RegisterSchemas())
	if err != nil {
		return Serde{}, err
	}
	d := codec.NewDeserializer(source, t)
	return Serde{Event: event, Name: name, Ours: true,
		Encode: func() ([]byte, error) { return s.Encode(v) },
		Decode: func(data []byte) error { _, err := d.Decode(ctx, data); return err },
	}, nil
}

func handWritten(ctx context.Context, source *srsource.Source) (Serde, error) {
	t, err := hambacodec.Type[handOrder]("orders.v1.OrderPlaced", ordersv1.OrderPlacedSchema(),
		hambacodec.Union("orders.v1.CardPayment", &handCard{}), hambacodec.Union("orders.v1.InvoicePayment", &handInvoice{}))
	if err != nil {
		return Serde{}, err
	}
	return ours(ctx, source, "order", "wireproof, hambacodec", "orders-value", t, newHandOrder())
}

// avroPeers are what the documentation of srclient and of franz-go shows, both
// with hamba/avro as the codec.
func avroPeers(client *srclient.SchemaRegistryClient, id int) ([]Serde, error) {
	schema, err := hambaSchema()
	if err != nil {
		return nil, err
	}
	api := avro.Config{}.Freeze()
	api.Register("orders.v1.CardPayment", &handCard{})
	api.Register("orders.v1.InvoicePayment", &handInvoice{})
	v := newHandOrder()

	var serde sr.Serde
	serde.Register(id, handOrder{},
		sr.EncodeFn(func(v any) ([]byte, error) { return api.Marshal(schema, v) }),
		sr.DecodeFn(func(data []byte, v any) error { return api.Unmarshal(schema, data, v) }))

	return []Serde{{Event: "order", Name: "srclient + hamba/avro",
		Encode: func() ([]byte, error) {
			if _, err := client.GetSchema(id); err != nil {
				return nil, err
			}
			value, err := api.Marshal(schema, v)
			if err != nil {
				return nil, err
			}
			return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), value...), nil
		},
		Decode: func(data []byte) error {
			if len(data) < 5 {
				return errors.New("short")
			}
			if _, err := client.GetSchema(int(binary.BigEndian.Uint32(data[1:]))); err != nil {
				return err
			}
			return api.Unmarshal(schema, data[5:], new(handOrder))
		},
	}, {Event: "order", Name: "franz-go sr + hamba/avro",
		Encode: func() ([]byte, error) { return serde.Encode(*v) },
		Decode: func(data []byte) error { return serde.Decode(data, new(handOrder)) },
	}}, nil
}

func hambaSchema() (avro.Schema, error) {
	src, cache := ordersv1.OrderPlacedSchema(), &avro.SchemaCache{}
	for _, ref := range src.References {
		if _, err := avro.ParseWithCache(ref.Source.Text, "", cache); err != nil {
			return nil, err
		}
	}
	return avro.ParseWithCache(src.Text, "", cache)
}

func protoPeer(id int) Serde {
	var serde sr.Serde
	serde.Register(id, &paymentsv1.PaymentCaptured{}, sr.Index(0),
		sr.EncodeFn(func(v any) ([]byte, error) { return proto.Marshal(v.(proto.Message)) }),
		sr.DecodeFn(func(data []byte, v any) error { return proto.Unmarshal(data, v.(proto.Message)) }))
	v := NewPayment()
	return Serde{Event: "payment", Name: "franz-go sr + google protobuf",
		Encode: func() ([]byte, error) { return serde.Encode(v) },
		Decode: func(data []byte) error { return serde.Decode(data, new(paymentsv1.PaymentCaptured)) },
	}
}
