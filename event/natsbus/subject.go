package natsbus

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// maxName is the longest name of a stream or consumer that is built from a topic
// or group; the server takes 255 bytes, and file systems no more.
const maxName = 200

// nameFor returns the name of the stream of a topic, or of the consumer of a
// group. Different topics have different names: a point becomes "_", and what is
// neither letter, digit nor "-" becomes "=" and two hexadecimal digits for each
// byte. A name that would be too long ends in a hash.
func nameFor(topic string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(topic) {
		switch c := topic[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
			b.WriteByte(c)
		case c == '.':
			b.WriteByte('_')
		default:
			b.Write([]byte{'=', hex[c>>4], hex[c&15]})
		}
	}
	name := b.String()
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(topic))
		name = fmt.Sprintf("%s=H%x", name[:maxName-66], sum[:]) // "=H" is no escaped byte
	}
	return name
}

// checkTopic reports why a topic cannot be a subject. A pattern may hold
// wildcards: "*" as a token, and ">" as the last one, or before the fixed end of
// the names of retry and dead-letter topics.
func checkTopic(topic string, mayMatch bool) error {
	if topic == "" {
		return errors.New("the topic has no name")
	}
	if !utf8.ValidString(topic) {
		return fmt.Errorf("topic %q is not UTF-8", topic)
	}
	if i := strings.IndexFunc(topic, func(r rune) bool { return unicode.IsSpace(r) || r < 0x20 || r == 0x7f }); i >= 0 {
		return fmt.Errorf("topic %q has a space or control character at byte %d, which a subject cannot hold", topic, i)
	}
	if strings.HasPrefix(topic, "$") || strings.HasPrefix(topic, "_INBOX.") {
		return fmt.Errorf("topic %q begins like the server's own subjects", topic)
	}
	for token := range strings.SplitSeq(topic, ".") {
		switch {
		case token == "":
			return fmt.Errorf("topic %q has an empty part between its points", topic)
		case token == "*" || token == ">":
			if !mayMatch {
				return fmt.Errorf("topic %q is a pattern; expected the name of one topic", topic)
			}
		}
	}
	return wildcard.Check(topic)
}

// servedAs returns the pattern that the server knows which is nearest to ours.
func servedAs(pattern string) string {
	if head, _, ok := strings.Cut(pattern, ".>."); ok {
		return head + ".>"
	}
	if strings.HasPrefix(pattern, ">.") {
		return ">"
	}
	return pattern
}

// collide reports whether two patterns of the server have a subject in common.
func collide(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, y := as[i], bs[i]
		if x == ">" || y == ">" {
			return true
		}
		if x != "*" && y != "*" && x != y {
			return false
		}
	}
	return len(as) == len(bs)
}

// within reports whether every subject that inner stands for, outer stands for
// too, as the server sees it.
func within(outer, inner string) bool {
	os, is := strings.Split(outer, "."), strings.Split(inner, ".")
	for i, o := range os {
		if o == ">" {
			return len(is) > i
		}
		if i >= len(is) || is[i] == ">" || o != "*" && o != is[i] {
			return false
		}
	}
	return len(os) == len(is)
}
