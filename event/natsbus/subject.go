package natsbus

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
func checkTopic(topic string, pattern bool) error {
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
			if !pattern {
				return fmt.Errorf("topic %q is a pattern; expected the name of one topic", topic)
			}
		}
	}
	if head, tail, ok := strings.Cut(topic, ".>."); ok && (aside(tail) == "" || isPattern(tail) || strings.Contains("."+head+".", ".>.")) {
		return fmt.Errorf("topic %q has %q before its end", topic, ">")
	}
	return nil
}

// isPattern reports whether a topic holds wildcards.
func isPattern(topic string) bool {
	for token := range strings.SplitSeq(topic, ".") {
		if token == "*" || token == ">" {
			return true
		}
	}
	return false
}

// aside returns how the name of a retry or dead-letter topic ends, from the
// point; empty if it is neither.
func aside(topic string) string {
	for _, end := range []string{".dlq", ".dlq.replayed"} {
		if strings.HasSuffix(topic, end) {
			return end
		}
	}
	if i := strings.LastIndex(topic, ".retry."); i >= 0 {
		if n, err := strconv.Atoi(topic[i+len(".retry."):]); err == nil && n > 0 {
			return topic[i:]
		}
	}
	return ""
}

// matches reports whether a topic is one of those that a pattern stands for.
func matches(pattern, topic string) bool {
	if aside(pattern) != aside(topic) {
		return false
	}
	ps, ts := strings.Split(pattern, "."), strings.Split(topic, ".")
	if i := indexOf(ps, ">"); i >= 0 {
		tail := len(ps) - i - 1
		if len(ts) < len(ps) || !tokensMatch(ps[i+1:], ts[len(ts)-tail:]) {
			return false
		}
		ps, ts = ps[:i], ts[:i]
	}
	return tokensMatch(ps, ts)
}

func indexOf(tokens []string, token string) int {
	for i, x := range tokens {
		if x == token {
			return i
		}
	}
	return -1
}

func tokensMatch(ps, ts []string) bool {
	if len(ps) != len(ts) {
		return false
	}
	for i, p := range ps {
		if p != "*" && p != ts[i] {
			return false
		}
	}
	return true
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
