package protobuf

import (
	"testing"

	"github.com/wireproof/wireproof/lang"
)

// What a registry does with a text that it has not seen: one that is plain,
// one with tags, and one whose options the compiler must see.
func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{"plain": plainText, "tagged": plainTags, "compiled": taggedText} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := Parse(lang.Source{Type: lang.Protobuf, Path: "p.proto", Text: text})
				if err != nil {
					b.Fatal(err)
				}
				_, _ = s.Canonical(), s.Normalized()
			}
		})
	}
}
