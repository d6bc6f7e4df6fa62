// Package avrowire is what generated Avro code calls: appending and reading the
// binary encoding, and plans that turn the data of another writer into that of
// the reader's schema.
//
// Nothing here reflects. A [Reader] checks every length and count against the
// bytes that remain before anything is allocated for it, so a forged message
// costs no more than an honest one of its size. Text is not checked to be UTF-8:
// Avro writers in other languages do not check it either, and refusing at the
// reader would lose the message.
package avrowire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxDepth bounds how deep values of recursive types may nest, in both
// directions, so that neither forged bytes nor a cycle of pointers can exhaust
// the stack.
const MaxDepth = 10000

// An Error says where data and schema disagree.
type Error struct {
	// Path leads to the value, such as items[3].sku; empty for the whole value
	// or where it is not known. The middle of one that is long is left out.
	Path string
	// Offset is where in the data reading stopped; -1 if a value could not be
	// encoded.
	Offset int
	Msg    string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("avro: ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Msg)
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " (byte %d)", e.Offset)
	}
	return b.String()
}

// At returns err, which a function of this package made, with the given steps in
// front of its path: names of fields, indexes of arrays, keys of maps.
func At(err error, steps ...any) error {
	var path strings.Builder
	for _, step := range steps {
		switch step := step.(type) {
		case int:
			path.WriteString("[" + strconv.Itoa(step) + "]")
		case key:
			path.WriteString("[" + strconv.Quote(string(step)) + "]")
		case string:
			if path.Len() > 0 {
				path.WriteByte('.')
			}
			path.WriteString(step)
		}
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Offset: -1, Msg: err.Error()}
	}
	at := *e
	at.Path = join(path.String(), e.Path)
	if len(at.Path) > maxPath {
		at.Path = head(at.Path, maxPath/2) + "…" + tail(at.Path, maxPath/2)
	}
	return &at
}

// maxPath and maxKey bound the bytes of a path and of a key of a map in it: both
// may be as long as the data.
const (
	maxPath = 512
	maxKey  = 64
)

// head returns the first n bytes of s or a few less, up to a rune.
func head(s string, n int) string { return strings.ToValidUTF8(s[:n], "") }

// tail returns the last n bytes of s or a few less, from a rune on.
func tail(s string, n int) string { return strings.ToValidUTF8(s[len(s)-n:], "") }

type key string

// Key is a step of a path through a map; see [At].
func Key(k string) any {
	if len(k) > maxKey {
		k = head(k, maxKey) + "…"
	}
	return key(k)
}

func join(a, b string) string {
	if a == "" || b == "" || b[0] == '[' {
		return a + b
	}
	return a + "." + b
}

func cannotEncode(format string, args ...any) error {
	return &Error{Offset: -1, Msg: fmt.Sprintf(format, args...)}
}
