package client_test

import (
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/client"
)

// Each text draws in the one below twice: there are 2^60 ways down, and 61 texts.
func TestSizeOfTextsThatManyDrawIn(t *testing.T) {
	t.Parallel()
	src := &lang.Source{Text: "bottom"}
	for range 60 {
		src = &lang.Source{Text: "over it", References: []lang.Reference{{Name: "a", Source: src}, {Name: "b", Source: src}}}
	}
	if n := client.SizeOf(src); n < 60*300 || n > 100_000 {
		t.Errorf("61 short texts are taken for %d bytes", n)
	}
}
