package protorules

import (
	"fmt"
	"slices"
	"strings"
)

// A version is a version of Buf's configuration: what belongs to which category
// depends on it.
type version int

const (
	v1beta1 version = iota + 1
	v1
	v2
)

func parseVersion(s string) (version, error) {
	for v, name := range map[version]string{v1beta1: "v1beta1", v1: "v1", v2: "v2"} {
		if s == name {
			return v, nil
		}
	}
	return 0, fmt.Errorf("version %q of the configuration: expected v1beta1, v1 or v2", s)
}

// Categories of Buf, from the strictest to the mildest, and that of the registry's
// verdicts.
const (
	file      = "FILE"
	pkg       = "PACKAGE"
	wireJSON  = "WIRE_JSON"
	wire      = "WIRE"
	csr       = "CSR"
	confluent = "CONFLUENT"
)

// A Set is a selection of Buf's rules. The zero Set has none; [Select] makes one.
type Set struct {
	on [bufRuleCount]bool
	// Imports says that findings in files which are only imported count too.
	Imports bool
}

// Has reports whether the rule with an id is in the set.
func (s Set) Has(id string) bool {
	for i, on := range s.on {
		if on && bufRows[i].rule.ID == id {
			return true
		}
	}
	return false
}

// IDs returns the ids of the rules in the set, sorted.
func (s Set) IDs() []string {
	var out []string
	for i, on := range s.on {
		if on {
			out = append(out, bufRows[i].rule.ID)
		}
	}
	slices.Sort(out)
	return out
}

// categories returns Buf's categories of a rule under a version; none if the
// version does not know the rule.
func (r *row) categories(v version) []string {
	if v < r.notBefore {
		return nil
	}
	var out []string
	for _, c := range r.rule.Categories {
		if c != confluent && (c != csr || v == v2) {
			out = append(out, c)
		}
	}
	if v == v1beta1 {
		switch r.rule {
		case fieldSameType, fieldSameCardinality:
			out = append(out, wireJSON, wire)
		case fileSamePackage:
			out = []string{file}
		}
	}
	return out
}

// deprecated returns the ids that a version still accepts and that are no rules
// any more, each with the ids that took its place.
func deprecated(v version) map[string][]string {
	out := map[string][]string{"MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT": nil}
	if v < v2 {
		out["FIELD_SAME_CTYPE"] = []string{fieldSameCppString.ID}
		out["FIELD_SAME_LABEL"] = []string{fieldSameCardinality.ID, fieldWireCardinality.ID, fieldWireJSONCardinality.ID}
		out["FILE_SAME_JAVA_STRING_CHECK_UTF8"] = []string{fieldSameJavaUTF8.ID}
		out["FILE_SAME_PHP_GENERIC_SERVICES"] = nil
	}
	return out
}

// Expand returns the ids of the active rules that an id of a rule or a category
// stands for under a version of the configuration (v1beta1, v1 or v2), sorted.
// Warning is set for one that is deprecated. An unknown one is an error that
// suggests what may have been meant.
func Expand(configVersion, id string) (ids []string, warning string, err error) {
	v, err := parseVersion(configVersion)
	if err != nil {
		return nil, "", err
	}
	if replaced, ok := deprecated(v)[id]; ok {
		warning = fmt.Sprintf("rule %s is deprecated and does nothing", id)
		if len(replaced) > 0 {
			warning = fmt.Sprintf("rule %s is deprecated; it stands for %s", id, strings.Join(replaced, ", "))
		}
		return replaced, warning, nil
	}
	var known []string
	for i := range bufRows {
		r := &bufRows[i]
		categories := r.categories(v)
		if len(categories) == 0 {
			continue
		}
		if r.rule.ID == id || slices.Contains(categories, id) {
			ids = append(ids, r.rule.ID)
		}
		known = append(append(known, r.rule.ID), categories...)
	}
	if len(ids) == 0 {
		return nil, "", fmt.Errorf("%q is no breaking rule or category of version %s; did you mean %s?", id, configVersion, closest(id, known))
	}
	slices.Sort(ids)
	return ids, "", nil
}

// Select returns the set of rules that a configuration chooses: what use names, or
// the category FILE if it names nothing, without what except names. Both hold ids
// of rules and categories; deprecated ones give a warning. An unknown id is an
// error, and so is a set with nothing in it.
func Select(configVersion string, use, except []string) (set Set, warnings []string, err error) {
	if len(slices.DeleteFunc(slices.Clone(use), func(s string) bool { return s == "" })) == 0 {
		use = []string{file}
	}
	chosen := map[string]bool{}
	for _, list := range []struct {
		ids []string
		on  bool
	}{{use, true}, {except, false}} {
		for _, id := range list.ids {
			if id == "" {
				continue
			}
			ids, warning, err := Expand(configVersion, id)
			if err != nil {
				return Set{}, nil, err
			}
			if warning != "" && !slices.Contains(warnings, warning) {
				warnings = append(warnings, warning)
			}
			for _, one := range ids {
				chosen[one] = list.on
			}
		}
	}
	empty := true
	for i := range bufRows {
		set.on[i] = chosen[bufRows[i].rule.ID]
		empty = empty && !set.on[i]
	}
	if empty {
		return Set{}, nil, fmt.Errorf("no breaking rule is left: use is %s, and except takes all of it away (%s)",
			strings.Join(use, ", "), strings.Join(except, ", "))
	}
	return set, warnings, nil
}

// closest returns the known word that takes the fewest edits to reach.
func closest(word string, known []string) string {
	best, fewest := "", len(word)+100
	for _, k := range known {
		if n := edits(strings.ToUpper(word), k); n < fewest {
			best, fewest = k, n
		}
	}
	return best
}

// edits counts the letters to change, add or remove between two words.
func edits(a, b string) int {
	if len(a) > 100 {
		a = a[:100]
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
