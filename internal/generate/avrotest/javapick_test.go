package avrotest_test

import (
	"testing"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/test/javaoracle"
)

const (
	recordA  = `{"type":"record","name":"n.A","fields":[{"name":"x","type":"int"}]}`
	recordMA = `{"type":"record","name":"m.A","fields":[{"name":"x","type":"int"}]}`
	recordB  = `{"type":"record","name":"n.B","fields":[{"name":"x","type":"int"}]}`
)

// Which branch of a union reads a value, and which names match, is as in Java:
// transcoded data means to Java what it reads from the original. Java also reads
// a record as one of another name; the specification and the rules of
// compatibility do not, and neither do we.
func TestPicksLikeJava(t *testing.T) {
	java := javaoracle.Start(t)
	for _, c := range []struct {
		writer, reader, data string
		stricter             bool
	}{
		{writer: `"int"`, reader: `["null","float","double"]`, data: "\x02"},
		{writer: `"int"`, reader: `["string","double","long"]`, data: "\x02"},
		{writer: `"long"`, reader: `["float","double"]`, data: "\x02"},
		{writer: `"float"`, reader: `["int","double"]`, data: "\x00\x00\x80\x3f"},
		{writer: `"string"`, reader: `["bytes","int"]`, data: "\x02a"},
		{writer: `"null"`, reader: `["string","null"]`, data: ""},
		{writer: `["int","string"]`, reader: `["string","long"]`, data: "\x00\x02"},
		{writer: `["null","int"]`, reader: `"int"`, data: "\x00"},
		{writer: recordA, reader: `["null",` + recordMA + `]`, data: "\x02"},
		{writer: recordA, reader: `["null",` + recordB + `]`, data: "\x02", stricter: true},
		{writer: recordA, reader: recordB, data: "\x02", stricter: true},
		// An alias comes before the name.
		{
			writer: `{"type":"record","name":"A","fields":[{"name":"total","type":"int"}]}`, data: "\x02",
			reader: `{"type":"record","name":"A","fields":[{"name":"amount","aliases":["total"],"type":"int","default":7},{"name":"total","type":"int","default":8}]}`,
		},
		{writer: `{"type":"fixed","name":"n.A","size":1}`, reader: `{"type":"fixed","name":"m.A","size":1}`, data: "\x02"},
		{writer: `{"type":"fixed","name":"n.A","size":1}`, reader: `{"type":"fixed","name":"n.B","size":1}`, data: "\x02"},
		{writer: `{"type":"enum","name":"n.A","symbols":["X"]}`, reader: `{"type":"enum","name":"m.A","symbols":["Y","X"]}`, data: "\x00"},
		{writer: `{"type":"fixed","name":"A","size":1}`, reader: `"bytes"`, data: "\x02"},
		{writer: `"bytes"`, reader: `{"type":"bytes","logicalType":"decimal","precision":3,"scale":2}`, data: "\x02a"},
	} {
		want, _, javaErr := java.Decode(c.writer, c.reader, []byte(c.data))
		out, err := transcode(c.writer, c.reader, c.data)
		got := ""
		if err == nil {
			got, _, err = java.Decode(c.reader, c.reader, []byte(out))
		}
		if c.stricter {
			javaErr = err
			if err == nil {
				t.Errorf("%s as %s is read; the names differ", c.writer, c.reader)
			}
			want = ""
		}
		if got != want || (err == nil) != (javaErr == nil) {
			t.Errorf("%s as %s: %s, %v; Java reads %s, %v", c.writer, c.reader, got, err, want, javaErr)
		}
	}
}

func transcode(writer, reader, data string) (string, error) {
	w, err := avro.Parse(lang.Source{Type: lang.Avro, Text: writer})
	if err != nil {
		return "", err
	}
	r, err := avro.Parse(lang.Source{Type: lang.Avro, Text: reader})
	if err != nil {
		return "", err
	}
	p, err := avrowire.NewPlan(w, r)
	if err != nil {
		return "", err
	}
	return p.Transcode(data)
}
