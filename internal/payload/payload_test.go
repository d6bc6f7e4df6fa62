package payload_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/internal/payload"
	"github.com/wireproof/wireproof/lang"
)

type schemas map[uint32]lang.Source

func (s schemas) SchemaByID(_ context.Context, id uint32) (lang.Source, error) {
	src, ok := s[id]
	if !ok {
		return lang.Source{}, codec.ErrUnknownID
	}
	return src, nil
}

var (
	line  = lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"Line","namespace":"shop","fields":[{"name":"sku","type":"string"}]}`}
	order = lang.Source{Text: `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"id","type":"string"},{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"note","type":["null","string"],"default":null},
		{"name":"lines","type":{"type":"array","items":["Line","long"]}},{"name":"tags","type":{"type":"map","values":"int"}}]}`,
		References: []lang.Reference{{Name: "shop.Line", Source: &line}}}
	common = lang.Source{Type: lang.Protobuf, Path: "common.proto", Text: `syntax = "proto3"; package shop; message Line { string sku = 1; }`}
	paid   = lang.Source{Type: lang.Protobuf, Path: "paid.proto", Text: `syntax = "proto3"; package shop;
		import "common.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/any.proto";
		message Other {} message Outer { message Paid { string order_id = 1; Line line = 2; google.protobuf.Timestamp at = 3; google.protobuf.Any any = 4; } }`,
		References: []lang.Reference{{Name: "common.proto", Source: &common}}}
	seen   = lang.Source{Type: lang.JSON, Path: "seen", Text: `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`}
	source = schemas{7: order, 8: paid, 9: seen}
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	anOrder = "00 00000007" + "026f" + "0407d0" + "80a0b9a8e662" + "02" + "00" + "04 00 0261 02 0e" + "00" + "02 0278 06 00"
	aPaid   = "00 00000008" + "04 02 00" + "0a016f 1203 0a0178 1a02 0805" + "220e 0a09 782f73686f702e4c69 12 00"
	aSeen   = "00 00000009" + "7b226e223a317d"
)

// What a document says makes the data that it was read from, byte for byte, if
// nothing was edited.
func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want []string
		typ  lang.Type
		full string
	}{
		"avro":     {unhex(t, anOrder), []string{`"id": "o"`, `"shop.Line": {`, `"long": 7`, `"note": {`, `"string": ""`, `"x": 3`}, lang.Avro, "shop.Order"},
		"protobuf": {unhex(t, "00 00000008 04 02 00 0a016f 1203 0a0178 1a02 0805"), []string{`"order_id"`, `"sku"`, `"1970-01-01T00:00:05Z"`}, lang.Protobuf, "shop.Outer.Paid"},
		"json":     {unhex(t, aSeen), []string{`"n": 1`}, lang.JSON, ""},
		"plain":    {[]byte(`{"a":[1]}`), []string{`"a": [`}, "", ""},
	} {
		d, err := payload.Decode(t.Context(), source, c.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(string(d.JSON), w) {
				t.Errorf("%s: %s does not hold %s", name, d.JSON, w)
			}
		}
		if d.Type != c.typ || d.Name != c.full {
			t.Errorf("%s: type %q, name %q", name, d.Type, d.Name)
		}
		if back, err := d.Encode(d.JSON); err != nil || !bytes.Equal(back, c.data) {
			t.Errorf("%s: came back as %x, %v; want %x\n%s", name, back, err, c.data, d.JSON)
		}
	}
}

// An edit that does not fit the schema is refused, and says where.
func TestMistakesInEdits(t *testing.T) {
	for _, c := range []struct{ data, old, new, want string }{
		{anOrder, `"id": "o"`, `"id": 5`, "id"},
		{anOrder, `"id": "o"`, `"idd": "o"`, "id"},
		{anOrder, `"id": "o"`, `"id": "o", "extra": 1`, "/extra"},
		{anOrder, `"sku": "a"`, `"sku": "a", "price": 1`, "/lines/0/shop.Line/price"},
		{anOrder, `"long": 7`, `"boolean": true`, "lines"},
		{aPaid[:len(aPaid)-len("220e 0a09 782f73686f702e4c69 12 00")], `"sku"`, `"skuu"`, "skuu"},
		{aSeen, `"n"`, `"m"`, "n"},
		{aSeen, `}`, ``, "no JSON"},
	} {
		d, err := payload.Decode(t.Context(), source, unhex(t, c.data))
		if err != nil {
			t.Fatal(err)
		}
		doc := strings.Replace(string(d.JSON), c.old, c.new, 1)
		if doc == string(d.JSON) {
			t.Errorf("%s does not hold %s", doc, c.old)
		}
		if out, err := d.Encode([]byte(doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %x, %v; want an error about %s", c.new, c.old, out, err, c.want)
		}
	}
}

// What JSON cannot say is shown, and not lost by an edit of something else.
func TestEditsThatWouldLose(t *testing.T) {
	for _, data := range []string{
		strings.Replace(anOrder, "026f", "02ff", 1),
		"00 00000008 04 02 00 0a016f 7a0178",
	} {
		d, err := payload.Decode(t.Context(), source, unhex(t, data))
		if err != nil {
			t.Errorf("%s: %v", data, err)
			continue
		}
		if _, err := d.Encode(d.JSON); err == nil || !strings.Contains(err.Error(), "lose") {
			t.Errorf("%s: error %v, want that the edit would lose something", data, err)
		}
	}
}

func TestUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nil": {nil, "tombstone"}, "text": {[]byte("hello"), "frame"}, "unknown": {unhex(t, "00 00000063 00"), "schema id 99"},
		"short": {unhex(t, "00 00000007 02"), "schema id 7"}, "rest": {unhex(t, anOrder+"00"), "1 bytes are left"},
		"no message": {unhex(t, "00 00000008 02 0a"), "no message"}, "any": {unhex(t, "00 00000008 04 02 00 220a 0a08 782f6e6f2e737563"), "schema id 8"},
		"broken": {unhex(t, "00 00000009 7b"), "schema id 9"},
	} {
		if d, err := payload.Decode(t.Context(), source, c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v; want one about %q", name, d, err, c.want)
		}
	}
	if _, err := payload.Decode(t.Context(), nil, unhex(t, aSeen)); !errors.Is(err, payload.ErrNoSchemas) {
		t.Errorf("without a registry: %v", err)
	}
}

// Whatever bytes come, decoding does not panic, and what it shows can be taken back.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{anOrder, aPaid, aSeen} {
		data, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := payload.Decode(t.Context(), source, data)
		if err != nil || d.Type == lang.JSON {
			return
		}
		back, err := d.Encode(d.JSON)
		if err != nil {
			if !strings.Contains(err.Error(), "lose") {
				t.Fatalf("%x says %s, which does not encode: %v", data, d.JSON, err)
			}
			return
		}
		again, err := payload.Decode(t.Context(), source, back)
		if err != nil || len(again.JSON) != len(d.JSON) {
			t.Fatalf("%x says %s, and came back as %x: %v", data, d.JSON, back, err)
		}
	})
}
