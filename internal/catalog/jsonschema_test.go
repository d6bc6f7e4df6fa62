package catalog_test

import (
	"strings"
	"testing"
)

const (
	moneySchema  = `{"$id":"https://shop.example/money.schema.json","title":"Money","type":"object","properties":{"units":{"type":"integer"}}}`
	placedSchema = `{"title":"Placed","type":"object","properties":{"id":{"type":"string"},
  "total":{"$ref":"../common/money.schema.json"},
  "paid":{"$ref":"https://shop.example/money.schema.json#/properties/units"}}}`
)

func TestJSONSchemaReferences(t *testing.T) {
	c, err := load(t, "events: [{ schema: orders/placed.schema.json, topic: orders, key: id }]\n",
		files("common/money.schema.json", moneySchema, "orders/placed.schema.json", placedSchema))
	if err != nil {
		t.Fatal(err)
	}
	subjects := c.Subjects()
	if len(subjects) != 2 || subjects[0].Name != "common/money.schema.json" || subjects[1].Name != "orders-Placed" {
		t.Fatalf("subjects = %+v, want the money that is referred to, then orders-Placed", subjects)
	}
	var names []string
	for _, ref := range subjects[1].File.Source.References {
		names = append(names, ref.Name+" in "+ref.Subject)
	}
	want := "../common/money.schema.json in common/money.schema.json\nhttps://shop.example/money.schema.json in common/money.schema.json"
	if got := strings.Join(names, "\n"); got != want {
		t.Errorf("references:\n%s\nwant\n%s", got, want)
	}
}

func TestJSONSchemaMistakes(t *testing.T) {
	for _, tc := range []struct{ name, settings, text, want string }{
		{"no title", "", `{"type":"object"}`, "has no title that could name its event"},
		{"key", "", `{"title":"Placed","type":"object","properties":{"a":{}}}`, `key is "id"`},
		{"no schema", "", `{"title":"Placed","type":"orange"}`, "JSON_SCHEMA_INVALID"},
		{"dangling", "", `{"title":"Placed","properties":{"id":{"$ref":"other.schema.json"}}}`, "JSON_SCHEMA_REF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := load(t, tc.settings+"events: [{ schema: placed.schema.json, topic: orders, key: id }]\n", files("placed.schema.json", tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want one with %q", err, tc.want)
			}
		})
	}
}
