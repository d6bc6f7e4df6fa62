package protobuf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
)

var _ lang.Tagger = (*Schema)(nil)

const taggedText = `syntax = "proto3";
package a.b;

import "confluent/meta.proto";

message Rec {
  option (confluent.message_meta) = { doc: "d", tags: ["R", "S"] };
  string one = 1 [(confluent.field_meta).tags = "PII", (confluent.field_meta).tags = "GDPR"];
  string two = 2 [(.confluent.field_meta) = { tags: "X" tags: ["Y", "Z"] }, deprecated = true];
  string doc = 3 [(confluent.field_meta).doc = "only"];
  oneof o { int32 in = 4 [(confluent.field_meta) = { tags: "O" }]; }
  message Inner { int32 x = 1; option (confluent.message_meta).tags = "I"; }
  Inner inner = 5;
}
message Plain { int32 x = 1; }
enum E { Z = 0 [(confluent.enum_value_meta) = { tags: "no record" }]; }
`

func TestTagsAreRead(t *testing.T) {
	want := []lang.Tag{
		{Path: "a.b.Rec", Type: "sr_record", Tags: []string{"R", "S"}},
		{Path: "a.b.Rec.one", Type: "sr_field", Tags: []string{"PII", "GDPR"}},
		{Path: "a.b.Rec.two", Type: "sr_field", Tags: []string{"X", "Y", "Z"}},
		{Path: "a.b.Rec.in", Type: "sr_field", Tags: []string{"O"}},
		{Path: "a.b.Rec.Inner", Type: "sr_record", Tags: []string{"I"}},
	}
	s := mustParse(t, taggedText)
	for _, text := range []string{taggedText, s.Canonical(), s.Normalized()} {
		if d := cmp.Diff(want, mustParse(t, text).Tags()); d != "" {
			t.Errorf("-want +got\n%s\n%s", d, text)
		}
	}
}

// every names all entities of a schema with the same tags.
func every(s *Schema, tags ...string) []lang.Tag {
	var out []lang.Tag
	for _, e := range s.newTagger(s.tree).entities {
		out = append(out, lang.Tag{Path: e.path, Type: e.kind, Tags: tags})
	}
	return out
}

func mustParseSource(t *testing.T, src lang.Source) *Schema {
	t.Helper()
	s, err := Parse(src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src.Text)
	}
	return s
}

// checkTags holds the laws of tags: what is added shows, the text compiles and is
// canonical, and what is removed again leaves no trace.
func checkTags(t *testing.T, s *Schema) {
	t.Helper()
	before, all := s.Tags(), every(s, "t one", "t\"\\'two")
	text, err := s.WithTags(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	src := s.Source()
	src.Text = text
	tagged, err := Parse(src)
	if err != nil {
		t.Fatalf("the text with tags does not compile: %v\n%s", err, text)
	}
	if tagged.Canonical() != text {
		t.Errorf("the text with tags is not canonical:\n%s", cmp.Diff(text, tagged.Canonical()))
	}
	if got := tagged.Tags(); len(got) != len(all) {
		t.Errorf("%d entities have tags, want %d\n%s", len(got), len(all), text)
	}
	for _, tag := range tagged.Tags() {
		if n := len(tag.Tags); n < 2 || tag.Tags[n-2] != "t one" || tag.Tags[n-1] != "t\"\\'two" {
			t.Errorf("%s has the tags %q\n%s", tag.Path, tag.Tags, text)
		}
	}
	back, err := tagged.WithTags(nil, all)
	// A single tag that is no list has become a list, which normalization undoes.
	wasWord := strings.Contains(s.Canonical(), "tags: \"")
	src.Text = back
	if again := mustParseSource(t, src); err != nil || back != s.Canonical() && !wasWord || again.Normalized() != s.Normalized() {
		t.Errorf("adding and removing leaves a trace (%v):\n%s", err, cmp.Diff(s.Canonical(), back))
	}
	if same, err := s.WithTags(before, all); err != nil || same != s.Canonical() {
		t.Errorf("nothing new changes the text (%v):\n%s", err, cmp.Diff(s.Canonical(), same))
	}
	none, err := s.WithTags(nil, before)
	if err != nil {
		t.Fatal(err)
	}
	src.Text = none
	if bare, err := Parse(src); err != nil || len(bare.Tags()) != 0 || bare.Canonical() != none {
		t.Errorf("without its tags: %v\n%s", err, none)
	}
}

func TestTagsRoundTrip(t *testing.T) {
	for name, files := range fixtures(t) {
		t.Run(name, func(t *testing.T) { checkTags(t, mustParse(t, files["in.proto"])) })
	}
	for name, text := range map[string]string{
		"all manners":    taggedText,
		"no package":     `syntax = "proto3"; message A { int32 x = 1; }`,
		"no syntax":      `message A { optional int32 x = 1 [default = 1]; optional group G = 2 { optional int32 y = 1; } }`,
		"edition":        `edition = "2023"; message A { int32 x = 1 [features.field_presence = IMPLICIT, json_name = "y"]; }`,
		"hidden package": `syntax = "proto3"; package a.confluent; message A { int32 x = 1; }`,
		"hidden field":   `syntax = "proto3"; package p; message A { int32 confluent = 1; }`,
		"own package":    `syntax = "proto3"; package confluent; message A { int32 x = 1; }`,
		"relative name":  `syntax = "proto3"; package confluent.deep; import "confluent/meta.proto"; message A { int32 x = 1 [(field_meta) = { tags: "T" }]; }`,
		"public import":  `syntax = "proto3"; import public "confluent/meta.proto"; message A { int32 x = 1; }`,
		"used import":    `syntax = "proto3"; import "confluent/meta.proto"; message A { confluent.Meta x = 1; }`,
		"file option":    `syntax = "proto3"; import "confluent/meta.proto"; option (confluent.file_meta).doc = "d"; message A { int32 x = 1; }`,
		"map and oneof":  `syntax = "proto3"; message A { map<string, int32> m = 1; oneof o { int32 x = 2; } }`,
	} {
		t.Run(name, func(t *testing.T) { checkTags(t, mustParse(t, text)) })
	}
}

func TestTagsAreWritten(t *testing.T) {
	s := mustParse(t, `syntax = "proto3"; package p; import "google/protobuf/any.proto"; message A { int32 x = 1; google.protobuf.Any y = 2 [deprecated = true]; }`)
	got, err := s.WithTags([]lang.Tag{
		{Path: "p.A", Type: "SR_RECORD", Tags: []string{"R"}},
		{Path: "p.A.x", Type: "SR_FIELD", Tags: []string{"a", "b"}},
		{Path: "p.A.y", Type: "SR_FIELD", Tags: []string{"c"}},
	}, []lang.Tag{{Path: "p.A.y", Type: "SR_FIELD", Tags: []string{"c", "d"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"import \"google/protobuf/any.proto\";\nimport \"confluent/meta.proto\";\n", "option (confluent.message_meta) = {\n    tags: [", "int32 x = 1 [(confluent.field_meta) = {", "y = 2 [deprecated = true];"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestTagsOfNothing(t *testing.T) {
	s := mustParse(t, taggedText)
	for _, tag := range []lang.Tag{
		{Path: "a.b.Nobody", Type: "sr_record"}, {Path: "a.b.Rec.nothing", Type: "sr_field"},
		{Path: "a.b.Rec", Type: "sr_field"}, {Path: "a.b.E", Type: "sr_record"}, {Path: "a.b.Rec", Type: "sr_enum"}, {Path: "Rec", Type: "sr_record"},
	} {
		if _, err := s.WithTags([]lang.Tag{tag}, nil); err == nil || !strings.Contains(err.Error(), `"`+tag.Path+`"`) {
			t.Errorf("%v: error %v, want one that names it", tag, err)
		}
		if _, err := s.WithTags(nil, []lang.Tag{tag}); err == nil {
			t.Errorf("%v: removed", tag)
		}
	}
}

func TestTopLevelFields(t *testing.T) {
	want := []string{"one", "two", "doc", "in", "inner"}
	if d := cmp.Diff(want, mustParse(t, taggedText).TopLevelFields()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got := mustParse(t, `syntax = "proto3"; enum E { Z = 0; }`).TopLevelFields(); got != nil {
		t.Errorf("a file without messages has the fields %v", got)
	}
}
