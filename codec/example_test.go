package codec_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/hambacodec"
	"github.com/wireproof/wireproof/lang"
)

type greeting struct {
	To string `avro:"to"`
}

// schemas is a registry with two schemas.
type schemas map[uint32]lang.Source

func (s schemas) SchemaByID(_ context.Context, id uint32) (lang.Source, error) {
	if src, ok := s[id]; ok {
		return src, nil
	}
	return lang.Source{}, codec.ErrUnknownID
}

func (s schemas) Lookup(_ context.Context, _ string, schema lang.Source) (uint32, error) {
	for id, src := range s {
		if src.Text == schema.Text {
			return id, nil
		}
	}
	return 0, codec.ErrNotRegistered
}

func schemaOf(name string) lang.Source {
	return lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"` + name + `","fields":[{"name":"to","type":"string"}]}`}
}

// A type for a hand-written struct; generated code has one for each event.
func greetingType() *codec.Type[greeting] {
	t, err := hambacodec.Type[greeting]("hello.Greeting", schemaOf("hello.Greeting"))
	if err != nil {
		panic(err)
	}
	return t
}

func Example() {
	ctx := context.Background()
	registry := schemas{7: schemaOf("hello.Greeting")}

	serializer, err := codec.NewSerializer(ctx, registry, "greetings-value", greetingType())
	if err != nil {
		fmt.Println(err) // names the command that registers the schema
		return
	}
	payload, err := serializer.Encode(&greeting{To: "Ada"})
	fmt.Printf("%x %v\n", payload, err)

	deserializer := codec.NewDeserializer(registry, greetingType())
	event, err := deserializer.Decode(ctx, payload)
	fmt.Println(event.To, err)

	_, err = deserializer.Decode(ctx, payload[:7])
	fmt.Println(errors.Is(err, codec.ErrUndecodable), err)
	// Output:
	// 000000000706416461 <nil>
	// Ada <nil>
	// true decode hello.Greeting, schema id 7, field to, byte 5: length is 3, but 1 bytes are left
}

func ExampleMux() {
	ctx := context.Background()
	registry := schemas{7: schemaOf("hello.Greeting"), 8: schemaOf("hello.Farewell")}

	mux := codec.NewMux[string](registry)
	err := codec.Handle(mux, greetingType(), func(_ context.Context, e *greeting, meta string) error {
		fmt.Println("hello", e.To, meta)
		return nil
	})
	fmt.Println(err)

	for id := range uint32(2) {
		payload := append(codec.AppendFrame(nil, 7+id), "\x06Ada"...)
		known, name, err := mux.Dispatch(ctx, payload, "from partition 3")
		fmt.Println(known, name, err)
	}
	// Output:
	// <nil>
	// hello Ada from partition 3
	// true hello.Greeting <nil>
	// false hello.Farewell <nil>
}
