package protorules

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
)

// sameDefault compares the defaults that fields have, written or not.
func sameDefault(w *bufWalk, r *rule.Rule, p fieldPair) {
	if !mayDefault(p.new) || !mayDefault(p.old) || defaultsEqual(p.new, p.old) {
		return
	}
	is, was := defaultText(p.new), defaultText(p.old)
	new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder { return b.part(fieldDefaultValue) })
	w.reportField(r, p, new, old, is, was, `changed default value from %s to %s.`, was, is)
}

func mayDefault(fd protoreflect.FieldDescriptor) bool {
	return fd.Cardinality() != protoreflect.Repeated && fd.Message() == nil
}

// defaultsEqual compares by value, whatever the types: those are another rule's
// business.
func defaultsEqual(a, b protoreflect.FieldDescriptor) bool {
	switch {
	case !a.HasDefault() && !b.HasDefault() && a.Enum() == nil && b.Enum() == nil:
		return true // both zero
	case isText(a) && isText(b):
		return bytes.Equal(textOf(a), textOf(b))
	case isText(a):
		return len(textOf(a)) == 0 && isZero(b)
	case isText(b):
		return len(textOf(b)) == 0 && isZero(a)
	}
	if isFloat(a) && isFloat(b) {
		x, y := a.Default().Float(), b.Default().Float()
		if a.Kind() != b.Kind() { // one of them holds fewer digits
			x, y = float64(float32(x)), float64(float32(y))
		}
		return x == y || math.IsNaN(x) && math.IsNaN(y)
	}
	x, y := numberOf(a), numberOf(b)
	return x == y || x != nil && y != nil && x.Cmp(y) == 0
}

func isFloat(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.FloatKind || fd.Kind() == protoreflect.DoubleKind
}

func textOf(fd protoreflect.FieldDescriptor) []byte {
	if fd.Kind() == protoreflect.StringKind {
		return []byte(fd.Default().String())
	}
	return fd.Default().Bytes()
}

// isZero reports whether the default of a number is that of the language.
func isZero(fd protoreflect.FieldDescriptor) bool {
	if isFloat(fd) {
		return math.Float64bits(fd.Default().Float()) == 0
	}
	n := numberOf(fd)
	return n != nil && n.Sign() == 0
}

// numberOf is the default as a number of any size, or nil for NaN.
func numberOf(fd protoreflect.FieldDescriptor) *big.Float {
	v := fd.Default()
	switch fd.Kind() {
	case protoreflect.BoolKind:
		if v.Bool() {
			return big.NewFloat(1)
		}
		return new(big.Float)
	case protoreflect.EnumKind:
		return new(big.Float).SetInt64(int64(v.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if math.IsNaN(v.Float()) {
			return nil
		}
		return big.NewFloat(v.Float())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return new(big.Float).SetUint64(v.Uint())
	}
	return new(big.Float).SetInt64(v.Int())
}

// defaultText spells a default as Buf does.
func defaultText(fd protoreflect.FieldDescriptor) string {
	v := fd.Default()
	switch fd.Kind() {
	case protoreflect.StringKind:
		return strconv.Quote(v.String())
	case protoreflect.BytesKind:
		var parts []string
		for _, b := range v.Bytes() {
			parts = append(parts, fmt.Sprintf("0x%X", b))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case protoreflect.EnumKind:
		name := string(fd.Enum().Name())
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return name + "." + string(value.Name())
		}
		return fmt.Sprintf("%s.%d(?)", name, v.Enum())
	}
	return fmt.Sprint(v.Interface())
}
