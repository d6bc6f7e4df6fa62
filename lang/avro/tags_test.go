package avro_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

var _ lang.Tagger = (*avro.Schema)(nil)

const tagged = `{"type":"record","name":"Rec","namespace":"a.b","doc":"d","fields":[
  {"name":"f","type":"string","confluent:tags":["PII"],"x":1},
  {"name":"list","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"g","type":"int"}],"confluent:tags":["T1","T2"]}}},
  {"name":"map","type":{"type":"map","values":{"type":"record","name":"c.Value","fields":[{"name":"h","type":"int","confluent:tags":["H"]}]}}},
  {"name":"choice","type":["null",{"type":"record","name":"Branch","fields":[{"name":"i","type":"int","confluent:tags":["I"]}]}],"default":null},
  {"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"confluent:tags":["not a record"]}},
  {"name":"odd","type":"int","confluent:tags":"no list"},
  {"name":"empty","type":"int","confluent:tags":[]}
],"confluent:tags":["R"]}`

func TestTagsAreRead(t *testing.T) {
	t.Parallel()
	want := []lang.Tag{
		{Path: "a.b.Rec", Type: "sr_record", Tags: []string{"R"}},
		{Path: "a.b.Rec.f", Type: "sr_field", Tags: []string{"PII"}},
		{Path: "a.b.Item", Type: "sr_record", Tags: []string{"T1", "T2"}},
		{Path: "c.Value.h", Type: "sr_field", Tags: []string{"H"}},
		{Path: "a.b.Branch.i", Type: "sr_field", Tags: []string{"I"}},
	}
	if d := cmp.Diff(want, mustParse(t, tagged).Tags()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestTagsAreChanged(t *testing.T) {
	t.Parallel()
	s := mustParse(t, tagged)
	text, err := s.WithTags(
		[]lang.Tag{{Path: "a.b.Rec.f", Type: "SR_FIELD", Tags: []string{"PII", "NEW"}}, {Path: "a.b.Item.g", Type: "sr_field", Tags: []string{"G"}}},
		[]lang.Tag{{Path: "a.b.Item", Type: "sr_record", Tags: []string{"T2", "none"}}, {Path: "c.Value.h", Type: "sr_field", Tags: []string{"H"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"name":"f","type":"string","confluent:tags":["PII","NEW"],"x":1}`,
		`{"name":"g","type":"int","confluent:tags":["G"]}`,
		`"confluent:tags":["T1"]`,
		`{"name":"h","type":"int"}`,
		`"confluent:tags":["not a record"]`, `"confluent:tags":"no list"`, `"confluent:tags":[]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if again := mustParse(t, text); again.Canonical() != text || again.Parsing() != s.Parsing() {
		t.Errorf("the text with tags is not canonical, or means something else:\n%s", text)
	}
}

// What is added and removed again leaves no trace, and what was there stays.
func TestTagsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures(t) {
		s, err := avro.Parse(f.src)
		if err != nil {
			continue
		}
		var add []lang.Tag
		for _, r := range s.Named {
			if r.Kind != avro.Record {
				continue
			}
			add = append(add, lang.Tag{Path: r.Name, Type: "sr_record", Tags: []string{"one", "two"}})
			for _, field := range r.Fields {
				add = append(add, lang.Tag{Path: r.Name + "." + field.Name, Type: "sr_field", Tags: []string{"é\"\\"}})
			}
		}
		text, err := s.WithTags(add, nil)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		src := f.src
		src.Text = text
		again, err := avro.Parse(src)
		if err != nil {
			t.Fatalf("%s: %v\n%s", f.name, err, text)
		}
		if len(again.Tags()) != len(add) {
			t.Errorf("%s: %d entities have tags, want %d", f.name, len(again.Tags()), len(add))
		}
		back, err := again.WithTags(nil, add)
		if err != nil || back != s.Canonical() {
			t.Errorf("%s: %v\nbefore %s\nafter  %s", f.name, err, s.Canonical(), back)
		}
		if same, err := s.WithTags(nil, nil); err != nil || same != s.Canonical() {
			t.Errorf("%s: nothing changed (%v):\n%s", f.name, err, same)
		}
	}
}

func TestTagsOfNothing(t *testing.T) {
	t.Parallel()
	s := mustParse(t, tagged)
	for _, tag := range []lang.Tag{
		{Path: "a.b.Nobody", Type: "sr_record", Tags: []string{"x"}},
		{Path: "a.b.Rec.nothing", Type: "sr_field", Tags: []string{"x"}},
		{Path: "a.b.Rec.f", Type: "sr_record", Tags: []string{"x"}},
		{Path: "a.b.E", Type: "sr_record", Tags: []string{"x"}},
		{Path: "a.b.Rec", Type: "sr_enum", Tags: []string{"x"}},
	} {
		for _, text := range []func() (string, error){
			func() (string, error) { return s.WithTags([]lang.Tag{tag}, nil) },
			func() (string, error) { return s.WithTags(nil, []lang.Tag{tag}) },
		} {
			if _, err := text(); err == nil || !strings.Contains(err.Error(), tag.Path) {
				t.Errorf("tags of %s %s: error %v, want one that names it", tag.Type, tag.Path, err)
			}
		}
	}
}

func TestTopLevelFields(t *testing.T) {
	t.Parallel()
	want := []string{"f", "list", "map", "choice", "e", "odd", "empty"}
	if d := cmp.Diff(want, mustParse(t, tagged).TopLevelFields()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	for _, text := range []string{`"int"`, `["null","int"]`, `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"array","items":"int"}`} {
		if got := mustParse(t, text).TopLevelFields(); len(got) != 0 {
			t.Errorf("%s has the fields %v", text, got)
		}
	}
}
