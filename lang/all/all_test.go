package all_test

import (
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
	for _, l := range all.Languages() {
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
