package witness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// A value is an Avro value beside the type that it has. It is immutable and may
// be part of several others.
type value struct {
	bool  bool
	n     int64   // int, long; the index of an enum's symbol or a union's branch
	f     float64 // float, double
	s     string  // bytes, string, fixed; an enum's symbol where it is in no list
	keys  []string
	items []*value // of arrays, maps, and records; the one of a union
}

var errTruncated = errors.New("the data ends too early")

// appendValue encodes v as type t.
func appendValue(b []byte, t *avro.Type, v *value) ([]byte, error) {
	if len(b) > maxBytes {
		return nil, ErrTooLarge
	}
	var err error
	switch t.Kind {
	case avro.Boolean:
		if v.bool {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case avro.Int, avro.Long, avro.Enum:
		return binary.AppendVarint(b, v.n), nil
	case avro.Float:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v.f))), nil
	case avro.Double:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.f)), nil
	case avro.Bytes, avro.String:
		return append(binary.AppendVarint(b, int64(len(v.s))), v.s...), nil
	case avro.Fixed:
		return append(b, v.s...), nil
	case avro.Record:
		for i, f := range t.Fields {
			if b, err = appendValue(b, f.Type, v.items[i]); err != nil {
				return nil, err
			}
		}
	case avro.Union:
		return appendValue(binary.AppendVarint(b, v.n), t.Branches[v.n], v.items[0])
	case avro.Array, avro.Map:
		if len(v.items) > 0 {
			b = binary.AppendVarint(b, int64(len(v.items)))
		}
		for i, item := range v.items {
			if t.Kind == avro.Map {
				b = append(binary.AppendVarint(b, int64(len(v.keys[i]))), v.keys[i]...)
			}
			if b, err = appendValue(b, t.Items, item); err != nil {
				return nil, err
			}
		}
		return append(b, 0), nil
	}
	return b, nil
}

// A decoder reads values back with the writer's schema. A value takes a step, so
// no data can make it run away.
type decoder struct {
	data  []byte
	steps budget
}

func (d *decoder) varint() (int64, error) {
	n, size := binary.Varint(d.data)
	if size <= 0 {
		return 0, errTruncated
	}
	d.data = d.data[size:]
	return n, nil
}

func (d *decoder) take(n int64) (string, error) {
	if n < 0 || n > int64(len(d.data)) {
		return "", errTruncated
	}
	s := string(d.data[:n])
	d.data = d.data[n:]
	return s, nil
}

func (d *decoder) text() (string, error) {
	n, err := d.varint()
	if err != nil {
		return "", err
	}
	return d.take(n)
}

func (d *decoder) value(t *avro.Type) (*value, error) {
	if !d.steps.take(1) {
		return nil, ErrTooLarge
	}
	v := &value{}
	var err error
	switch t.Kind {
	case avro.Boolean:
		v.s, err = d.take(1)
		v.bool, v.s = v.s == "\x01", ""
	case avro.Int, avro.Long:
		v.n, err = d.varint()
	case avro.Enum:
		if v.n, err = d.varint(); err == nil && (v.n < 0 || v.n >= int64(len(t.Symbols))) {
			err = fmt.Errorf("the symbol has the index %d, expected one below %d", v.n, len(t.Symbols))
		}
	case avro.Float:
		v.s, err = d.take(4)
		if err == nil {
			v.f = float64(math.Float32frombits(binary.LittleEndian.Uint32([]byte(v.s))))
		}
		v.s = ""
	case avro.Double:
		v.s, err = d.take(8)
		if err == nil {
			v.f = math.Float64frombits(binary.LittleEndian.Uint64([]byte(v.s)))
		}
		v.s = ""
	case avro.Bytes, avro.String:
		v.s, err = d.text()
	case avro.Fixed:
		v.s, err = d.take(int64(t.Size))
	case avro.Record:
		v.items = make([]*value, len(t.Fields))
		for i, f := range t.Fields {
			if v.items[i], err = d.value(f.Type); err != nil {
				return nil, err
			}
		}
	case avro.Union:
		if v.n, err = d.varint(); err == nil && (v.n < 0 || v.n >= int64(len(t.Branches))) {
			err = fmt.Errorf("the branch has the index %d, expected one below %d", v.n, len(t.Branches))
		}
		if err != nil {
			return nil, err
		}
		v.items = make([]*value, 1)
		v.items[0], err = d.value(t.Branches[v.n])
	case avro.Array, avro.Map:
		err = d.blocks(t, v)
	}
	return v, err
}

func (d *decoder) blocks(t *avro.Type, v *value) error {
	for {
		n, err := d.varint()
		if err != nil || n == 0 {
			return err
		}
		if n < 0 { // a block that says its size, so that it can be skipped
			if _, err := d.varint(); err != nil {
				return err
			}
			if n = -n; n < 0 {
				return ErrTooLarge
			}
		}
		for range n {
			if t.Kind == avro.Map {
				key, err := d.text()
				if err != nil {
					return err
				}
				v.keys = append(v.keys, key)
			}
			item, err := d.value(t.Items)
			if err != nil {
				return err
			}
			v.items = append(v.items, item)
		}
	}
}

// appendJSON prints v in Avro's JSON encoding. With meaning, values of logical
// types are printed as what they stand for.
func appendJSON(b []byte, t *avro.Type, v *value, meaning bool) []byte {
	if v == nil {
		return append(b, "null"...) // another field of the message cannot be read at all
	}
	if meaning && t.Logical != avro.NoLogical {
		if text, ok := meant(t, v); ok {
			return lang.AppendJSONString(b, text)
		}
	}
	switch t.Kind {
	case avro.Null:
		return append(b, "null"...)
	case avro.Boolean:
		return strconv.AppendBool(b, v.bool)
	case avro.Int, avro.Long:
		return strconv.AppendInt(b, v.n, 10)
	case avro.Float:
		return appendFloat(b, v.f, 32)
	case avro.Double:
		return appendFloat(b, v.f, 64)
	case avro.String:
		return lang.AppendJSONString(b, v.s)
	case avro.Bytes, avro.Fixed:
		return lang.AppendJSONString(b, latin(v.s))
	case avro.Enum:
		return lang.AppendJSONString(b, t.Symbols[v.n].Name)
	case avro.Union:
		branch := t.Branches[v.n]
		if branch.Kind == avro.Null {
			return append(b, "null"...)
		}
		b = append(lang.AppendJSONString(append(b, '{'), labelOf(branch)), ':')
		return append(appendJSON(b, branch, v.items[0], meaning), '}')
	case avro.Array:
		b = append(b, '[')
		for i, item := range v.items {
			b = appendJSON(comma(b, i), t.Items, item, meaning)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i, item := range v.items {
		name, typ := "", t.Items
		if t.Kind == avro.Record {
			name, typ = t.Fields[i].Name, t.Fields[i].Type
		} else {
			name = v.keys[i]
		}
		b = append(lang.AppendJSONString(comma(b, i), name), ':')
		b = appendJSON(b, typ, item, meaning)
	}
	return append(b, '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// labelOf is how the JSON encoding names a branch.
func labelOf(t *avro.Type) string {
	if t.Kind.IsNamed() {
		return t.Name
	}
	return t.Kind.String()
}

// appendFloat prints what JSON cannot say as the strings that Java takes.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

// latin returns text with a character for each byte.
func latin(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		out = utf8.AppendRune(out, rune(s[i]))
	}
	return string(out)
}
