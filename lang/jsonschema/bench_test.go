package jsonschema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang/jsonschema"
)

func BenchmarkParse(b *testing.B) {
	order := `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"id":{"type":"string","format":"uuid"},` +
		`"total":{"type":"number","minimum":0},"items":{"type":"array","items":{"$ref":"#/definitions/item"}}},"required":["id"],` +
		`"definitions":{"item":{"type":"object","properties":{"sku":{"type":"string","pattern":"^[A-Z]+$"},"count":{"type":"integer"}}}}}`
	var fields []string
	for i := range 300 {
		fields = append(fields, fmt.Sprintf(`"f%d":{"type":["string","null"],"maxLength":%d}`, i, i))
	}
	wide := `{"type":"object","properties":{` + strings.Join(fields, ",") + `}}`
	for name, text := range map[string]string{"order": order, "wide": wide, "2020-12": strings.Replace(order, "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema", 1)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := jsonschema.Parse(source(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
