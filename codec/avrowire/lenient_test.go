package avrowire_test

import (
	"testing"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
)

// A registry may hold schemas that it would refuse today, with names or defaults
// that are wrong. Their data is read all the same; a reader's own schema has no
// such excuse.
func TestWriterThatWouldBeRefusedToday(t *testing.T) {
	t.Parallel()
	source := func(text string) lang.Source { return lang.Source{Type: lang.Avro, Path: "s.avsc", Text: text} }
	raw := func(v *string, data string) error { *v = data; return nil }
	const reader = `{"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":"int","default":7}]}`
	for name, writer := range map[string]string{
		"default of another type": `{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"none"}]}`,
		"name of a field":         `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b-c","type":{"type":"fixed","name":"F","size":0}}]}`,
		"namespace":               `{"type":"record","name":"R","namespace":"a-b.c","fields":[{"name":"a","type":"int"}]}`,
		"symbol":                  `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"e","type":["null",{"type":"enum","name":"E","symbols":["x-y"]}],"default":3}]}`,
	} {
		decode, err := avrowire.Resolver(source(reader), raw)(source(writer))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		data := "\x05"
		if name == "symbol" {
			data += "\x00" // null
		}
		var got string
		if err := decode(data, &got); err != nil || got != "\x05\x0e" {
			t.Errorf("%s: %x, %v; want 050e", name, got, err)
		}
		if _, err := avrowire.Resolver(source(writer), raw)(source(reader)); err == nil {
			t.Errorf("%s: a reader's schema may not have it", name)
		}
	}
}
