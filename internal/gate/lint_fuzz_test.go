package gate_test

import (
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// lintText lints a text of any language under every rule.
func lintText(t *testing.T, src lang.Source) ([]*rule.Finding, error) {
	switch src.Type {
	case lang.Avro:
		s, err := avro.Parse(src)
		if err != nil {
			return nil, err
		}
		return avrorules.Lint(s), nil
	case lang.JSON:
		s, err := jsonschema.Parse(src)
		if err != nil {
			return nil, err
		}
		return jsonrules.Lint(s), nil
	}
	im, err := protobuf.CompileImage(t.Context(), []string{src.Path}, func(name string) (string, error) {
		if name != src.Path {
			return "", fs.ErrNotExist
		}
		return src.Text, nil
	}, protobuf.ImageOptions{})
	if err != nil {
		return nil, err
	}
	all := protorules.LintSet{}
	for _, r := range protorules.LintRules() {
		all[r.ID] = true
	}
	return protorules.Lint(im, all, protorules.LintOptions{CommentIgnores: true}), nil
}

// FuzzLint states what holds for any text of any language: what is found is the same
// each time, of a rule that is documented, and stands in the text; what cannot be
// read is a problem; and every renderer copes with both.
func FuzzLint(f *testing.F) {
	types := []lang.Type{lang.Avro, lang.Protobuf, lang.JSON}
	f.Add(uint8(0), "{\"type\": \"record\", \"name\": \"order\", \"fields\": [\n\t{\"name\": \"aB\", \"type\": [\"int\", \"null\"]}]}")
	f.Add(uint8(0), `{"type": "enum", "name": "E", "symbols": ["a", "A"]}`)
	f.Add(uint8(1), "syntax = \"proto3\";\npackage Aa;\n// buf:lint:ignore MESSAGE_PASCAL_CASE\nmessage a_b {\n\tstring éX = 1;\n}\nenum E { F = 0; }\n")
	f.Add(uint8(1), "edition = \"2023\";\nimport public \"google/protobuf/empty.proto\";\nservice s { rpc r(google.protobuf.Empty) returns (stream google.protobuf.Empty); }")
	f.Add(uint8(2), "{\"type\": \"object\", \"requried\": [\"a\"],\n\"properties\": {\"a\": {\"type\": \"integer\", \"minLength\": 3}}}")
	f.Add(uint8(2), `{"$ref": "#/definitions/x"}`)
	f.Add(uint8(1), "message M { optional group G = 1 {}")
	documented := gate.LintRules()
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		src := lang.Source{Type: types[int(kind)%len(types)], Path: "a.proto", Text: text}
		in := gate.LintInput{}
		found, err := lintText(t, src)
		if err != nil {
			in.Problems = []gate.Problem{gate.LintProblem(src, err)}
		} else {
			in.Files = []gate.LintFile{{Source: src, Findings: found}}
			if again, _ := lintText(t, src); !reflect.DeepEqual(found, again) {
				t.Errorf("another time it finds %v, not %v", again, found)
			}
		}
		r := gate.Lint(in)
		if (gate.ExitCode(r) == 5) != (err != nil) {
			t.Errorf("exit code %d for %v", gate.ExitCode(r), err)
		}
		lines := strings.Count(text, "\n") + 1
		for _, f := range r.Findings {
			if !slices.Contains(documented, f.Rule) || f.Message == "" || f.New.Line < 1 || f.New.EndLine > lines || f.New.Col < 1 {
				t.Errorf("%+v in a text of %d lines", f, lines)
			}
		}
		for _, format := range gate.Formats() {
			if err := format.Write(io.Discard, r, true); err != nil {
				t.Fatal(err)
			}
		}
	})
}
