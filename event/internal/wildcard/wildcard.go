// Package wildcard says which topics a pattern stands for, for transports that have
// patterns: "*" is one token of a topic, whose tokens are what its points part, and
// ">" one or more at the end. A pattern stands for no retry or dead-letter topic
// unless it ends like one: what the runtime puts aside for a pattern has the name
// of the pattern with such an end, as in "orders.>.billing.retry.1".
package wildcard

import (
	"fmt"
	"strconv"
	"strings"
)

// Check reports what is wrong with the wildcards of a topic: a ">" that is
// neither its last token nor before the end of a retry or dead-letter topic.
func Check(topic string) error {
	tokens := strings.Split(topic, ".")
	i := indexOf(tokens, ">")
	if i < 0 || i == len(tokens)-1 {
		return nil
	}
	if end := strings.Join(tokens[i+1:], "."); Aside(end) == "" || Is(end) {
		return fmt.Errorf("topic %q has %q before its end", topic, ">")
	}
	return nil
}

// Is reports whether a topic holds wildcards.
func Is(topic string) bool {
	for token := range strings.SplitSeq(topic, ".") {
		if token == "*" || token == ">" {
			return true
		}
	}
	return false
}

// Aside returns how the name of a retry or dead-letter topic ends, from the
// point; empty if it is neither.
func Aside(topic string) string {
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

// Matches reports whether a topic is one of those that a pattern stands for.
func Matches(pattern, topic string) bool {
	if Aside(pattern) != Aside(topic) {
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
