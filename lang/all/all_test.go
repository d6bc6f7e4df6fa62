package all_test

import (
	"maps"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
)

func TestLanguages(t *testing.T) {
	t.Parallel()
	texts := map[lang.Type]string{
		lang.Avro:     `"string"`,
		lang.Protobuf: `syntax = "proto3"; message M {}`,
		lang.JSON:     `{"type": "object"}`,
	}
	checkLanguages(t, all.Languages(), texts)
	checkLanguages(t, all.Lenient(), texts)
}

func checkLanguages(t *testing.T, languages []lang.Language, texts map[lang.Type]string) {
	t.Helper()
	texts = maps.Clone(texts)
	for _, l := range languages {
		text, ok := texts[l.Type()]
		if !ok {
			t.Errorf("%s is listed twice, or has no text in this test", l.Type())
			continue
		}
		delete(texts, l.Type())
		if s, err := l.Parse(lang.Source{Type: l.Type(), Path: "m", Text: text}); err != nil || s.Source().Text != text {
			t.Errorf("%s: Parse = %v", l.Type(), err)
		}
		if s, err := l.Parse(lang.Source{Type: l.Type(), Path: "m", Text: "{"}); err == nil || s != nil {
			t.Errorf("%s: Parse of no schema = %v, %v; want nil and an error", l.Type(), s, err)
		}
	}
	for typ := range texts {
		t.Errorf("%s is not listed", typ)
	}
}

func TestLenient(t *testing.T) {
	t.Parallel()
	const text = `{"type":"record","name":"a-b","fields":[{"name":"x","type":"int","default":"no number"}]}`
	src := lang.Source{Type: lang.Avro, Path: "m", Text: text}
	for i, want := range []bool{false, true} {
		l := [][]lang.Language{all.Languages(), all.Lenient()}[i][0]
		if _, err := l.Parse(src); (err == nil) != want {
			t.Errorf("list %d: Parse = %v", i, err)
		}
	}
}
