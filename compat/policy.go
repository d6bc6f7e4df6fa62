package compat

import (
	"fmt"
	"strings"
)

// A Policy says how much a level forbids, as the registry protocol spells it.
// Only the rules of JSON Schema know the difference.
type Policy string

// The policies.
const (
	// Strict holds every value against the schema that reads it, those included
	// that an open content model lets through today. It is the default.
	Strict Policy = "STRICT"
	// Lenient trusts that nobody writes properties that no schema names, so
	// properties may come and go.
	Lenient Policy = "LENIENT"
)

// ParsePolicy reads a policy in upper or lower case. An empty text means
// [Strict].
func ParsePolicy(text string) (Policy, error) {
	for _, p := range []Policy{Strict, Lenient} {
		if strings.EqualFold(text, string(p)) {
			return p, nil
		}
	}
	if text == "" {
		return Strict, nil
	}
	return "", fmt.Errorf("compatibility policy %q: expected one of %v", text, []Policy{Strict, Lenient})
}
