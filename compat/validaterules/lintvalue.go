package validaterules

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// text checks constraints of strings.
func (l *fieldLint) text(r *validate.StringRules) {
	const kind = "string"
	l.sizes(kind, "len", r.Len, "min_len", r.MinLen, "max_len", r.MaxLen)
	l.sizes(kind, "len_bytes", r.LenBytes, "min_bytes", r.MinBytes, "max_bytes", r.MaxBytes)
	if low, high := r.MinLen, r.MaxBytes; low != nil && high != nil && *high < *low {
		const why = " A string with %d UTF-8 characters has at least %d bytes, which is higher than %d bytes."
		l.add([]string{kind, "min_len"}, "has value %d for %s, which must be lower than value %d for %s."+why,
			*low, l.name(kind, "min_len"), *high, l.name(kind, "max_bytes"), *low, *low, *high)
		l.add([]string{kind, "max_bytes"}, "has value %d for %s, which must be higher than value %d for %s."+why,
			*high, l.name(kind, "max_bytes"), *low, l.name(kind, "min_len"), *low, *low, *high)
	}
	if high, low := r.MaxLen, r.MinBytes; high != nil && low != nil && *high*utf8.UTFMax < *low {
		const what = "has value %d for %s but %d for %s. A string with %d UTF-8 characters has at most %d bytes."
		l.add([]string{kind, "min_bytes"}, what, *low, l.name(kind, "min_bytes"), *high, l.name(kind, "max_len"), *high, *high*utf8.UTFMax)
		l.add([]string{kind, "max_len"}, what, *high, l.name(kind, "max_len"), *low, l.name(kind, "min_bytes"), *high, *high*utf8.UTFMax)
	}
	for name, part := range map[string]*string{"prefix": r.Prefix, "suffix": r.Suffix, "contains": r.Contains} {
		if part != nil {
			l.substring(r, name, *part)
		}
	}
	l.pattern(kind, r.Pattern)
	if r.Strict != nil && !*r.Strict && r.GetWellKnownRegex() == validate.KnownRegex_KNOWN_REGEX_UNSPECIFIED {
		strict, regex := l.name(kind, "strict"), l.name(kind, "well_known_regex")
		l.add([]string{kind, "strict"}, "has %s without %s. %s only applies to %s and is invalid without it.", strict, regex, strict, regex)
	}
}

// substring checks what a string has to contain.
func (l *fieldLint) substring(r *validate.StringRules, name, part string) {
	at, rule := []string{"string", name}, l.name("string", name)
	if n := uint64(utf8.RuneCountInString(part)); r.MaxLen != nil && n > *r.MaxLen {
		l.add(at, "has a %s of length %d, exceeding its max_len (%d). It is impossible for a string to contain %q while having less than or equal to %d UTF-8 characters.",
			rule, n, *r.MaxLen, part, n)
	}
	if n := uint64(len(part)); r.MaxBytes != nil && n > *r.MaxBytes {
		l.add(at, "has a %s of %d bytes, exceeding its max_bytes (%d). It is impossible for a string to contain %q while having less than or equal to %d bytes.",
			rule, n, *r.MaxBytes, part, n)
	}
	if not := r.NotContains; not != nil && strings.Contains(part, *not) {
		l.add(at, "has a %s (%q) containing its not_contains (%q). It is impossible for a string to contain %q without containing %q.", rule, part, *not, part, *not)
	}
}

func (l *fieldLint) bytes(r *validate.BytesRules) {
	const kind = "bytes"
	l.sizes(kind, "len", r.Len, "min_len", r.MinLen, "max_len", r.MaxLen)
	for name, part := range map[string][]byte{"prefix": r.Prefix, "suffix": r.Suffix, "contains": r.Contains} {
		if r.MaxLen != nil && uint64(len(part)) > *r.MaxLen {
			l.add([]string{kind, name}, "has a %s of %d bytes, exceeding its max_len (%d). It is impossible to contain %q while having less than or equal to %d bytes.",
				l.name(kind, name), len(part), *r.MaxLen, part, *r.MaxLen)
		}
	}
	l.pattern(kind, r.Pattern)
}

func (l *fieldLint) mask(r *validate.FieldMaskRules) {
	for _, in := range r.GetIn() {
		if slices.Contains(r.GetNotIn(), in) {
			l.add([]string{"field_mask", "in"}, "has path %q in both in and not_in rules.", in)
		}
	}
}

func (l *fieldLint) timestamp(r *validate.TimestampRules) {
	const kind = "timestamp"
	if r.GetLtNow() && r.GetGtNow() {
		for _, name := range []string{"gt_now", "lt_now"} {
			l.add([]string{kind, name}, "has both %s and %s. A timestamp cannot be both before and after validation time.", l.name(kind, "gt_now"), l.name(kind, "lt_now"))
		}
	}
	if d := r.GetWithin(); d != nil {
		at, rule := []string{kind, "within"}, l.name(kind, "within")
		if bad := badDuration(d); bad != "" {
			l.add(at, "has an invalid %s: %s.", rule, bad)
		} else if d.GetSeconds() <= 0 && d.GetNanos() <= 0 {
			l.add(at, "must have a positive %s (%v).", rule, d)
		}
	}
}

// number checks bounds and constants of numbers, times and durations.
func (l *fieldLint) number(kind string, m protoreflect.Message) {
	var low, high protoreflect.FieldDescriptor
	constant := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(fd.Name())
		switch name {
		case "const", "gt", "gte", "lt", "lte":
		case "in", "not_in":
			for i := range v.List().Len() {
				l.listed(kind, name, i, v.List().Get(i))
			}
			return true
		default:
			return true
		}
		if bad := badMoment(v); bad != "" {
			l.add([]string{kind, name}, "has an invalid %s: %s.", l.name(kind, name), bad)
			return true
		}
		if isNaN(v) {
			l.add([]string{kind, name}, "has %s set to NaN. Comparisons with NaN are always false, so this rule can never be satisfied.", l.name(kind, name))
		}
		switch name[0] {
		case 'c':
			constant = true
		case 'g':
			low = fd
		case 'l':
			high = fd
		}
		return true
	})
	if constant {
		l.constant(kind, m)
	}
	if low == nil || high == nil {
		return
	}
	if d, ok := compare(m.Get(low), m.Get(high)); !ok || d != 0 {
		return // a lower bound above the upper one is a range outside of both
	}
	lowName, highName := string(low.Name()), string(high.Name())
	for _, name := range []string{lowName, highName} {
		if lowName == "gte" && highName == "lte" {
			l.add([]string{kind, name}, "has equal %s and %s, use %s.const instead.", l.name(kind, lowName), l.name(kind, highName), l.name(kind))
		} else {
			l.add([]string{kind, name}, "has equal %s and %s. All values are rejected by these checks.", l.name(kind, lowName), l.name(kind, highName))
		}
	}
}

// listed checks a value of a list of those that are allowed, or not allowed.
func (l *fieldLint) listed(kind, name string, i int, v protoreflect.Value) {
	if !isNaN(v) {
		return
	}
	effect := "can never match"
	if name == "not_in" {
		effect = "has no effect"
	}
	l.addAt([]string{kind, name}, i, "has NaN in %s. Comparisons with NaN are always false, so this entry %s.", l.name(kind, name), effect)
}

func isNaN(v protoreflect.Value) bool {
	switch x := v.Interface().(type) {
	case float32:
		return math.IsNaN(float64(x))
	case float64:
		return math.IsNaN(x)
	}
	return false
}

// badMoment says what is wrong with a time or duration; nothing for numbers.
func badMoment(v protoreflect.Value) string {
	m, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return ""
	}
	raw, err := proto.Marshal(m.Interface())
	if err != nil {
		return err.Error()
	}
	if m.Descriptor().Name() == "Duration" {
		d := new(durationpb.Duration)
		if err = proto.Unmarshal(raw, d); err == nil {
			return badDuration(d)
		}
		return err.Error()
	}
	t := new(timestamppb.Timestamp)
	if err = proto.Unmarshal(raw, t); err == nil {
		err = t.CheckValid()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// badDuration says why no program of protovalidate takes a duration: beyond these
// bounds its arithmetic overflows.
func badDuration(d *durationpb.Duration) string {
	const seconds, nanos = 9223372036, 854775428
	most, least := &durationpb.Duration{Seconds: seconds, Nanos: nanos}, &durationpb.Duration{Seconds: -seconds, Nanos: -nanos}
	switch {
	case d.GetNanos() <= -1e9 || d.GetNanos() >= 1e9:
		return fmt.Sprintf("duration (%v) must have nanos in the range 0 to 999999999", d)
	case d.GetSeconds() > 0 && d.GetNanos() < 0 || d.GetSeconds() < 0 && d.GetNanos() > 0:
		return fmt.Sprintf("duration (%v) has seconds and nanos with different signs", d)
	case d.AsDuration() > most.AsDuration() || d.AsDuration() < least.AsDuration():
		return fmt.Sprintf("duration (%v) must be in the range %v to %v", d, least, most)
	}
	return ""
}
