package avrowire

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// maxDefaultDepth bounds defaults of records whose fields have defaults in turn;
// a record may be its own default.
const maxDefaultDepth = 100

// maxDefault bounds the bytes of one default, and the values in it, for the same
// reason.
const maxDefault = 1 << 20

// A defaults encodes one default.
type defaults struct{ values int }

// insertDefault returns the step that inserts the default of a field that the
// writer lacks.
func insertDefault(f *avro.Field) (step, error) {
	if f.Default == nil {
		return step{}, fmt.Errorf("the writer lacks it, and it has no default")
	}
	data, err := new(defaults).append(nil, f.Type, f.Default, 0)
	if err != nil {
		return step{}, fmt.Errorf("default: %w", err)
	}
	return step{op: opInsert, data: string(data)}, nil
}

// append appends the encoding of a default as a value of t.
func (d *defaults) append(dst []byte, t *avro.Type, v *lang.Value, depth int) ([]byte, error) {
	if d.values++; depth > maxDefaultDepth || len(dst) > maxDefault || d.values > maxDefault {
		return dst, fmt.Errorf("it is too large, or contains itself")
	}
	switch t.Kind {
	case avro.Null:
		return dst, expect(t, v, lang.Null)
	case avro.Boolean:
		return AppendBool(dst, v.Bool), expect(t, v, lang.Bool)
	case avro.Int, avro.Long:
		bits := 64
		if t.Kind == avro.Int {
			bits = 32
		}
		if err := expect(t, v, lang.Number); err != nil {
			return dst, err
		}
		n, err := strconv.ParseInt(v.Str, 10, bits)
		return AppendLong(dst, n), err
	case avro.Float, avro.Double:
		return appendFloatDefault(dst, t, v)
	case avro.Bytes, avro.Fixed:
		b, err := latin1(t, v)
		if t.Kind == avro.Bytes {
			return AppendBytes(dst, b), err
		}
		if err == nil && len(b) != t.Size {
			err = fmt.Errorf("%d bytes for a %s", len(b), describe(t))
		}
		return append(dst, b...), err
	case avro.String:
		return AppendString(dst, v.Str), expect(t, v, lang.String)
	case avro.Enum:
		for i, s := range t.Symbols {
			if v.Kind == lang.String && s.Name == v.Str {
				return AppendLong(dst, int64(i)), nil
			}
		}
		return dst, fmt.Errorf("no symbol of %s", describe(t))
	case avro.Array, avro.Map:
		return d.items(dst, t, v, depth)
	case avro.Union:
		for i, b := range t.Branches {
			if out, err := d.append(AppendLong(dst, int64(i)), b, v, depth+1); err == nil {
				return out, nil
			}
		}
		return dst, fmt.Errorf("of no type of the union")
	}
	return d.record(dst, t, v, depth)
}

func expect(t *avro.Type, v *lang.Value, kind lang.ValueKind) error {
	if v.Kind != kind {
		return fmt.Errorf("not a value for a %s", describe(t))
	}
	return nil
}

func appendFloatDefault(dst []byte, t *avro.Type, v *lang.Value) ([]byte, error) {
	text := v.Str
	if v.Kind != lang.Number && (v.Kind != lang.String || text != "NaN" && text != "Infinity" && text != "-Infinity") {
		return dst, expect(t, v, lang.Number)
	}
	// A number that is too large becomes infinite, as in other languages.
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return dst, err
	}
	if t.Kind == avro.Float {
		return AppendFloat(dst, float32(f)), nil
	}
	return AppendDouble(dst, f), nil
}

// latin1 returns the bytes that the characters of a string stand for.
func latin1(t *avro.Type, v *lang.Value) ([]byte, error) {
	if err := expect(t, v, lang.String); err != nil {
		return nil, err
	}
	out := make([]byte, 0, utf8.RuneCountInString(v.Str))
	for _, r := range v.Str {
		if r > 0xff {
			return nil, fmt.Errorf("character %q stands for no byte", r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}

func (d *defaults) items(dst []byte, t *avro.Type, v *lang.Value, depth int) ([]byte, error) {
	want, n := lang.Array, len(v.Items)
	if t.Kind == avro.Map {
		want, n = lang.Object, len(v.Members)
	}
	if err := expect(t, v, want); err != nil {
		return dst, err
	}
	if n > 0 {
		dst = AppendLong(dst, int64(n))
	}
	var err error
	for _, item := range v.Items {
		if dst, err = d.append(dst, t.Items, item, depth+1); err != nil {
			return dst, err
		}
	}
	for _, m := range v.Members {
		if dst, err = d.append(AppendString(dst, m.Key), t.Items, m.Value, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func (d *defaults) record(dst []byte, t *avro.Type, v *lang.Value, depth int) ([]byte, error) {
	if err := expect(t, v, lang.Object); err != nil {
		return dst, err
	}
	var err error
	for _, f := range t.Fields {
		value := v.Get(f.Name)
		if value == nil {
			value = f.Default
		}
		if value == nil {
			return dst, fmt.Errorf("field %q of %s is missing and has no default", f.Name, describe(t))
		}
		if dst, err = d.append(dst, f.Type, value, depth+1); err != nil {
			return dst, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	return dst, nil
}
