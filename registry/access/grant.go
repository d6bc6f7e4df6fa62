package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A Grant lets somebody do something. Grants only add up: what none allows is
// refused.
type Grant struct {
	// Who lists user:name, group:name, or "*" for everybody with valid
	// credentials. Anonymous requests count only by their groups.
	Who []string `yaml:"who"`
	// May lists read, write, delete, configure and admin, or "*" for all. None
	// includes another.
	May []string `yaml:"may"`
	// Subjects are names without their context; * stands for any text.
	Subjects []string `yaml:"subjects"`
	// Contexts are names such as . (the default context) or .team*. Empty means
	// the default context only.
	Contexts []string `yaml:"contexts"`
}

type kind int

const (
	everybody kind = iota
	oneUser
	oneGroup
)

// An entry is one element of Who.
type entry struct {
	kind kind
	name string
}

// A rule is a grant, ready to be asked.
type rule struct {
	who      []entry
	may      []api.Verb
	subjects []string
	contexts []string
}

// verbs returns all there are.
func verbs() []api.Verb { return []api.Verb{api.Read, api.Write, api.Delete, api.Configure, api.Admin} }

func parseGrants(grants []Grant) ([]rule, error) {
	var out []rule
	for i, g := range grants {
		r, err := parseGrant(g)
		if err != nil {
			return nil, fmt.Errorf("grants[%d].%w", i, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func parseGrant(g Grant) (rule, error) {
	r := rule{subjects: g.Subjects, contexts: g.Contexts}
	for _, who := range g.Who {
		name, isUser := strings.CutPrefix(who, "user:")
		group, isGroup := strings.CutPrefix(who, "group:")
		switch {
		case who == "*":
			r.who = append(r.who, entry{kind: everybody})
		case isUser && name != "":
			r.who = append(r.who, entry{oneUser, name})
		case isGroup && group != "":
			r.who = append(r.who, entry{oneGroup, group})
		default:
			return r, fmt.Errorf("who: %q; expected user:name, group:name or \"*\"", who)
		}
	}
	for _, may := range g.May {
		verb := api.Verb(may)
		switch {
		case may == "*":
			r.may = verbs()
		case slices.Contains(verbs(), verb):
			r.may = append(r.may, verb)
		default:
			return r, fmt.Errorf("may: %q; expected one of %v or \"*\"", may, verbs())
		}
	}
	if len(r.contexts) == 0 {
		r.contexts = []string{defaultContext}
	}
	for _, c := range r.contexts {
		if !strings.HasPrefix(c, ".") && !strings.HasPrefix(c, "*") {
			return r, fmt.Errorf("contexts: %q; expected a name that begins with a dot, or \"*\"", c)
		}
	}
	switch {
	case len(r.who) == 0:
		return r, fmt.Errorf("who: it is empty; expected user:name, group:name or \"*\"")
	case len(r.may) == 0:
		return r, fmt.Errorf("may: it is empty; expected some of %v", verbs())
	case len(r.subjects) == 0 || slices.Contains(r.subjects, ""):
		return r, fmt.Errorf("subjects: a pattern is missing or empty; expected names such as \"orders.*\", or \"*\"")
	}
	return r, nil
}

const (
	defaultContext = "."
	// globalContext is no context: its settings and modes are those of all.
	globalContext = ".__GLOBAL"
)

// splitSubject cuts a qualified name into its context and its bare name, as the
// registry does: what does not begin with a whole context is a bare name.
func splitSubject(qualified string) (context, name string) {
	if !strings.HasPrefix(qualified, ":.") {
		return defaultContext, qualified
	}
	context, name, ok := strings.Cut(qualified[1:], ":")
	if !ok {
		return defaultContext, qualified
	}
	return context, name
}

// Allows reports whether the sender of a request may do something with a
// subject: a qualified name, a context spelled :.context:, or "" for the server.
//
// What concerns a whole context needs a grant for all its subjects ("*"), and
// what concerns the server, one for all contexts too. Reading is the exception:
// whoever may read something in a context may see that it exists and its
// settings, and whoever may read anything those of the server.
//
// A context without a principal is refused, unless the guard asks nobody who
// they are.
func (g *Guard) Allows(ctx context.Context, verb api.Verb, subject string) bool {
	if g.open {
		return true
	}
	s, ok := ctx.Value(sessionKey{}).(*session)
	if ok && s.guard == g {
		return allows(s.rules, verb, subject)
	}
	p, ok := PrincipalFrom(ctx)
	return ok && allows(g.rulesOf(p), verb, subject)
}

// rulesOf returns the rules that name a principal.
func (g *Guard) rulesOf(p Principal) []*rule {
	var out []*rule
	for i := range g.rules {
		if r := &g.rules[i]; slices.ContainsFunc(r.who, p.is) {
			out = append(out, r)
		}
	}
	return out
}

func allows(rules []*rule, verb api.Verb, subject string) bool {
	context, name := splitSubject(subject)
	server := subject == "" || context == globalContext
	for _, r := range rules {
		if slices.Contains(r.may, verb) && r.covers(verb, server, context, name) {
			return true
		}
	}
	return false
}

func (r *rule) covers(verb api.Verb, server bool, context, name string) bool {
	switch {
	case server && verb == api.Read:
		return true
	case server:
		return slices.ContainsFunc(r.contexts, matchesAllContexts) && slices.ContainsFunc(r.subjects, matchesAll)
	case !anyMatches(r.contexts, context):
		return false
	case name == "" && verb == api.Read:
		return true
	case name == "":
		return slices.ContainsFunc(r.subjects, matchesAll)
	}
	return anyMatches(r.subjects, name)
}

func matchesAll(pattern string) bool { return strings.Trim(pattern, "*") == "" }

// matchesAllContexts is matchesAll for names that all begin with a dot.
func matchesAllContexts(pattern string) bool {
	return pattern != defaultContext && matchesAll(strings.TrimPrefix(pattern, defaultContext))
}

func anyMatches(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, text) })
}

// glob reports whether a pattern, in which * stands for any text and all else
// for itself, is the whole text. It takes at most the product of both lengths.
func glob(pattern, text string) bool {
	star, resume := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
