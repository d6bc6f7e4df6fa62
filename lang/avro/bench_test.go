package avro_test

import (
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// What a registry does with a text that it has not seen.
func BenchmarkParse(b *testing.B) {
	const text = `{"type":"record","name":"OrderPlaced","namespace":"shop.orders.v1","doc":"An order.","fields":[
		{"name":"order_id","type":"string"},{"name":"customer","type":["null","string"],"default":null},
		{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"quantity","type":"int","default":1}]}}},
		{"name":"labels","type":{"type":"map","values":"string"},"default":{}},
		{"name":"placed_at","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID"],"default":"NEW"}},
		{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
		{"name":"gift","type":"boolean","default":false},{"name":"rate","type":"double"},{"name":"id","type":{"type":"string","logicalType":"uuid"}}]}`
	b.ReportAllocs()
	for b.Loop() {
		s, err := avro.ParseLenient(lang.Source{Type: lang.Avro, Path: "o.avsc", Text: text})
		if err != nil {
			b.Fatal(err)
		}
		_, _ = s.Canonical(), s.Normalized()
	}
}
