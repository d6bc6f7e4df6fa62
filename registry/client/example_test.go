package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/client"
)

func ExampleNew() {
	ctx := context.Background()
	reg := client.New("https://registry.example.com", client.Bearer(os.Getenv("REGISTRY_TOKEN")))

	_, err := reg.Lookup(ctx, "orders-value", lang.Source{Type: lang.Avro, Text: `{"type":"string"}`})
	if errors.Is(err, codec.ErrNotRegistered) {
		fmt.Println("register it first")
	}
}
