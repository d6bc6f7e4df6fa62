package registry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wireproof/wireproof/registry/api"
)

// A qualified name is :.context:subject. The default context is named "." by
// the protocol and "" here; its subjects are bare names. A scope is where a
// setting or a mode applies: a subject, a context spelled :.context:, or "" for
// the default context, whose settings are those of the server.
const (
	defaultContext = ":.:"
	anyContext     = ":*:"
	// globalContext is no context: its settings and modes are those of all.
	globalContext = ".__GLOBAL"
	globalScope   = ":.__GLOBAL:"
)

// splitName cuts a qualified name. What does not begin with a whole context is
// a bare name.
func splitName(qualified string) (context, name string) {
	if !strings.HasPrefix(qualified, ":.") {
		return "", qualified
	}
	context, name, ok := strings.Cut(qualified[1:], ":")
	switch {
	case !ok:
		return "", qualified
	case context == ".":
		// What follows the default context may spell out another one: it must not
		// count as a bare name here and as a qualified one after normalName.
		return splitName(name)
	}
	return context, name
}

// joinName is the inverse of splitName.
func joinName(context, name string) string {
	if context == "" {
		return name
	}
	return ":" + context + ":" + name
}

// normalName returns the one spelling of a name: the default context is not
// spelled out.
func normalName(name string) string { return joinName(splitName(name)) }

// NormalName returns the one spelling of a qualified name or scope: the default
// context is not spelled out.
func NormalName(name string) string { return normalName(name) }

// ReferenceSubject returns the qualified subject that a reference from a subject
// means.
func ReferenceSubject(subject string, r api.Reference) string {
	context, _ := splitName(subject)
	return refersTo(context, r)
}

// MaxName is how many bytes the name of a subject may have, with its context as
// :.context:name, and so a context or scope: escaped in a URL, where each byte can
// take three, it still fits the 8 KiB that servers and proxies give the first line
// of a request. What a log holds already is kept whatever its length.
const MaxName = 2048

// newSubject checks the name of a subject that is about to be written to, and
// returns its one spelling. The empty name is a subject, too, unless the server
// refuses it: the protocol knows it as :.: and :.context:.
func (p *policy) newSubject(name string) (string, error) {
	context, subject := splitName(name)
	if context == globalContext || p.rejectEmpty && (subject == "" || subject == "*") {
		return "", api.InvalidSubject.With(shortName(name))
	}
	return newScope(name)
}

// newScope checks where a setting or a mode is to apply, and returns its one
// spelling.
func newScope(name string) (string, error) {
	context, subject := splitName(name)
	if subject == "__GLOBAL" || subject == "__EMPTY" || strings.HasPrefix(subject, anyContext) ||
		strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		return "", api.InvalidSubject.With(shortName(name))
	}
	out := joinName(context, subject)
	if len(out) > MaxName {
		e := api.InvalidSubject.With(shortName(name))
		e.Message += fmt.Sprintf(" With its context it has %d bytes; at most %d are accepted.", len(out), MaxName)
		return "", e
	}
	return out, nil
}

// shortName is a name for a message.
func shortName(name string) string {
	if len(name) <= MaxName {
		return name
	}
	return strings.ToValidUTF8(name[:64], "") + "…"
}

// A selection says which subjects of which contexts a prefix means.
type selection struct {
	all     bool
	context string
	prefix  string
}

// selectionOf reads a prefix; absent is what it means when it was not given.
func selectionOf(prefix *string, absent string) selection {
	p := absent
	if prefix != nil {
		p = *prefix
	}
	if rest, ok := strings.CutPrefix(p, anyContext); ok {
		return selection{all: true, prefix: rest}
	}
	context, rest := splitName(p)
	return selection{context: context, prefix: rest}
}

// subjects yields what a selection means, in the order of qualified names.
func (s *State) selected(sel selection, visit func(qualified string, versions []*version)) {
	var contexts []string
	if sel.all {
		contexts = s.spaces.Keys()
	} else {
		contexts = []string{sel.context}
	}
	type found struct {
		name     string
		versions []*version
	}
	var out []found
	for _, context := range contexts {
		sp := s.space(context)
		sp.subjects.Ascend(sel.prefix, func(name string, versions []*version) bool {
			if !strings.HasPrefix(name, sel.prefix) {
				return false
			}
			out = append(out, found{joinName(context, name), versions})
			return true
		})
	}
	if len(contexts) > 1 {
		slices.SortFunc(out, func(a, b found) int { return strings.Compare(a.name, b.name) })
	}
	for _, f := range out {
		visit(f.name, f.versions)
	}
}

// Latest is the version that stands for the highest live one.
const Latest = -1

// ParseVersion reads a version as it stands in a path: a number from 1, "latest"
// or -1. Anything else matches [api.InvalidVersion].
func ParseVersion(text string) (int, error) {
	s := strings.TrimSpace(text)
	if strings.EqualFold(s, "latest") {
		return Latest, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 && n != Latest {
		return 0, api.InvalidVersion.With(text)
	}
	return int(n), nil
}
