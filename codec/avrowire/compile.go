package avrowire

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang/avro"
)

type pair struct{ w, r *avro.Type }

// A compiler makes the programs of a plan.
type compiler struct {
	programs []program
	pairs    map[pair]int       // program of two records
	skips    map[*avro.Type]int // program that skips a record
	sizes    map[*avro.Type]int // least size of a record
	failed   map[int]error      // programs of records that cannot be read
	converts bool               // equal parsing forms, and yet not equal data
}

// value returns the step that turns a w into an r.
func (c *compiler) value(w, r *avro.Type) (step, error) {
	if w.Kind == avro.Union {
		return c.writerUnion(w, r)
	}
	if r.Kind == avro.Union {
		i, s, err := c.pick(w, r)
		if err != nil {
			return step{}, err
		}
		prefix := step{op: opInsert, data: string(AppendLong(nil, int64(i)))}
		return step{op: opSteps, sub: c.program(prefix, s)}, nil
	}
	if err := checkLogical(w, r); err != nil {
		return step{}, err
	}
	if w.Kind != r.Kind {
		return promote(w, r)
	}
	switch w.Kind {
	case avro.Null:
		return step{op: opFixed}, nil
	case avro.Boolean:
		return step{op: opBool}, nil
	case avro.Int, avro.Long:
		return c.units(w, r), nil
	case avro.Float:
		return step{op: opFixed, n: 4}, nil
	case avro.Double:
		return step{op: opFixed, n: 8}, nil
	case avro.Bytes, avro.String:
		if r.Logical == avro.Decimal {
			return step{op: opDecimal, n: r.Precision}, nil
		}
		return step{op: opText}, nil
	case avro.Fixed:
		if !sameName(w, r) || w.Size != r.Size {
			return step{}, mismatch(w, r)
		}
		if r.Logical == avro.Decimal {
			return step{op: opDecimalFixed, n: r.Precision, sub: r.Size}, nil
		}
		return step{op: opFixed, n: w.Size}, nil
	case avro.Enum:
		return enum(w, r)
	case avro.Array:
		return step{op: opArray, n: c.size(w.Items), sub: c.lazy(w.Items, r.Items)}, nil
	case avro.Map:
		return step{op: opMap, n: 1 + c.size(w.Items), sub: c.lazy(w.Items, r.Items)}, nil
	}
	return c.record(w, r)
}

func (c *compiler) program(steps ...step) int {
	c.programs = append(c.programs, steps)
	return len(c.programs) - 1
}

// lazy returns a program for values that a message need not have, so that the
// error comes with those that do.
func (c *compiler) lazy(w, r *avro.Type) int {
	s, err := c.value(w, r)
	if err != nil {
		s = step{op: opFail, data: err.Error()}
	}
	return c.program(s)
}

func mismatch(w, r *avro.Type) error {
	return fmt.Errorf("%s cannot be read as %s", describe(w), describe(r))
}

// describe names a type in messages.
func describe(t *avro.Type) string {
	kind := [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum", "array", "map", "union", "fixed"}[t.Kind]
	switch {
	case t.Kind == avro.Fixed:
		return fmt.Sprintf("fixed %s of %d bytes", t.Name, t.Size)
	case t.Name != "":
		return kind + " " + t.Name
	}
	return kind
}

// sameName reports whether two named types are meant to be the same: unqualified
// names match, or the reader has the writer's name as an alias.
func sameName(w, r *avro.Type) bool {
	return simple(w.Name) == simple(r.Name) || slices.Contains(r.Aliases, w.Name)
}

func simple(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// promote returns the step that reads a w as an r of another kind.
func promote(w, r *avro.Type) (step, error) {
	switch (pairOfKinds{w.Kind, r.Kind}) {
	case pairOfKinds{avro.Int, avro.Long}:
		return unitStep(w, r), nil
	case pairOfKinds{avro.Int, avro.Float}, pairOfKinds{avro.Long, avro.Float}:
		return step{op: opLongToFloat}, nil
	case pairOfKinds{avro.Int, avro.Double}, pairOfKinds{avro.Long, avro.Double}:
		return step{op: opLongToDouble}, nil
	case pairOfKinds{avro.Float, avro.Double}:
		return step{op: opFloatToDouble}, nil
	case pairOfKinds{avro.String, avro.Bytes}, pairOfKinds{avro.Bytes, avro.String}:
		return step{op: opText}, nil
	}
	return step{}, mismatch(w, r)
}

type pairOfKinds struct{ w, r avro.Kind }

// meanings are what the values of logical types are; a number of one is no number
// of another.
var meanings = map[avro.Logical]string{
	avro.Decimal: "decimal", avro.BigDecimal: "big-decimal", avro.UUID: "uuid", avro.Duration: "duration",
	avro.Date: "date", avro.TimeMillis: "time of day", avro.TimeMicros: "time of day",
	avro.TimestampMillis: "timestamp", avro.TimestampMicros: "timestamp", avro.TimestampNanos: "timestamp",
	avro.LocalTimestampMillis: "timestamp", avro.LocalTimestampMicros: "timestamp", avro.LocalTimestampNanos: "timestamp",
}

// checkLogical refuses values that mean something else to the reader, and decimals
// of different scales. A type without a logical type means what the other one says.
func checkLogical(w, r *avro.Type) error {
	a, b := meanings[w.Logical], meanings[r.Logical]
	switch {
	case a != "" && b != "" && a != b:
		return fmt.Errorf("%s cannot be read as %s", a, b)
	case w.Logical == avro.Decimal && r.Logical == avro.Decimal && w.Scale != r.Scale:
		return fmt.Errorf("decimal of scale %d cannot be read as decimal of scale %d", w.Scale, r.Scale)
	}
	return nil
}

// units is how many of a logical type's unit make up a second.
var units = map[avro.Logical]int{
	avro.TimestampMillis: 1e3, avro.TimestampMicros: 1e6, avro.TimestampNanos: 1e9,
	avro.LocalTimestampMillis: 1e3, avro.LocalTimestampMicros: 1e6, avro.LocalTimestampNanos: 1e9,
	avro.TimeMillis: 1e3, avro.TimeMicros: 1e6,
}

// units returns the step that copies a number, in the reader's unit.
func (c *compiler) units(w, r *avro.Type) step {
	s := unitStep(w, r)
	c.converts = c.converts || s.op != opLong
	return s
}

func unitStep(w, r *avro.Type) step {
	a, b := units[w.Logical], units[r.Logical]
	switch {
	case a == 0 || b == 0 || a == b:
		return step{op: opLong}
	case a < b:
		return step{op: opTimes, n: b / a}
	}
	return step{op: opDivide, n: a / b}
}

func enum(w, r *avro.Type) (step, error) {
	if !sameName(w, r) {
		return step{}, mismatch(w, r)
	}
	index := func(name string) int {
		return slices.IndexFunc(r.Symbols, func(s avro.Symbol) bool { return s.Name == name })
	}
	s := step{op: opEnum}
	for _, symbol := range w.Symbols {
		i := index(symbol.Name)
		if i < 0 && r.HasDefault {
			i = index(r.Default)
		}
		s.list = append(s.list, i)
	}
	return s, nil
}

// writerUnion resolves each branch by itself: one that the reader lacks is an
// error only in a message that uses it.
func (c *compiler) writerUnion(w, r *avro.Type) (step, error) {
	s := step{op: opUnion}
	var first error
	readable := false
	for _, b := range w.Branches {
		st, err := c.value(b, r)
		if err != nil {
			if first == nil {
				first = err
			}
			st = step{op: opFail, data: err.Error()}
		} else {
			readable = true
		}
		s.subs = append(s.subs, c.program(st))
	}
	if !readable {
		if first == nil {
			first = mismatch(w, r)
		}
		return step{}, first
	}
	return s, nil
}

// pick returns the branch of the reader's union that reads a w: the first of the
// same type and name, else the first record that fits, else the first that a w
// can be promoted to.
func (c *compiler) pick(w, r *avro.Type) (int, step, error) {
	rank := func(b *avro.Type) int {
		switch {
		case b.Kind == w.Kind && (w.Name == "" || w.Name == b.Name || slices.Contains(b.Aliases, w.Name)):
			return 0
		case b.Kind == w.Kind && sameName(w, b):
			return 1
		case b.Kind != w.Kind:
			return 2
		}
		return -1
	}
	var first error
	for want := range 3 {
		if want == 2 && first != nil {
			break // its own type is there, and means something else
		}
		for i, b := range r.Branches {
			if rank(b) != want {
				continue
			}
			s, err := c.value(w, b)
			if err == nil {
				return i, s, nil
			}
			if first == nil && want < 2 {
				first = err
			}
		}
	}
	if first == nil {
		first = mismatch(w, r)
	}
	return 0, step{}, first
}
