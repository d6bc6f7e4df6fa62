package witness

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

var errDefault = errors.New("it does not fit the type")

// ofDefault returns the value of a default.
func ofDefault(t *avro.Type, d *lang.Value, steps *budget) (*value, error) {
	if !steps.take(1) {
		return nil, ErrTooLarge
	}
	var err error
	switch t.Kind {
	case avro.Null:
		return fits(&value{}, d.Kind == lang.Null)
	case avro.Boolean:
		return fits(&value{bool: d.Bool}, d.Kind == lang.Bool)
	case avro.Int, avro.Long:
		n, err := strconv.ParseInt(d.Str, 10, 64)
		return fits(&value{n: n}, err == nil && d.Kind == lang.Number)
	case avro.Float, avro.Double:
		f, err := strconv.ParseFloat(d.Str, 64)
		return fits(&value{f: f}, err == nil || math.IsInf(f, 0))
	case avro.String:
		return fits(&value{s: d.Str}, d.Kind == lang.String)
	case avro.Bytes, avro.Fixed:
		var raw []byte
		for _, c := range d.Str {
			raw = append(raw, byte(c))
		}
		return fits(&value{s: string(raw)}, d.Kind == lang.String && (t.Kind == avro.Bytes || len(raw) == t.Size))
	case avro.Enum:
		i := slices.IndexFunc(t.Symbols, func(s avro.Symbol) bool { return s.Name == d.Str })
		return fits(&value{n: int64(i)}, i >= 0)
	case avro.Union:
		for i, b := range t.Branches {
			if v, err := ofDefault(b, d, steps); err == nil {
				return &value{n: int64(i), items: []*value{v}}, nil
			}
		}
		return nil, errDefault
	case avro.Array:
		out := &value{items: make([]*value, len(d.Items))}
		for i, item := range d.Items {
			if out.items[i], err = ofDefault(t.Items, item, steps); err != nil {
				return nil, err
			}
		}
		return fits(out, d.Kind == lang.Array)
	case avro.Map:
		out := &value{}
		for _, m := range d.Members {
			v, err := ofDefault(t.Items, m.Value, steps)
			if err != nil {
				return nil, err
			}
			out.keys, out.items = append(out.keys, m.Key), append(out.items, v)
		}
		return fits(out, d.Kind == lang.Object)
	}
	return recordDefault(t, d, steps)
}

func fits(v *value, ok bool) (*value, error) {
	if !ok {
		return nil, errDefault
	}
	return v, nil
}

func recordDefault(t *avro.Type, d *lang.Value, steps *budget) (*value, error) {
	if d.Kind != lang.Object {
		return nil, errDefault
	}
	out := &value{items: make([]*value, len(t.Fields))}
	for i, f := range t.Fields {
		given := d.Get(f.Name)
		if given == nil {
			given = f.Default
		}
		if given == nil {
			return nil, fmt.Errorf("there is nothing for the field %q", f.Name)
		}
		var err error
		if out.items[i], err = ofDefault(f.Type, given, steps); err != nil {
			return nil, err
		}
	}
	return out, nil
}
