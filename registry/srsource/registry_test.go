package srsource_test

import (
	"errors"
	"testing"

	"github.com/riferrei/srclient"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/srsource"
)

func realSource(t *testing.T) *srsource.Source {
	t.Helper()
	return srsource.New(srclient.NewSchemaRegistryClient(registrytest.New(t).URL))
}

func protoSource() lang.Source {
	return lang.Source{
		Type: lang.Protobuf, Path: "shop/v1/order.proto",
		Text: "syntax = \"proto3\";\npackage shop.v1;\nimport \"shop/v1/money.proto\";\nmessage Line {}\nmessage Order { Money total = 1; }\n",
		References: []lang.Reference{{Name: "shop/v1/money.proto", Source: &lang.Source{
			Type: lang.Protobuf, Path: "shop/v1/money.proto",
			Text: "syntax = \"proto3\";\npackage shop.v1;\nmessage Money { int64 units = 1; }\n",
		}}},
	}
}

// Against the registry of this module: what is registered is found again, by its
// text and by its id, with everything that it refers to.
func TestAgainstTheRegistry(t *testing.T) {
	t.Parallel()
	for _, schema := range []lang.Source{orderSource(), protoSource()} {
		s := realSource(t)
		if _, err := s.Lookup(t.Context(), "orders-value", schema); !errors.Is(err, codec.ErrNotRegistered) {
			t.Errorf("%s: Lookup before = %v, want ErrNotRegistered", schema.Type, err)
		}
		id, err := s.Register(t.Context(), "orders-value", schema)
		if err != nil {
			t.Fatalf("%s: Register = %v", schema.Type, err)
		}
		if again, err := s.Lookup(t.Context(), "orders-value", schema); err != nil || again != id {
			t.Errorf("%s: Lookup after = %d, %v; want %d", schema.Type, again, err, id)
		}
		got, err := s.SchemaByID(t.Context(), id)
		if err != nil || got.Type != schema.Type || len(got.References) != 1 || got.References[0].Source == nil {
			t.Errorf("%s: SchemaByID = %+v, %v", schema.Type, got, err)
		}
		if _, err := s.SchemaByID(t.Context(), 4711); !errors.Is(err, codec.ErrUnknownID) {
			t.Errorf("%s: SchemaByID of an unknown id = %v, want ErrUnknownID", schema.Type, err)
		}
	}
}

type blob struct{ data string }

// A message goes through a serializer and a deserializer that share the client.
func TestSerializerAndDeserializer(t *testing.T) {
	t.Parallel()
	s := realSource(t)
	typ := &codec.Type[blob]{
		Name: "shop.v1.Order", Source: protoSource(),
		Append: func(dst []byte, v *blob) ([]byte, error) { return append(dst, v.data...), nil },
		Decode: func(data string, v *blob) error { v.data = data; return nil },
	}
	if _, err := codec.NewSerializer(t.Context(), s, "orders-value", typ); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("NewSerializer before the schema is registered = %v, want ErrNotRegistered", err)
	}
	out, err := codec.NewSerializer(t.Context(), s, "orders-value", typ, codec.RegisterSchemas())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := out.Encode(&blob{"\x0a\x02\x08\x01"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.NewDeserializer(s, typ).Decode(t.Context(), payload)
	if err != nil || got.data != "\x0a\x02\x08\x01" {
		t.Errorf("Decode = %v, %v", got, err)
	}
}
