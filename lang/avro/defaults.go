package avro

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// CheckDefault reports what keeps v from being a default of type t, or nil. It
// is as strict as the specification: text for bytes and fixed holds code points
// up to 255 and has the right length, an enum takes one of its symbols, and a
// union takes a value of any of its branches. As the default of a float or double
// itself it also takes the strings NaN, Infinity and -Infinity, which JSON numbers
// cannot say.
func CheckDefault(t *Type, v *lang.Value) *lang.Error {
	if (t.Kind == Float || t.Kind == Double) && isSpecialFloat(v) {
		return nil
	}
	var c defaultCheck
	if f := c.check(t, v); f != nil {
		return f.err
	}
	return nil
}

// maxDefaultSteps bounds the work on the defaults of one text. A default takes a
// step for each of its values and each field of its records, so no honest text
// comes near; records in unions in records could take time without end.
const maxDefaultSteps = lang.MaxText

// A defaultCheck counts the steps taken.
type defaultCheck struct{ steps int }

// A defaultFault is a default that does not fit. Java accepts a lenient one.
type defaultFault struct {
	err     *lang.Error
	lenient bool
}

func misfit(v *lang.Value, format string, args ...any) *defaultFault {
	return &defaultFault{err: &lang.Error{
		Pos: v.Pos, Code: CodeDefaultInvalid,
		Msg: fmt.Sprintf("the default is %s, expected %s", describe(v), fmt.Sprintf(format, args...)),
	}}
}

func lenient(v *lang.Value, format string, args ...any) *defaultFault {
	f := misfit(v, format, args...)
	f.lenient = true
	return f
}

func (c *defaultCheck) check(t *Type, v *lang.Value) *defaultFault {
	if t == nil { // a mistake that is reported elsewhere
		return nil
	}
	if c.steps++; c.steps > maxDefaultSteps {
		return misfit(v, "one that can be checked in %d steps", maxDefaultSteps)
	}
	need := func(ok bool, want string) *defaultFault {
		if ok {
			return nil
		}
		return misfit(v, "%s", want)
	}
	switch t.Kind {
	case Null:
		return need(v.Kind == lang.Null, "null")
	case Boolean:
		return need(v.Kind == lang.Bool, "true or false")
	case Int:
		return need(isWhole(v, 32), "a whole number of 32 bits for int")
	case Long:
		return need(isWhole(v, 64), "a whole number of 64 bits for long")
	case Float, Double:
		return need(v.Kind == lang.Number, "a number for "+t.Kind.String())
	case String:
		return need(v.Kind == lang.String, "a string")
	case Bytes, Fixed:
		return checkBytes(t, v)
	case Enum:
		return checkSymbol(t, v)
	case Array:
		if v.Kind != lang.Array {
			return misfit(v, "an array")
		}
		return worst(len(v.Items), func(i int) *defaultFault { return c.check(t.Items, v.Items[i]) })
	case Map:
		if v.Kind != lang.Object {
			return misfit(v, "an object for map")
		}
		return worst(len(v.Members), func(i int) *defaultFault { return c.check(t.Items, v.Members[i].Value) })
	case Union:
		return c.union(t, v)
	case Record:
		return c.record(t, v)
	}
	return nil
}

// worst returns the first fault that Java does not accept either, or else the
// first fault.
func worst(n int, check func(int) *defaultFault) *defaultFault {
	var found *defaultFault
	for i := range n {
		f := check(i)
		if f != nil && !f.lenient {
			return f
		}
		if found == nil {
			found = f
		}
	}
	return found
}

func isWhole(v *lang.Value, size int) bool {
	if v.Kind != lang.Number {
		return false
	}
	_, err := strconv.ParseInt(v.Str, 10, size)
	return err == nil
}

func isSpecialFloat(v *lang.Value) bool {
	return v.Kind == lang.String && (v.Str == "NaN" || v.Str == "Infinity" || v.Str == "-Infinity")
}

func checkBytes(t *Type, v *lang.Value) *defaultFault {
	if v.Kind != lang.String {
		return misfit(v, "a string with a character for each byte of %s", t.Kind)
	}
	n := 0
	for _, c := range v.Str {
		if c > 255 {
			return lenient(v, "characters up to U+00FF, one for each byte of %s; %q is beyond", t.Kind, c)
		}
		n++
	}
	if t.Kind == Fixed && n != t.Size {
		return lenient(v, "%d characters, one for each byte of %s", t.Size, orUnnamed(t))
	}
	return nil
}

func checkSymbol(t *Type, v *lang.Value) *defaultFault {
	if v.Kind != lang.String {
		return misfit(v, "a symbol of %s", orUnnamed(t))
	}
	for _, s := range t.Symbols {
		if s.Name == v.Str {
			return nil
		}
	}
	return lenient(v, "a symbol of %s", orUnnamed(t))
}

func (c *defaultCheck) union(t *Type, v *lang.Value) *defaultFault {
	var best *defaultFault
	labels := make([]string, 0, len(t.Branches))
	for _, b := range t.Branches {
		if b == nil {
			return nil
		}
		labels = append(labels, b.label())
		if !mayHold(b.Kind, v.Kind) {
			continue // decided without the cost of a message
		}
		f := c.check(b, v)
		if f == nil {
			return nil
		}
		if f.lenient && best == nil {
			best = f
		}
	}
	if best != nil {
		return best
	}
	return misfit(v, "a value of one of the branches %s", strings.Join(labels, ", "))
}

// mayHold reports whether a value of JSON can be a default of a type at all.
func mayHold(k Kind, v lang.ValueKind) bool {
	switch v {
	case lang.Null:
		return k == Null
	case lang.Bool:
		return k == Boolean
	case lang.Number:
		return k >= Int && k <= Double
	case lang.String:
		return k == String || k == Bytes || k == Fixed || k == Enum
	case lang.Array:
		return k == Array
	}
	return k == Map || k == Record
}

func (c *defaultCheck) record(t *Type, v *lang.Value) *defaultFault {
	if v.Kind != lang.Object {
		return misfit(v, "an object for the record %s", orUnnamed(t))
	}
	c.steps += len(t.Fields)
	given := lastValues(v)
	return worst(len(t.Fields), func(i int) *defaultFault {
		f := t.Fields[i]
		if value := given[f.Name]; value != nil {
			return c.check(f.Type, value)
		}
		if f.Default == nil {
			return misfit(v, "a value for the field %q of %s, which has no default itself", f.Name, orUnnamed(t))
		}
		return nil // its own default is checked where it is written
	})
}

// fieldDefault checks the default of f once its type is known.
func (p *parser) fieldDefault(f *Field) {
	if f.Type == nil {
		return
	}
	if (f.Type.Kind == Float || f.Type.Kind == Double) && f.Default.Kind == lang.String {
		p.floatText(f)
		return
	}
	switch fault := p.defaults.check(f.Type, f.Default); {
	case fault == nil:
	case fault.lenient:
		p.lintf(fault.err.Pos, LintDefault, "%s", fault.err.Msg)
	default:
		p.mildf(fault.err.Pos, fault.err.Code, "%s", fault.err.Msg)
	}
}

// floatText does what Java does with a string as the default of a float or
// double: it is read as a number.
func (p *parser) floatText(f *Field) {
	v := *f.Default
	n, ok := parseJavaDouble(v.Str)
	if !ok {
		err := misfit(&v, "a number for %s", f.Type.Kind).err
		p.errorf(err.Pos, err.Code, "%s", err.Msg)
		return
	}
	v.Str = javaDouble(n)
	if !math.IsNaN(n) && !math.IsInf(n, 0) {
		p.lintf(v.Pos, LintDefault, "the default is the string %q, expected the number %s", f.Default.Str, v.Str)
		v.Kind = lang.Number
	}
	f.Default = &v
}
