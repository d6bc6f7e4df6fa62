package registry

import (
	"cmp"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wireproof/wireproof/registry/api"
)

const maxRuleName = 256

// allRules yields the rules of a set, list by list.
func allRules(s *api.RuleSet) iter.Seq[*api.Rule] {
	return func(yield func(*api.Rule) bool) {
		for _, list := range [][]api.Rule{s.MigrationRules, s.DomainRules, s.EncodingRules} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

var (
	migrationModes = []string{"UPGRADE", "DOWNGRADE", "UPDOWN"}
	dataModes      = []string{"WRITE", "READ", "WRITEREAD"}
)

// checkRules returns the rule set as it is stored: kinds and modes filled in,
// tags sorted. The texts of its errors are facts of the protocol.
func checkRules(s *api.RuleSet) (*api.RuleSet, error) {
	if s == nil {
		return nil, nil
	}
	out := &api.RuleSet{EnableAt: strings.ToUpper(s.EnableAt)}
	if !slices.Contains([]string{"", "ALL", "CLIENT", "GATEWAY", "SERVER", "NONE"}, out.EnableAt) {
		return nil, api.InvalidRuleSet.With("enableAt is none of ALL, CLIENT, GATEWAY, SERVER and NONE")
	}
	seen := map[string]bool{}
	for _, list := range []struct {
		name  string
		modes []string
		from  []api.Rule
		to    *[]api.Rule
	}{
		{"Migration", migrationModes, s.MigrationRules, &out.MigrationRules},
		{"Domain", dataModes, s.DomainRules, &out.DomainRules},
		{"Encoding", dataModes, s.EncodingRules, &out.EncodingRules},
	} {
		for _, r := range list.from {
			if seen[r.Name] {
				return nil, api.InvalidRuleSet.With("Found rule with duplicate name '" + r.Name + "'")
			}
			seen[r.Name] = true
			r, err := checkRule(r)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(list.modes, r.Mode) {
				return nil, api.InvalidRuleSet.With(list.name + " rules can only be " + strings.Join(list.modes, ", "))
			}
			*list.to = append(*list.to, r)
		}
	}
	return out, nil
}

func checkRule(r api.Rule) (api.Rule, error) {
	bad := func(msg string) (api.Rule, error) { return r, api.InvalidRuleSet.With(msg) }
	r.Kind = cmp.Or(strings.ToUpper(r.Kind), "TRANSFORM")
	r.Mode = cmp.Or(strings.ToUpper(r.Mode), "WRITEREAD")
	r.Tags = slices.Compact(slices.Sorted(slices.Values(r.Tags)))
	first, _ := utf8.DecodeRuneInString(r.Name)
	switch {
	case r.Name == "":
		return bad("Missing rule name")
	case strings.TrimSpace(r.Name) == "":
		return bad("Empty rule name")
	case utf8.RuneCountInString(r.Name) > maxRuleName:
		return bad("Rule name too long")
	case !unicode.IsLetter(first) && first != '_':
		return bad("Illegal initial character in rule name: " + r.Name)
	case strings.ContainsFunc(r.Name, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '-'
	}):
		return bad("Illegal character in rule name: " + r.Name)
	case r.Type == "":
		return bad("Missing rule type")
	case r.Kind != "TRANSFORM" && r.Kind != "CONDITION":
		return bad("rule " + r.Name + ": kind is neither TRANSFORM nor CONDITION")
	case !slices.Contains(migrationModes, r.Mode) && !slices.Contains(dataModes, r.Mode):
		return bad("rule " + r.Name + ": mode is none of UPGRADE, DOWNGRADE, UPDOWN, WRITE, READ and WRITEREAD")
	case strings.Contains(r.OnSuccess+r.OnFailure, ",") && r.Mode != "WRITEREAD" && r.Mode != "UPDOWN":
		return bad("Multiple actions only valid with WRITEREAD and UPDOWN")
	}
	return r, nil
}

// mergeRules returns a with the rules of b in it; of two with one name b's wins.
// The result shares nothing that is changed later.
func mergeRules(a, b *api.RuleSet) *api.RuleSet {
	if a == nil || b == nil {
		return cmp.Or(b, a)
	}
	lists := func(older, newer []api.Rule) []api.Rule {
		out := slices.DeleteFunc(slices.Clone(older), func(r api.Rule) bool { return hasRule(b, r.Name) })
		return append(out, newer...)
	}
	return &api.RuleSet{
		MigrationRules: lists(a.MigrationRules, b.MigrationRules),
		DomainRules:    lists(a.DomainRules, b.DomainRules),
		EncodingRules:  lists(a.EncodingRules, b.EncodingRules),
		EnableAt:       cmp.Or(b.EnableAt, a.EnableAt),
	}
}

func hasRule(s *api.RuleSet, name string) bool {
	for r := range allRules(s) {
		if r.Name == name {
			return true
		}
	}
	return false
}

// dropRules returns the set without rules of the given names.
func dropRules(s *api.RuleSet, names []string) *api.RuleSet {
	if s == nil || len(names) == 0 {
		return s
	}
	left := func(list []api.Rule) []api.Rule {
		return slices.DeleteFunc(slices.Clone(list), func(r api.Rule) bool { return slices.Contains(names, r.Name) })
	}
	return &api.RuleSet{
		MigrationRules: left(s.MigrationRules), DomainRules: left(s.DomainRules),
		EncodingRules: left(s.EncodingRules), EnableAt: s.EnableAt,
	}
}

// equalRules reports whether two rule sets say the same. An empty set differs from
// none, as it does in the hash; inside one, an empty list is none.
func equalRules(a, b *api.RuleSet) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.EnableAt == b.EnableAt && slices.EqualFunc(a.MigrationRules, b.MigrationRules, equalRule) &&
		slices.EqualFunc(a.DomainRules, b.DomainRules, equalRule) && slices.EqualFunc(a.EncodingRules, b.EncodingRules, equalRule)
}

func equalRule(a, b api.Rule) bool {
	if !slices.Equal(a.Tags, b.Tags) || !maps.Equal(a.Params, b.Params) {
		return false
	}
	a.Tags, a.Params, b.Tags, b.Params = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

// mergeMetadata returns a with what b says; for one key b wins.
func mergeMetadata(a, b *api.Metadata) *api.Metadata {
	if a == nil || b == nil {
		return cmp.Or(b, a)
	}
	out := &api.Metadata{
		Tags:       maps.Clone(a.Tags),
		Properties: maps.Clone(a.Properties),
		Sensitive:  slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Sensitive, b.Sensitive)))),
	}
	if out.Tags == nil {
		out.Tags = map[string][]string{}
	}
	if out.Properties == nil {
		out.Properties = map[string]string{}
	}
	maps.Copy(out.Tags, b.Tags)
	maps.Copy(out.Properties, b.Properties)
	return out
}

// sortMetadata returns metadata with its sets in order, as they are stored.
func sortMetadata(m *api.Metadata) *api.Metadata {
	if m == nil {
		return nil
	}
	out := &api.Metadata{Properties: m.Properties, Sensitive: slices.Compact(slices.Sorted(slices.Values(m.Sensitive)))}
	for key, tags := range m.Tags {
		if out.Tags == nil {
			out.Tags = map[string][]string{}
		}
		out.Tags[key] = slices.Compact(slices.Sorted(slices.Values(tags)))
	}
	return out
}

// equalMetadata reports whether two metadata say the same. Empty metadata differ
// from none, as they do in the hash.
func equalMetadata(a, b *api.Metadata) bool {
	if a == nil || b == nil {
		return a == b
	}
	return maps.EqualFunc(a.Tags, b.Tags, slices.Equal) && maps.Equal(a.Properties, b.Properties) && slices.Equal(a.Sensitive, b.Sensitive)
}
