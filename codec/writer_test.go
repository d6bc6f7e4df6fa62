package codec

import (
	"errors"
	"testing"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
)

func avroField(fieldType string) lang.Source {
	return lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"v","type":` + fieldType + `}]}`}
}

// What the canonical form of a schema leaves out may still change what its data
// means: only what changes neither layout nor meaning is the same data.
func TestSameData(t *testing.T) {
	t.Parallel()
	decimal := func(precision, scale string) string {
		return `{"type":"bytes","logicalType":"decimal","precision":` + precision + `,"scale":` + scale + `}`
	}
	for name, c := range map[string]struct {
		a, b string
		want bool
	}{
		"space and doc":      {`"int"`, `{"type":"int","doc":"d"}`, true},
		"invalid logical":    {`"int"`, `{"type":"int","logicalType":"uuid"}`, true},
		"type":               {`"int"`, `"long"`, false},
		"scale":              {decimal("6", "2"), decimal("6", "3"), false},
		"precision":          {decimal("6", "2"), decimal("7", "2"), false},
		"unit":               {`{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-micros"}`, false},
		"logical or not":     {`"long"`, `{"type":"long","logicalType":"timestamp-micros"}`, false},
		"items":              {`{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, false},
		"array or map":       {`{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, false},
		"enum default":       {`{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`, true},
		"order of symbols":   {`{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B","A"]}`, false},
		"order of branches":  {`["null","int"]`, `["int","null"]`, false},
		"size":               {`{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"F","size":3}`, false},
		"name":               {`{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"G","size":2}`, false},
		"aliases":            {`{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"F","size":2,"aliases":["G"]}`, true},
		"recursive":          {`["null","R"]`, `["null", "R"]`, true},
		"recursive, changed": {`[{"type":"array","items":"R"},"int"]`, `[{"type":"array","items":"R"},"long"]`, false},
		"bad default, none":  {`"int"`, `"int","default":"x"`, true}, // as old schemas have it
		"not a schema":       {`"int"`, `"nothing"`, false},
	} {
		if got := sameData(avroField(c.a), avroField(c.b)); got != c.want {
			t.Errorf("%s: sameData(%s, %s) = %v, want %v", name, c.a, c.b, got, c.want)
		}
	}
}

func TestAvroName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"type":"record","name":"R","namespace":"a.b","fields":[]}`:   "a.b.R",
		`{"type":"record","name":"c.R","namespace":"a.b","fields":[]}`: "c.R",
		"// a comment\n" + `{"type":"error","name":"R","fields":[]}`:   "R",
		`{"type":"enum","name":"E","symbols":[]}`:                      "E",
		`{"type":"record","name":"a-b.R","fields":[]}`:                 "a-b.R", // in use, if wrong
		`"string"`: "unnamed Avro type",
	} {
		if got, err := avroName(lang.Source{Type: lang.Avro, Text: text}); err != nil || got != want {
			t.Errorf("avroName(%s) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{``, `["null"]`, `{"type":"record"}`, `"a.b.R"`} {
		if got, err := avroName(lang.Source{Type: lang.Avro, Text: text}); err == nil {
			t.Errorf("avroName(%s) = %q, want an error", text, got)
		}
	}
}

// The offset of generated code counts from the value; people count from the
// start of the payload.
func TestPlaceOfGeneratedCode(t *testing.T) {
	t.Parallel()
	r := reading[int]{t: &Type[int]{Name: "R"}, id: 3}
	err := r.misread(5, &avrowire.Error{Path: "items[3].sku", Offset: 7, Msg: "it is broken"})
	if got, want := err.Error(), "decode R, schema id 3, field items[3].sku, byte 12: avro: it is broken"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	var wire *avrowire.Error
	if !errors.As(err, &wire) {
		t.Error("the error of the generated code is not in the chain")
	}
}

// Each text draws in the one below twice: there are 2^60 ways down.
func TestTextsThatManyDrawInAreComparedOnce(t *testing.T) {
	t.Parallel()
	deep := func(bottom string) lang.Source {
		src := &lang.Source{Type: lang.Protobuf, Text: bottom}
		for range 60 {
			src = &lang.Source{Type: lang.Protobuf, Text: "over it", References: []lang.Reference{{Name: "a", Source: src}, {Name: "b", Source: src}}}
		}
		return *src
	}
	if !sameText(deep("x"), deep("x")) {
		t.Error("equal texts are not equal")
	}
	if sameText(deep("x"), deep("y")) {
		t.Error("texts that differ at the bottom are equal")
	}
}
