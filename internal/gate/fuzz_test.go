package gate_test

import (
	"io"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
)

// FuzzCheck states two laws: whatever the texts are, every renderer copes with
// the result; and a text that follows itself is never refused.
func FuzzCheck(f *testing.F) {
	f.Add("order.avsc", `{"type":"record","name":"R","fields":[]}`, "{\"type\":\"record\",\t\"name\":\"R\",\r\n\"fields\":[{\"name\":\"ä\u202e\",\"type\":\"int\"}]}")
	f.Add("order.avsc", `["null","int"]`, `["int"]`)
	f.Add("p.proto", "syntax = \"proto3\"; message M { int32 a = 1; }", "syntax = \"proto3\";\nmessage M {\n  string a = 1;\n}")
	f.Add("", "\xff", "")
	f.Fuzz(func(t *testing.T, name, before, after string) {
		typ := lang.Avro
		if name == "p.proto" {
			typ = lang.Protobuf
		}
		source := func(text string) lang.Source { return lang.Source{Type: typ, Path: name, Text: text} }
		version := func(text string) []gate.Version {
			return []gate.Version{{Label: "s v1", Number: 1, Source: source(text)}}
		}
		r := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{
			{Name: "s", Level: compat.Full, New: source(after), History: version(before)},
		}})
		for _, write := range []func(io.Writer, gate.Result) error{gate.Lines, gate.JSON, gate.GitHub, gate.Markdown} {
			if err := write(io.Discard, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := gate.Text(io.Discard, r, true); err != nil {
			t.Fatal(err)
		}
		// A line feed more, and the gate cannot know it for the same text.
		same := gate.Check(t.Context(), gate.Input{Subjects: []gate.Subject{
			{Name: "s", Level: compat.FullTransitive, New: source(after), History: version(after + "\n")},
		}})
		if gate.ExitCode(same) == 1 && same.Findings[0].Rule.ID != "AVRO_FIELD_AMBIGUOUS" {
			t.Errorf("%q breaks itself: %+v", after, same.Findings)
		}
	})
}
