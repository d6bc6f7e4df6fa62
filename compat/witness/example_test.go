package witness_test

import (
	"fmt"
	"log"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// An enum loses a symbol. The witness is the smallest message that has it.
func ExampleBuild() {
	parse := func(symbols string) *avro.Schema {
		s, err := avro.Parse(lang.Source{Text: `{"type":"record","name":"Order","fields":[
			{"name":"id","type":"string"},
			{"name":"state","type":{"type":"enum","name":"State","symbols":[` + symbols + `]}}]}`})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	older, newer := parse(`"OPEN","PAID"`), parse(`"OPEN"`)
	report := compat.Default().Check(compat.Backward, newer, []compat.Version{{Number: 1, Schema: older}})
	for _, f := range report.Findings {
		if w, ok := witness.Build(f.Finding, newer, older); ok {
			fmt.Printf("%s\n%s, as bytes %x\n%s\n", f.Message, w.JSON, w.Data, w.Err)
		}
	}
	// Output:
	// symbol PAID of enum State was removed
	// {"id":"","state":"PAID"}, as bytes 0002
	// Order.state holds the symbol PAID, which the reader does not know
}

// No rule speaks against a change, and a thousand documents agree.
func ExampleProve() {
	parse := func(text string) *jsonschema.Schema {
		s, err := jsonschema.Parse(lang.Source{Type: lang.JSON, Text: text})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	older := parse(`{"type":"object","properties":{"n":{"type":"integer","maximum":9}},"additionalProperties":false}`)
	newer := parse(`{"type":"object","properties":{"n":{"type":"number","maximum":9}},"additionalProperties":false}`)
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		w, err := witness.Prove(newer, older, dir, 1000, 1)
		switch {
		case err != nil:
			log.Fatal(err)
		case w == nil:
			fmt.Println("all of 1000 documents cross")
		default:
			fmt.Println(w.JSON, w.Err)
		}
	}
	// Output:
	// all of 1000 documents cross
	// {"n":0.5} at #/n: got number, want integer
}

// Rules of Buf's alone name nobody whose reading breaks; messages do.
func ExamplePair_Whom() {
	parse := func(fields string) *protobuf.Schema {
		s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Text: `syntax = "proto3"; message Order { ` + fields + ` }`})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	older := parse("string id = 1; string note = 2; string tag = 3;")
	newer := parse("string id = 1; repeated string tag = 3;")
	pair := witness.NewPair(newer, older)
	who := map[rule.Breaks]string{0: "no reader", rule.Readers: "new readers", rule.OldReaders: "old readers"}
	for _, f := range compat.Default().Check(compat.Full, newer, []compat.Version{{Number: 1, Schema: older}}).Findings {
		fmt.Printf("%s breaks %s of the bytes\n", f.Rule.ID, who[pair.Whom(f.Finding)&(rule.Readers|rule.OldReaders)])
	}
	// Output:
	// FIELD_NO_DELETE_UNLESS_NAME_RESERVED breaks no reader of the bytes
	// FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED breaks no reader of the bytes
	// FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY breaks old readers of the bytes
}
