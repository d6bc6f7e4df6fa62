package registry

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/wireproof/wireproof/registry/api"
)

// A request may spell a subject with its context, as :.context:subject. The
// default context has an empty name.
const (
	defaultContext = ":.:"
	anyContext     = ":*:"
)

// cutContext returns a subject without the default context, and whether it is
// in the default context at all.
func cutContext(subject string) (string, bool) {
	subject = strings.TrimPrefix(subject, defaultContext)
	return subject, !strings.HasPrefix(subject, ":.") && !strings.HasPrefix(subject, anyContext)
}

// newSubject checks the name of a subject that is about to be written to.
func newSubject(name string) (string, error) {
	subject, ok := cutContext(name)
	if !ok || subject == "" || subject == "__GLOBAL" || subject == "__EMPTY" || strings.ContainsFunc(subject, unicode.IsControl) {
		return "", api.InvalidSubject.With(name)
	}
	return subject, nil
}

// matcher returns a function that says which subjects a prefix selects; absent
// is what the prefix means when it was not given.
func matcher(prefix *string, absent string) func(subject string) bool {
	p := absent
	if prefix != nil {
		p = *prefix
	}
	p, ok := cutContext(strings.TrimPrefix(p, anyContext))
	return func(subject string) bool { return ok && strings.HasPrefix(subject, p) }
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
