package jsonrules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wireproof/wireproof/compat/rule"
)

// A Policy says which types of difference are compatible.
type Policy uint8

// The policies.
const (
	// Strict holds new readers against everything that the old schema lets
	// through, named or not.
	Strict Policy = iota
	// Lenient trusts that nobody writes what no schema names.
	Lenient
)

// passing says under which policies a type of difference is compatible.
type passing uint8

const (
	never passing = iota
	lenient
	always
)

// A kind is a type of difference.
type kind struct {
	name    string // the protocol's name for it, or the id of a rule of ours
	passing passing
	say     string // the message, see words
	rule    *rule.Rule
	ours    bool // the protocol has no name for it
}

func (k *kind) passes(p Policy) bool {
	return k.passing == always || k.passing == lenient && p == Lenient
}

// A row is a kind with the documentation of its rule.
type row struct {
	name, title, prose     string
	before, after, instead string
	fix, say               string
	passing                passing
	ours                   bool // a warning about what the protocol does not compare
}

func (r row) rule() *rule.Rule {
	out := &rule.Rule{
		ID:       "JSON_" + r.name,
		Doc:      fmt.Sprintf("%s\n\n%s\n\nBefore:  %s\nAfter:   %s\nInstead: %s", r.title, r.prose, r.before, r.after, r.instead),
		Fix:      r.fix,
		Breaks:   rule.Readers | rule.OldReaders,
		Severity: rule.Error, ErrorType: r.name,
	}
	if r.ours {
		out.ID, out.Severity, out.ErrorType = r.name, rule.Warning, ""
	}
	return out
}

// kinds holds every type of difference by its name, and table the rules of those
// that may be incompatible. Neither changes.
var kinds, table = index()

func index() (map[string]*kind, []*rule.Rule) {
	out := map[string]*kind{}
	for name, say := range compatible() {
		out[name] = &kind{name: name, passing: always, say: say}
	}
	var rules []*rule.Rule
	for _, rows := range [][]row{typeRows(), limitRows(), objectRows(), contentRows(), arrayRows(), warningRows()} {
		for _, r := range rows {
			k := &kind{name: r.name, passing: r.passing, say: r.say, rule: r.rule(), ours: r.ours}
			if r.ours {
				k.passing = always
			}
			out[r.name] = k
			rules = append(rules, k.rule)
		}
	}
	return out, rules
}

// Table returns every rule, in the order in which they are documented. The rows
// are shared and must not be changed. A type of difference that is compatible
// under every policy has none: there is nothing to do about it.
//
// Considered and left out:
//   - a reordered key: no value depends on it;
//   - a changed "examples", "$comment" or keyword that nobody knows: they say
//     nothing about which values fit.
func Table() []*rule.Rule { return append([]*rule.Rule(nil), table...) }

// compatible returns the types of difference that are compatible under every
// policy, with their messages.
func compatible() map[string]string {
	const (
		higher   = "{name} is {u} in the {r} schema and {o} in the {w} one"
		gone     = "{name} is absent in the {r} schema and {o} in the {w} one"
		changed  = "{name} differs"
		allowsIt = "the {r} schema allows in {name} what the {w} one forbids"
	)
	out := map[string]string{
		"ID_CHANGED": changed, "TITLE_CHANGED": changed, "DESCRIPTION_CHANGED": changed, "DEFAULT_CHANGED": changed,

		"SCHEMA_REMOVED":         "the {r} schema leaves open what the {w} one restricts",
		"TYPE_EXTENDED":          "the {r} schema takes every number, the {w} one integers only",
		"ENUM_ARRAY_EXTENDED":    "the {r} schema has more values in {name}, {u} instead of {o}",
		"COMBINED_TYPE_EXTENDED": "the {r} schema has {u}, which takes all that {o} of the {w} one takes",
		"PRODUCT_TYPE_NARROWED":  "the {r} schema asks for fewer members to hold than the {w} one",
		"SUM_TYPE_EXTENDED":      "the {r} schema has more alternatives than the {w} one",
		"NOT_TYPE_NARROWED":      "the {r} schema excludes no more than the {w} one",

		"PATTERN_REMOVED":      "the {r} schema has no pattern",
		"MULTIPLE_OF_REDUCED":  higher,
		"MULTIPLE_OF_REMOVED":  gone,
		"UNIQUE_ITEMS_REMOVED": "items may be the same in the {r} schema",

		"REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED": "property {name} is required in the {r} schema, which has a default for it",
		"REQUIRED_ATTRIBUTE_REMOVED":            "property {name} is not required in the {r} schema",
		"DEPENDENCY_ARRAY_NARROWED":             "property {name} asks for fewer others in the {r} schema",
		"DEPENDENCY_ARRAY_REMOVED":              "property {name} asks for no others in the {r} schema",
		"DEPENDENCY_SCHEMA_REMOVED":             "property {name} asks for nothing else in the {r} schema",

		"PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL":       "property {name} may be anything in the {r} schema",
		"REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL": "property {name} is new to the {r} schema and has a default",
		"OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL":              "property {name} is new to the {r} schema and not required",
		"PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL":        "property {name} could never be there",
		"PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL":                     "property {name} may be anything in the {r} schema, which does not name it",
		"PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL":    "property {name} takes whatever the {w} schema lets properties of that name be",
		"PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL":  "the {r} schema still takes what property {name} held",
		"ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL":           "item {name} may be anything in the {r} schema",
		"ITEM_ADDED_TO_CLOSED_CONTENT_MODEL":                           "item {name} is new to the {r} schema",
		"ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL":            "item {name} could never be there",
		"ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL":                         "item {name} may be anything in the {r} schema, which does not name it",
		"ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL":        "item {name} takes whatever the {w} schema lets items beyond its own be",
		"ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL":      "the {r} schema still takes what item {name} was",
	}
	for _, l := range bounds() {
		out[l.name+"_REMOVED"] = gone
		if l.upper {
			out[l.name+"_INCREASED"] = higher
		} else {
			out[l.name+"_DECREASED"] = higher
		}
	}
	for _, name := range []string{"ADDITIONAL_PROPERTIES", "UNEVALUATED_PROPERTIES", "ADDITIONAL_ITEMS", "UNEVALUATED_ITEMS"} {
		out[name+"_ADDED"], out[name+"_EXTENDED"] = allowsIt, allowsIt
	}
	return out
}

// Types returns the name of every type of difference, in order.
func Types() []string { return slices.Sorted(maps.Keys(kinds)) }
