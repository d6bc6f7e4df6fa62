package protorules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
)

func sameEnumType(w *bufWalk, r *rule.Rule, p enumPair) {
	is, was := openness(p.new), openness(p.old)
	if is == was {
		return
	}
	w.report(r, p.old,
		anchorAt(w.newer, p.new).option(enumOptions, enumFeatures, featureEnumType).whole(),
		anchorAt(w.older, p.old).option(enumOptions, enumFeatures, featureEnumType).whole(),
		is, was, `Enum %q changed from %s to %s.`, p.new.Name(), was, is)
}

func openness(e protoreflect.EnumDescriptor) string {
	if e.IsClosed() {
		return "closed"
	}
	return "open"
}

func sameEnumJSON(w *bufWalk, r *rule.Rule, p enumPair) {
	is, was := jsonFormat.of(p.new), jsonFormat.of(p.old)
	if was == jsonAllow && is != jsonAllow {
		w.report(r, p.old,
			anchorAt(w.newer, p.new).option(enumOptions, enumFeatures, featureJSON).whole(),
			anchorAt(w.older, p.old).option(enumOptions, enumFeatures, featureJSON).whole(),
			jsonName(is), jsonName(was), `Enum %q JSON format support changed from %s to %s.`, p.new.Name(), jsonName(was), jsonName(is))
	}
}

// sameNumbers reports whether the values of both sides have the same numbers and
// names in the same order, as they mostly have.
func sameValues(p enumPair) bool {
	if p.new.Values().Len() != p.old.Values().Len() {
		return false
	}
	for i := range p.old.Values().Len() {
		n, o := p.new.Values().Get(i), p.old.Values().Get(i)
		if n.Number() != o.Number() || n.Name() != o.Name() {
			return false
		}
	}
	return true
}

// values groups the values of an enum by their numbers, each with its aliases.
func values(e protoreflect.EnumDescriptor) map[protoreflect.EnumNumber][]protoreflect.EnumValueDescriptor {
	out := make(map[protoreflect.EnumNumber][]protoreflect.EnumValueDescriptor, e.Values().Len())
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		out[v.Number()] = append(out[v.Number()], v)
	}
	return out
}

// sortedNames returns the names of values in the order in which Buf lists them.
func sortedNames(values []protoreflect.EnumValueDescriptor) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v.Name()))
	}
	slices.Sort(out)
	return out
}

func quotedList(names []string) string {
	var quotedNames []string
	for _, n := range names {
		quotedNames = append(quotedNames, strconv.Quote(n))
	}
	return strings.Join(quotedNames, ", ")
}

// deletedValues returns the check for numbers of an enum that no value has any
// more, unless allowed says that what the enum reserves makes up for it.
func deletedValues(allowed func(protoreflect.EnumDescriptor, protoreflect.EnumNumber, []string) bool, suffix func(protoreflect.EnumNumber, []string) string) func(*bufWalk, *rule.Rule, enumPair) {
	return func(w *bufWalk, r *rule.Rule, p enumPair) {
		if sameValues(p) {
			return
		}
		now := values(p.new)
		for n, old := range values(p.old) {
			names := sortedNames(old)
			if len(now[n]) > 0 || allowed(p.new, n, names) {
				continue
			}
			w.report(r, old[0], whole(w.newer, p.new), whole(w.older, old[0]),
				fmt.Sprintf("no value %d", n), fmt.Sprintf("number %d", n),
				`Previously present enum value "%d" on enum %q was deleted%s.`, n, p.new.Name(), suffix(n, names))
			switch r {
			case enumValueNoDeleteNumber:
				w.mend("enum", nestedName(p.new), fmt.Sprintf("reserved %d;", n), true)
			case enumValueNoDeleteName:
				free, missing := namesToReserve(p.new, names)
				w.mend("enum", nestedName(p.new), "reserved "+missing+";", free)
			}
		}
	}
}

func neverValue(protoreflect.EnumDescriptor, protoreflect.EnumNumber, []string) bool { return false }

func noValueSuffix(protoreflect.EnumNumber, []string) string { return "" }

func valueNumberReserved(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber, _ []string) bool {
	return e.ReservedRanges().Has(n)
}

func valueNumberSuffix(n protoreflect.EnumNumber, _ []string) string {
	return fmt.Sprintf(` without reserving the number "%d"`, n)
}

func valueNamesReserved(e protoreflect.EnumDescriptor, _ protoreflect.EnumNumber, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !e.ReservedNames().Has(protoreflect.Name(n)) })
}

func valueNamesSuffix(_ protoreflect.EnumNumber, names []string) string {
	return fmt.Sprintf(" without reserving the name%s %s", plural(len(names) > 1), quotedList(names))
}

// namesToReserve lists the names that an enum does not reserve yet, and reports
// whether none of them is in use.
func namesToReserve(e protoreflect.EnumDescriptor, names []string) (free bool, list string) {
	free = true
	var missing []string
	for _, n := range names {
		name := protoreflect.Name(n)
		if !e.ReservedNames().Has(name) {
			missing = append(missing, reservedName(e, name))
		}
		free = free && e.Values().ByName(name) == nil
	}
	return free, strings.Join(missing, ", ")
}

func plural(yes bool) string {
	if yes {
		return "s"
	}
	return ""
}

// sameValueNames reports numbers that have lost a name: every name that they have
// now.
func sameValueNames(w *bufWalk, r *rule.Rule, p enumPair) {
	if sameValues(p) {
		return
	}
	now := values(p.new)
	for n, old := range values(p.old) {
		names, oldNames := sortedNames(now[n]), sortedNames(old)
		if len(names) == 0 || !slices.ContainsFunc(oldNames, func(o string) bool { return !slices.Contains(names, o) }) {
			continue
		}
		is, was := quotedList(names), quotedList(oldNames)
		for _, v := range now[n] {
			before := old[0]
			for _, o := range old {
				if o.Name() == v.Name() {
					before = o
				}
			}
			w.report(r, before,
				anchorAt(w.newer, v).part(enumValueNumber).end(), anchorAt(w.older, before).part(enumValueNumber).end(), is, was,
				`Enum value "%d" on enum %q changed name%s from %s to %s.`, n, p.new.Name(), plural(len(oldNames) > 1 && len(names) > 1), was, is)
		}
	}
}

func reservedOfEnumKept(w *bufWalk, r *rule.Rule, p enumPair) {
	w.ranges(r, "reserved", p.new, p.old, closed(p.new.ReservedRanges()), closed(p.old.ReservedRanges()), math.MaxInt32)
	w.names(r, p.new, p.old, p.new.ReservedNames(), p.old.ReservedNames())
}

func closed(ranges protoreflect.EnumRanges) []bounds {
	out := make([]bounds, ranges.Len())
	for i := range out {
		r := ranges.Get(i)
		out[i] = bounds{int64(r[0]), int64(r[1])}
	}
	return out
}
