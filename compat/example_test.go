package compat_test

import (
	"fmt"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// A subject has one version, and the next adds a field that old records lack.
func ExampleChecker_Check() {
	parse := func(path, text string) lang.Schema {
		s, err := avro.Parse(lang.Source{Type: lang.Avro, Path: path, Text: text})
		if err != nil {
			panic(err)
		}
		return s
	}
	v1 := parse("v1", `{"type": "record", "name": "Order", "fields": []}`)
	next := parse("order.avsc", `{"type": "record", "name": "Order", "fields": [
  {"name": "currency", "type": "string"}
]}`)

	report := compat.Default().Check(compat.BackwardTransitive, next, []compat.Version{{Number: 1, Schema: v1}})
	fmt.Println(report.Compatible)
	for _, f := range report.Findings {
		fmt.Println(f.New, f.Rule.ID, f.Message, f.Versions)
	}
	// Output:
	// false
	// order.avsc:2:12 AVRO_FIELD_ADDED_NO_DEFAULT field "currency" was added without a default [1]
}
