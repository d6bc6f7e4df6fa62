package jsonschema_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

var _ lang.Tagger = (*jsonschema.Schema)(nil)

const taggable = `{"type":"object","properties":{
	"plain":{"type":"string","confluent:tags":["PII","A"]},
	"inner":{"type":"object","properties":{"f":{"enum":["x"]}}},
	"list":{"type":"array","items":{"type":"object","properties":{"f":{"type":"string"}}}},
	"pair":{"type":"array","items":[{"type":"object","properties":{"f":{}}}]},
	"either":{"oneOf":[{"type":"null"},{"type":"object","properties":{"f":{"type":"number"}}}]},
	"without":{"not":{"properties":{"f":{"type":"string"}}}},
	"when":{"if":{"properties":{"f":{"const":1}}},"then":{"properties":{"g":{"type":"string"}}}},
	"maybe":{"type":["null","object"],"properties":{"f":{"type":"string"}}},
	"a.b":{"type":"string"},
	"ref":{"$ref":"#/definitions/D.1"},
	"open":true
},"definitions":{"D.1":{"type":"object","properties":{"f.g":{"type":"string"}}}}}`

func TestTagEveryEntity(t *testing.T) {
	t.Parallel()
	s := parse(t, taggable)
	if diff := cmp.Diff([]lang.Tag{{Path: "object.plain", Type: "sr_field", Tags: []string{"PII", "A"}}}, s.Tags()); diff != "" {
		t.Errorf("Tags (-want +got):\n%s", diff)
	}
	for _, tag := range []lang.Tag{
		{Path: "object", Type: "sr_record"},
		{Path: "object.inner", Type: "sr_field"},
		{Path: "object.inner.object", Type: "sr_record"},
		{Path: "object.inner.object.f", Type: "SR_FIELD"},
		{Path: "object.list.array.object", Type: "sr_record"},
		{Path: "object.list.array.object.f", Type: "sr_field"},
		{Path: "object.pair.array.0.object.f", Type: "sr_field"},
		{Path: "object.either.oneof.1.object", Type: "sr_record"},
		{Path: "object.either.oneof.1.object.f", Type: "sr_field"},
		{Path: "object.either.oneof.0.object.f", Type: "sr_field"}, // numbered otherwise
		{Path: "object.without.not.object.f", Type: "sr_field"},
		{Path: "object.when.conditional.if.object.f", Type: "sr_field"},
		{Path: "object.when.conditional.then.object", Type: "sr_record"},
		{Path: "object.maybe.anyof.1.object.f", Type: "sr_field"},
		{Path: "object.a.b", Type: "sr_field"},
		{Path: "object.ref", Type: "sr_field"},
		{Path: "object.definitions.D.1.object.f.g", Type: "sr_field"},
	} {
		tag.Tags = []string{"NEW", "NEW"}
		text, err := s.WithTags([]lang.Tag{tag}, nil)
		if err != nil {
			t.Errorf("WithTags(%s): %v", tag.Path, err)
			continue
		}
		tagged := parse(t, text)
		if !slices.ContainsFunc(tagged.Tags(), func(have lang.Tag) bool { return slices.Equal(have.Tags, []string{"NEW"}) }) {
			t.Errorf("WithTags(%s) has tags %v", tag.Path, tagged.Tags())
		}
		if tagged.Canonical() != text {
			t.Errorf("WithTags(%s) is not canonical: %s", tag.Path, text)
		}
		back, err := tagged.WithTags(nil, []lang.Tag{tag})
		if err != nil || back != s.Canonical() {
			t.Errorf("without the tags of %s: %v\n%s\n%s", tag.Path, err, back, s.Canonical())
		}
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"properties":{"a":{"type":"string","confluent:tags":["X","Y"],"title":"t"},"b":true}}`)
	at := func(path string, tags ...string) []lang.Tag {
		return []lang.Tag{{Path: path, Type: "sr_field", Tags: tags}}
	}
	for _, tt := range []struct {
		name        string
		add, remove []lang.Tag
		want        string
	}{
		{"nothing", nil, nil, `{"properties":{"a":{"type":"string","confluent:tags":["X","Y"],"title":"t"},"b":true}}`},
		{"one that is there", at("object.a", "Y"), nil, `{"properties":{"a":{"type":"string","confluent:tags":["X","Y"],"title":"t"},"b":true}}`},
		{"one more", at("object.a", "Z"), nil, `{"properties":{"a":{"type":"string","confluent:tags":["X","Y","Z"],"title":"t"},"b":true}}`},
		{"one less", nil, at("object.a", "X", "W"), `{"properties":{"a":{"type":"string","confluent:tags":["Y"],"title":"t"},"b":true}}`},
		{"removed last", at("object.a", "Z"), at("object.a", "Z", "X", "Y"), `{"properties":{"a":{"type":"string","title":"t"},"b":true}}`},
	} {
		if got, err := s.WithTags(tt.add, tt.remove); err != nil || got != tt.want {
			t.Errorf("%s: %v\n%s, want\n%s", tt.name, err, got, tt.want)
		}
	}
	for _, path := range []string{"", "a", "object.c", "object.b", "object.a.object"} {
		if got, err := s.WithTags(at(path, "Z"), nil); err == nil || !slices.Contains(codes(err), jsonschema.CodeTag) {
			t.Errorf("WithTags(%q) = %s, %v, want %s", path, got, err, jsonschema.CodeTag)
		}
	}
}
