package avrowire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

func parse(t testing.TB, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(lang.Source{Type: lang.Avro, Path: "test.avsc", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// record returns a record of ints, each with its aliases and the default 7.
func record(fields ...string) string {
	var all []string
	for _, f := range fields {
		name, aliases, ok := strings.Cut(f, ",")
		if ok {
			aliases = `"` + strings.ReplaceAll(aliases, ",", `","`) + `"`
		}
		all = append(all, fmt.Sprintf(`{"name":%q,"aliases":[%s],"type":"int","default":7}`, name, aliases))
	}
	return `{"type":"record","name":"R","fields":[` + strings.Join(all, ",") + `]}`
}

// Each row resolves a writer against a reader and transcodes data; an empty want
// is a message that cannot be read.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ writer, reader, data, want string }{
		{`"int"`, `"long"`, "\x8b\x01", "\x8b\x01"},
		{`"int"`, `"float"`, "\x06", "\x00\x00\x40\x40"},
		{`"long"`, `"double"`, "\x01", "\x00\x00\x00\x00\x00\x00\xf0\xbf"},
		{`"float"`, `"double"`, "\x00\x00\xc0\x3f", "\x00\x00\x00\x00\x00\x00\xf8\x3f"},
		{`"string"`, `"bytes"`, "\x02a", "\x02a"},
		{`"null"`, `["int","null"]`, "", "\x02"},
		{`"int"`, `["null","double","long"]`, "\x02", "\x02\x00\x00\x00\x00\x00\x00\xf0\x3f"},
		{`["int","string"]`, `"long"`, "\x00\x02", "\x02"},
		{`["int","string"]`, `"long"`, "\x02\x02a", ""},
		{`["int"]`, `["null",["int"]]`, "", ""},
		{`{"type":"array","items":"int"}`, `{"type":"array","items":"string"}`, "\x00", "\x00"},
		{`{"type":"array","items":"int"}`, `{"type":"array","items":"string"}`, "\x02\x02\x00", ""},
		{`{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, "\x03\x04\x02\x04\x02\x06\x00", "\x04\x02\x04\x02\x06\x00"},
		{`{"type":"map","values":"int"}`, `{"type":"map","values":["null","int"]}`, "\x02\x02k\x02\x00", "\x02\x02k\x02\x02\x00"},
		{`{"type":"enum","name":"a.E","symbols":["A","B"]}`, `{"type":"enum","name":"b.E","symbols":["B"]}`, "\x02", "\x00"},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B"]}`, "\x00", ""},
		{`{"type":"enum","name":"Old","symbols":["A"]}`, `{"type":"enum","name":"E","aliases":["Old"],"symbols":["B","A"]}`, "\x00", "\x02"},
		{record("total"), record("amount,total", "total"), "\x02", "\x02\x0e"},
		{record("total"), record("total", "amount,total"), "\x02", "\x0e\x02"},
		{record("total", "amount"), record("amount,total"), "\x02\x04", "\x04"},
		{record("x", "y"), record("amount,y,x"), "\x02\x04", "\x04"},
		{record("x", "y", "z"), record("z", "n", "y"), "\x02\x04\x06", "\x06\x0e\x04"},
		{`{"type":"int","logicalType":"time-millis"}`, `{"type":"long","logicalType":"time-micros"}`, "\x02", "\xd0\x0f"},
		{`{"type":"long","logicalType":"timestamp-micros"}`, `{"type":"long","logicalType":"timestamp-millis"}`, "\x01", "\x01"},
		{`{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-nanos"}`, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ""},
	} {
		name := fmt.Sprintf("%s as %s", c.writer, c.reader)
		w, err := avro.Parse(lang.Source{Type: lang.Avro, Text: c.writer})
		if err != nil {
			t.Fatal(err)
		}
		r, err := avro.Parse(lang.Source{Type: lang.Avro, Text: c.reader})
		if err != nil {
			continue // a union in a union
		}
		p, err := avrowire.NewPlan(w, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := p.Transcode(c.data)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %x becomes %x, %v; want %x", name, c.data, got, err, c.want)
		}
	}
}

func TestPlanRefused(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`"long"`, `"int"`}, {`"double"`, `"float"`}, {`"string"`, `"int"`}, {`"null"`, `"string"`}, {`["null"]`, `"string"`}, {`"boolean"`, `["null","string"]`},
		{`{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"F","size":3}`}, {`{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"G","size":2}`},
		{`{"type":"record","name":"R","fields":[]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`},
		{`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}`},
		{`{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`},
		{`{"type":"bytes","logicalType":"big-decimal"}`, `{"type":"bytes","logicalType":"decimal","precision":40,"scale":2}`},
		{`{"type":"bytes","logicalType":"decimal","precision":40,"scale":2}`, `["null",{"type":"bytes","logicalType":"big-decimal"}]`},
		{`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `[{"type":"bytes","logicalType":"decimal","precision":4,"scale":1},"string"]`},
		{`{"type":"int","logicalType":"date"}`, `{"type":"long","logicalType":"timestamp-millis"}`},
		{`{"type":"int","logicalType":"date"}`, `{"type":"int","logicalType":"time-millis"}`},
		{`{"type":"long","logicalType":"timestamp-micros"}`, `{"type":"long","logicalType":"time-micros"}`},
		{`{"type":"int","logicalType":"time-millis"}`, `["null",{"type":"long","logicalType":"local-timestamp-nanos"}]`},
	} {
		if _, err := avrowire.NewPlan(parse(t, c[0]), parse(t, c[1])); err == nil {
			t.Errorf("%s as %s: no error", c[0], c[1])
		}
	}
}

// A schema is small and what it describes may be endless; planning ends.
func TestPlanOfHostileSchemas(t *testing.T) {
	t.Parallel()
	var nested strings.Builder // each level doubles what one value holds, without a byte
	nested.WriteString(`{"type":"record","name":"R0","fields":[{"name":"n","type":"null","default":null}]}`)
	text := nested.String()
	for i := 1; i < 60; i++ {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s,"default":{}},{"name":"b","type":"R%d","default":{}}]}`, i, text, i-1)
	}
	all := parse(t, `{"type":"record","name":"R","fields":[{"name":"x","type":`+text+`,"default":{}}]}`)
	none := parse(t, `{"type":"record","name":"R","fields":[]}`)
	if _, err := avrowire.NewPlan(none, all); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a default of 2^60 nulls: %v", err)
	}
	p, err := avrowire.NewPlan(all, none)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Transcode(""); err == nil || !strings.Contains(err.Error(), "too many records") {
		t.Errorf("skipping 2^60 nulls: %v", err)
	}
}

// A plan of a schema against itself changes nothing, and accepts only what is
// of that schema.
func FuzzTranscodeSelf(f *testing.F) {
	s := parse(f, `{"type":"record","name":"R","fields":[
		{"name":"a","type":{"type":"array","items":["null","R","string"]}},
		{"name":"m","type":{"type":"map","values":"long"}},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
		{"name":"b","type":"boolean"}, {"name":"d","type":"double"}]}`)
	p, err := avrowire.NewPlan(s, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	f.Add("\x02\x04\x02x\x00\x02\x02k\x01\x00\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, data string) {
		once, err := p.Transcode(data)
		if err != nil {
			return
		}
		twice, err := p.Transcode(once)
		if err != nil || once != twice {
			t.Fatalf("%x becomes %x, then %x, %v", data, once, twice, err)
		}
	})
}

// What nests as deep as the direct decoder reads is read from other writers too,
// however many steps of the plan one level takes.
func TestPlanNestsAsDeepAsTheReader(t *testing.T) {
	t.Parallel()
	list := func(next, more string) *avro.Schema {
		return parse(t, `{"type":"record","name":"List","fields":[{"name":"next","type":`+next+`}`+more+`]}`)
	}
	for _, c := range []struct{ writer, reader *avro.Schema }{
		{list(`["null","List"]`, `,{"name":"old","type":"null"}`), list(`["null","List"]`, "")},
		{list(`["null","List"]`, ""), list(`["List","null"]`, "")},
	} {
		p, err := avrowire.NewPlan(c.writer, c.reader)
		if err != nil {
			t.Fatal(err)
		}
		for depth, ok := range map[int]bool{avrowire.MaxDepth: true, avrowire.MaxDepth + 1: false} {
			if _, err := p.Transcode(strings.Repeat("\x02", depth-1) + "\x00"); (err == nil) != ok {
				t.Errorf("%d levels: %v", depth, err)
			}
		}
	}
}
