package textkey_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wireproof/wireproof/event/internal/textkey"
)

// Every key is short text, and each id has its own; a key is not that of itself, or a
// message could take the key of another.
func TestOf(t *testing.T) {
	seen := map[string]string{}
	ids := []string{"", "orders/3/17", "ü", "\xff", "\xfe", "a\x00", "a", strings.Repeat("x", 1024), strings.Repeat("x", 1025), strings.Repeat("x", 1<<20)}
	for _, id := range ids {
		ids = append(ids, textkey.Of(id))
	}
	for _, id := range ids {
		key := textkey.Of(id)
		if len(key) > 1024 || !utf8.ValidString(key) || strings.Contains(key, "\x00") {
			t.Errorf("the key of %.20q is %.20q, %d bytes", id, key, len(key))
		}
		if other, ok := seen[key]; ok && other != id {
			t.Errorf("%.20q and %.20q have one key", id, other)
		}
		seen[key] = id
	}
	if id := "orders/3/17"; textkey.Of(id) != id {
		t.Errorf("the key of %q is %q, want it as it is", id, textkey.Of(id))
	}
}
