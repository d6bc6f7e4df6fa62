package generate_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/generate"
)

func all(t *testing.T, settings string, files map[string]string) ([]generate.File, error) {
	t.Helper()
	cfg, err := config.Parse("wireproof.yaml", "version: 1\nevents:\n"+settings)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for p, text := range files {
		fsys[p] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := catalog.Load(fsys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return generate.All(c, "example.com/shop/gen")
}

const (
	orderAvro  = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`
	orderProto = "syntax = \"proto3\";\npackage shop2;\nmessage Order { string id = 1; }\n"
)

func TestAllNamesClashes(t *testing.T) {
	for _, tt := range []struct {
		name, settings string
		files          map[string]string
		want           string
	}{
		{"a record and a message", "  - { schema: shop/order.avsc, topic: a }\n  - { schema: shop/other.proto, topic: b }\n",
			map[string]string{"shop/order.avsc": orderAvro, "shop/other.proto": orderProto},
			"shop/order.avro.go and shop/other.fast.go would both declare"},
		{"a topic in the folder of a schema", "  - { schema: shop/v1/order.avsc, topic: Shop.v1 }\n  - { schema: shop/order.proto, topic: shop }\n",
			map[string]string{"shop/v1/order.avsc": orderAvro, "shop/order.proto": strings.Replace(orderProto, "package shop2;", "package shop2;\noption go_package = \"x/y;other\";", 1)},
			"would be of package"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := all(t, tt.settings, tt.files)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("All error = %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// The same schemas give the same bytes.
func TestAllIsDeterministic(t *testing.T) {
	files := map[string]string{"shop/v1/order.avsc": orderAvro, "pay/v1/order.proto": orderProto}
	settings := "  - { schema: shop/v1/order.avsc, topic: orders, key: id }\n  - { schema: pay/v1/order.proto, topic: payments, key: id }\n"
	first, err := all(t, settings, files)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := all(t, settings, files)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range again {
			if f.Path != first[i].Path || string(f.Data) != string(first[i].Data) {
				t.Fatalf("%s differs between two runs", f.Path)
			}
		}
	}
}
