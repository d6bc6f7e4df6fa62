package avro_test

import (
	"fmt"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// All mistakes of a text are reported, each with its place.
func ExampleParse_mistakes() {
	_, err := avro.Parse(lang.Source{Path: "order.avsc", Text: `{
  "type": "record", "name": "Order", "namespace": "shop",
  "fields": [
    {"name": "count", "type": "int", "default": "none"},
    {"name": "buyer", "type": "Persn"},
    {"name": "count", "type": "long"}
  ]
}`})
	fmt.Println(err)
	// Output:
	// order.avsc:4:49: AVRO_DEFAULT_INVALID: the default is the string "none", expected a whole number of 32 bits for int
	// order.avsc:5:31: AVRO_NAME_UNKNOWN: nothing defines the type "shop.Persn"; expected a primitive type, a type of this text or of a reference
	// order.avsc:6:14: AVRO_FIELD_DUPLICATE: the field "count" is already in shop.Order at 4:14; expected each name once
}

// A schema has a text to keep, a text for reading data, and a fingerprint.
func ExampleSchema() {
	s, err := avro.Parse(lang.Source{Text: `{
  "type": "record", "name": "shop.Order", "doc": "What was bought.",
  "fields": [{"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}]
}`})
	if err != nil {
		fmt.Println(err)
		return
	}
	total := s.Root.Field("total").Type
	fmt.Println(total.Logical, total.Precision, total.Scale)
	fmt.Println(s.Canonical())
	fmt.Println(s.Parsing())
	fmt.Printf("%016x\n", s.Fingerprint())
	// Output:
	// decimal 9 2
	// {"type":"record","name":"Order","namespace":"shop","doc":"What was bought.","fields":[{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}
	// {"name":"shop.Order","type":"record","fields":[{"name":"total","type":"bytes"}]}
	// 3412fa3674e64706
}
