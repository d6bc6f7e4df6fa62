// Package textkey makes keys for a table of what names a message. An id comes from
// the headers of a message and may be any bytes; PostgreSQL takes no text but UTF-8
// without zeros, and puts no more than 2,704 bytes of it into an index.
package textkey

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

const (
	maxKey = 1024 // bytes
	prefix = "sha256:"
)

// Of returns id if every database takes it as a key, and its SHA-256 in place of
// another. Two ids have one key only if they are equal.
func Of(id string) string {
	if len(id) <= maxKey && utf8.ValidString(id) && !strings.Contains(id, "\x00") && !strings.HasPrefix(id, prefix) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return prefix + hex.EncodeToString(sum[:])
}
