package hambacodec

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hamba/avro/v2"
)

const (
	// maxDepth bounds how deep values are nested: hamba/avro decodes by
	// recursion, and a list of a million nodes needs a million bytes.
	maxDepth = 500
	// maxEmpty bounds elements that take no bytes, such as nulls, in one message.
	maxEmpty = 1 << 16
)

// A layout is how the bytes of one schema follow each other. It is made once
// and then only read. A recursive schema is a cyclic graph.
type layout struct {
	kind     avro.Type
	fields   []field
	items    *layout // of an array; the values of a map
	branches []*layout
	size     int // of a fixed; the number of symbols of an enum
	min      int // bytes that every value has at least
}

type field struct {
	name   string
	layout *layout
}

func layoutOf(schema avro.Schema, named map[string]*layout) (*layout, error) {
	l := &layout{kind: schema.Type()}
	switch s := schema.(type) {
	case *avro.NullSchema:
	case *avro.PrimitiveSchema:
		l.min = map[avro.Type]int{avro.Float: 4, avro.Double: 8}[l.kind]
		l.min = max(1, l.min)
	case *avro.RefSchema:
		if known := named[s.Schema().FullName()]; known != nil {
			return known, nil
		}
		return layoutOf(s.Schema(), named)
	case *avro.FixedSchema:
		named[s.FullName()] = l
		l.size, l.min = s.Size(), s.Size()
	case *avro.EnumSchema:
		named[s.FullName()] = l
		l.size, l.min = len(s.Symbols()), 1
	case *avro.ArraySchema:
		l.min = 1
		return l, l.element(s.Items(), named)
	case *avro.MapSchema:
		l.min = 1
		return l, l.element(s.Values(), named)
	case *avro.UnionSchema:
		l.min = 1
		for _, branch := range s.Types() {
			b, err := layoutOf(branch, named)
			if err != nil {
				return nil, err
			}
			l.branches = append(l.branches, b)
		}
	case *avro.RecordSchema:
		named[s.FullName()] = l
		for _, f := range s.Fields() {
			fl, err := layoutOf(f.Type(), named)
			if err != nil {
				return nil, err
			}
			l.fields = append(l.fields, field{f.Name(), fl})
			l.min = min(math.MaxInt32, l.min+fl.min)
		}
	default:
		return nil, fmt.Errorf("schema of type %s is not supported", schema.Type())
	}
	return l, nil
}

func (l *layout) element(of avro.Schema, named map[string]*layout) (err error) {
	l.items, err = layoutOf(of, named)
	return err
}

// recursive reports whether a value of l can hold another one of its own type,
// or of a type that it holds.
func (l *layout) recursive(open, done map[*layout]bool) bool {
	if l == nil || done[l] {
		return false
	}
	if open[l] {
		return true
	}
	open[l] = true
	found := l.items.recursive(open, done) ||
		slices.ContainsFunc(l.branches, func(b *layout) bool { return b.recursive(open, done) }) ||
		slices.ContainsFunc(l.fields, func(f field) bool { return f.layout.recursive(open, done) })
	open[l], done[l] = false, true
	return found
}

// check walks over data, which must be exactly one value, and looks at every
// length, count, index and depth. What it lets pass, hamba/avro can decode
// without allocating more than a multiple of the length of data.
func (l *layout) check(data string) error {
	c := checker{data: data, empty: maxEmpty}
	if err := c.value(l, 0); err != nil {
		return err
	}
	if c.at != len(data) {
		return c.fault(fmt.Errorf("%d bytes after the value", len(data)-c.at))
	}
	return nil
}

// A misfit says where data does not follow its schema.
type misfit struct {
	path   string
	offset int
	err    error
}

func (m *misfit) Error() string        { return m.err.Error() }
func (m *misfit) Unwrap() error        { return m.err }
func (m *misfit) Place() (string, int) { return m.path, m.offset }
func (m *misfit) in(outer string) *misfit {
	switch {
	case m.path == "":
		m.path = outer
	case m.path[0] == '[':
		m.path = outer + m.path
	default:
		m.path = outer + "." + m.path
	}
	return m
}

type checker struct {
	data  string
	at    int
	empty int64 // how many more elements may take no bytes
}

func (c *checker) fault(err error) *misfit { return &misfit{offset: c.at, err: err} }

// within adds where the value that err is about stands; nil stays nil.
func within(outer string, err error) error {
	if m, ok := errors.AsType[*misfit](err); ok {
		return m.in(outer)
	}
	return err
}

func (c *checker) value(l *layout, depth int) error {
	if depth > maxDepth {
		return c.fault(fmt.Errorf("values are nested more than %d deep", maxDepth))
	}
	switch l.kind {
	case avro.Null:
		return nil
	case avro.Boolean:
		return c.boolean()
	case avro.Int:
		_, err := c.varint(5)
		return err
	case avro.Long:
		_, err := c.varint(10)
		return err
	case avro.Float, avro.Double, avro.Fixed:
		return c.skip(int64(max(l.size, l.min)))
	case avro.String, avro.Bytes:
		return c.bytes()
	case avro.Enum:
		_, err := c.index(5, l.size, "symbols")
		return err
	case avro.Union:
		i, err := c.index(10, len(l.branches), "branches")
		if err != nil {
			return err
		}
		return c.value(l.branches[i], depth+1)
	case avro.Array, avro.Map:
		return c.blocks(l, depth)
	case avro.Record, avro.Error:
		for _, f := range l.fields {
			if err := c.value(f.layout, depth+1); err != nil {
				return within(f.name, err)
			}
		}
		return nil
	}
	return c.fault(fmt.Errorf("schema of type %s is not supported", l.kind))
}

func (c *checker) boolean() error {
	if c.at < len(c.data) && c.data[c.at] > 1 {
		return c.fault(fmt.Errorf("boolean is %d, expected 0 or 1", c.data[c.at]))
	}
	return c.skip(1)
}

func (c *checker) skip(n int64) error {
	if n < 0 || n > int64(len(c.data)-c.at) {
		return c.fault(fmt.Errorf("value of %d bytes, but %d are left", n, len(c.data)-c.at))
	}
	c.at += int(n)
	return nil
}

func (c *checker) bytes() error {
	start := c.at
	n, err := c.varint(10)
	if err != nil {
		return err
	}
	if n < 0 || n > int64(len(c.data)-c.at) {
		left := len(c.data) - c.at
		c.at = start
		return c.fault(fmt.Errorf("length is %d, but %d bytes are left", n, left))
	}
	c.at += int(n)
	return nil
}

func (c *checker) index(width, count int, what string) (int64, error) {
	start := c.at
	i, err := c.varint(width)
	if err != nil {
		return 0, err
	}
	if i < 0 || i >= int64(count) {
		c.at = start
		return 0, c.fault(fmt.Errorf("index is %d, but there are %d %s", i, count, what))
	}
	return i, nil
}

// blocks checks the elements of an array, or the entries of a map.
func (c *checker) blocks(l *layout, depth int) error {
	least := int64(l.items.min)
	if l.kind == avro.Map {
		least++ // the key
	}
	for done := 0; ; {
		count, end, err := c.blockHeader(least)
		if err != nil || count == 0 {
			return err
		}
		for range count {
			if l.kind == avro.Map {
				if err := c.bytes(); err != nil {
					return within(fmt.Sprintf("[key %d]", done), err)
				}
			}
			if err := c.value(l.items, depth+1); err != nil {
				return within(fmt.Sprintf("[%d]", done), err)
			}
			done++
		}
		if end >= 0 && c.at != end {
			return c.fault(fmt.Errorf("block ends at byte %d, but says it ends at byte %d", c.at, end))
		}
	}
}

// blockHeader returns the number of elements of the next block, and where the
// block says that it ends, or -1.
func (c *checker) blockHeader(least int64) (count int64, end int, err error) {
	start := c.at
	if count, err = c.varint(10); err != nil {
		return 0, 0, err
	}
	end = -1
	if count < 0 {
		size, err := c.varint(10)
		if err != nil {
			return 0, 0, err
		}
		if count == math.MinInt64 || size < 0 || size > int64(len(c.data)-c.at) {
			c.at = start
			return 0, 0, c.fault(fmt.Errorf("block of %d elements has %d bytes, but %d are left", count, size, len(c.data)-c.at))
		}
		count, end = -count, c.at+int(size)
	}
	left := int64(len(c.data) - c.at)
	if least == 0 {
		left, least = c.empty, 1
		c.empty -= min(count, c.empty)
	}
	if count > left/least {
		c.at = start
		return 0, 0, c.fault(fmt.Errorf("block of %d elements, but there is room for %d", count, left/least))
	}
	return count, end, nil
}

// varint reads a number of at most width bytes, which is 5 for an int and 10
// for a long.
func (c *checker) varint(width int) (int64, error) {
	var v uint64
	for i := range width {
		if c.at+i == len(c.data) {
			return 0, c.fault(errors.New("number is cut off"))
		}
		b := c.data[c.at+i]
		if width == 5 && i == 4 && b > 0x0f || i == 9 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			c.at += i + 1
			return int64(v>>1) ^ -int64(v&1), nil
		}
	}
	return 0, c.fault(fmt.Errorf("number is longer than %d bytes or too large", width))
}
