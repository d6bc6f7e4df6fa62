package generate

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang/avro"
)

// An avroCode prints the statements of one method.
type avroCode struct {
	*avroUnit
	out      bytes.Buffer
	fallible bool // some statement can fail
	tries    bool // some call returns an error
	deep     bool // the method has a depth
	loops    int
}

func (c *avroCode) line(format string, args ...any) { fmt.Fprintf(&c.out, format+"\n", args...) }

// indexed returns name, with a number from the second use in nested loops on.
func (c *avroCode) indexed(name string) string {
	if c.loops < 2 {
		return name
	}
	return name + strconv.Itoa(c.loops)
}

// appendMethods prints AppendAvro.
func (u *avroUnit) appendMethods(t *avro.Type, name string) error {
	c := &avroCode{avroUnit: u, deep: recursive(t)}
	maps := false
	for _, f := range t.Fields {
		maps = maps || f.Type.Kind == avro.Map
		if err := c.appendValue(f.Type, "m."+GoName(f.Name), []string{strconv.Quote(f.Name)}); err != nil {
			return err
		}
	}
	w := u.wire()
	doc := "AppendAvro appends the encoding of m to dst. On error it returns dst as it was."
	if maps {
		doc += " The entries of maps come in no particular order."
	}
	u.printf("%sfunc (m *%s) AppendAvro(dst []byte) ([]byte, error) {\n", comment(doc, ""), name)
	if c.deep {
		u.printf("return m.appendAvro(dst, 1)\n}\n\nfunc (m *%s) appendAvro(dst []byte, depth int) ([]byte, error) {\n", name)
		u.printf("if depth > %s.MaxDepth {\nreturn dst, %s.TooDeep()\n}\n", w, w)
	}
	u.printf("if m == nil {\nreturn dst, %s.NilRecord()\n}\n", w)
	if c.fallible {
		u.printf("start := dst\n")
	}
	if c.tries {
		u.printf("var err error\n")
	}
	u.printf("%sreturn dst, nil\n}\n\n", c.out.String())
	return nil
}

// bare removes the parentheses around a dereferenced pointer, which only
// selectors and indexes need, and those do without the star.
func bare(e string) string {
	if inner, ok := strings.CutPrefix(e, "(*"); ok {
		return "*" + strings.TrimSuffix(inner, ")")
	}
	return e
}

// pointee returns what a method or a slice expression of e is called on.
func pointee(e string) string {
	if inner, ok := strings.CutPrefix(e, "(*"); ok {
		return strings.TrimSuffix(inner, ")")
	}
	return e
}

// isNull reports whether the only value of t is null, also as the only type of a
// union: nothing in Go is read to append it.
func isNull(t *avro.Type) bool {
	return t.Kind == avro.Null || t.Kind == avro.Union && len(t.Branches) == 1 && isNull(t.Branches[0])
}

// try prints a call that returns dst and an error.
func (c *avroCode) try(path []string, format string, args ...any) {
	c.fallible, c.tries = true, true
	c.line("if dst, err = %s; err != nil {\nreturn start, %s.At(err, %s)\n}", fmt.Sprintf(format, args...), c.wire(), strings.Join(path, ", "))
}

// appendValue prints what appends e, an expression of the Go type of t.
func (c *avroCode) appendValue(t *avro.Type, e string, path []string) error {
	w := c.wire()
	if expr := appendExpr(t, e, w); expr != "" {
		c.line("dst = %s", expr)
		return nil
	}
	switch t.Logical {
	case avro.Decimal:
		if t.Kind == avro.Fixed {
			c.try(path, "%s.AppendDecimalFixed(dst, %s, %d, %d, %d)", w, bare(e), t.Precision, t.Scale, t.Size)
		} else {
			c.try(path, "%s.AppendDecimal(dst, %s, %d, %d)", w, bare(e), t.Precision, t.Scale)
		}
		return nil
	case avro.BigDecimal:
		c.try(path, "%s.AppendBigDecimal(dst, %s)", w, bare(e))
		return nil
	case avro.Date:
		c.try(path, "%s.AppendDate(dst, %s)", w, bare(e))
		return nil
	case avro.TimeMillis:
		c.try(path, "%s.AppendTimeMillis(dst, %s)", w, bare(e))
		return nil
	case avro.TimeMicros:
		c.try(path, "%s.AppendTimeMicros(dst, %s)", w, bare(e))
		return nil
	case avro.TimestampMillis, avro.TimestampMicros, avro.TimestampNanos:
		c.try(path, "%s.Append%s(dst, %s)", w, logicalReaders[t.Logical], bare(e))
		return nil
	case avro.LocalTimestampMillis, avro.LocalTimestampMicros, avro.LocalTimestampNanos:
		c.try(path, "%s.Append%s(dst, %s.Wall(%s))", w, logicalReaders[t.Logical], w, bare(e))
		return nil
	}
	switch t.Kind {
	case avro.Enum:
		c.try(path, "%s.AppendEnum(dst, int32(%s), %d)", w, bare(e), len(t.Symbols))
	case avro.Fixed:
		c.line("dst = append(dst, %s[:]...)", pointee(e))
	case avro.Record:
		return c.appendRecord(t, e, path)
	case avro.Array:
		return c.appendArray(t, e, path)
	case avro.Map:
		return c.appendMap(t, e, path)
	case avro.Union:
		return c.appendUnion(t, e, path)
	}
	return nil
}

// appendExpr returns the call that appends a value which can always be encoded,
// or nothing.
func appendExpr(t *avro.Type, e, w string) string {
	long := func(v string) string { return w + ".AppendLong(dst, " + v + ")" }
	if t.Logical != avro.NoLogical && t.Logical != avro.UUID {
		return ""
	}
	switch t.Kind {
	case avro.Boolean:
		return w + ".AppendBool(dst, " + bare(e) + ")"
	case avro.Int:
		return long("int64(" + bare(e) + ")")
	case avro.Long:
		return long(bare(e))
	case avro.Float:
		return w + ".AppendFloat(dst, " + bare(e) + ")"
	case avro.Double:
		return w + ".AppendDouble(dst, " + bare(e) + ")"
	case avro.Bytes:
		return w + ".AppendBytes(dst, " + bare(e) + ")"
	case avro.String:
		return w + ".AppendString(dst, " + bare(e) + ")"
	}
	return ""
}

func (c *avroCode) appendRecord(t *avro.Type, e string, path []string) error {
	n, err := c.named(t)
	if err != nil {
		return err
	}
	if c.deep && recursive(t) && n.unit.ImportPath == c.ImportPath {
		c.try(path, "%s.appendAvro(dst, depth+1)", pointee(e))
		return nil
	}
	c.try(path, "%s.AppendAvro(dst)", pointee(e))
	return nil
}

func (c *avroCode) appendArray(t *avro.Type, e string, path []string) error {
	w := c.wire()
	c.loops++
	defer func() { c.loops-- }()
	c.line("if n := len(%s); n > 0 {\ndst = %s.AppendLong(dst, int64(n))", bare(e), w)
	if t.Items.Kind != avro.Null {
		i := c.indexed("i")
		if isNull(t.Items) {
			c.line("for range %s {", bare(e))
		} else {
			c.line("for %s := range %s {", i, bare(e))
		}
		if err := c.appendValue(t.Items, e+"["+i+"]", append(path[:len(path):len(path)], i)); err != nil {
			return err
		}
		c.line("}")
	}
	c.line("}\ndst = append(dst, 0)")
	return nil
}

func (c *avroCode) appendMap(t *avro.Type, e string, path []string) error {
	w := c.wire()
	c.loops++
	defer func() { c.loops-- }()
	k, v := c.indexed("k"), c.indexed("v")
	c.line("if n := len(%s); n > 0 {\ndst = %s.AppendLong(dst, int64(n))", bare(e), w)
	if isNull(t.Items) {
		c.line("for %s := range %s {\ndst = %s.AppendString(dst, %s)", k, bare(e), w, k)
	} else {
		c.line("for %s, %s := range %s {\ndst = %s.AppendString(dst, %s)", k, v, bare(e), w, k)
	}
	if err := c.appendValue(t.Items, v, append(path[:len(path):len(path)], w+".Key("+k+")")); err != nil {
		return err
	}
	c.line("}\n}\ndst = append(dst, 0)")
	return nil
}

func (c *avroCode) appendUnion(t *avro.Type, e string, path []string) error {
	if len(t.Branches) == 1 {
		c.line("dst = append(dst, 0)")
		return c.appendValue(t.Branches[0], e, path)
	}
	if at := nullable(t); at >= 0 {
		inner, err := c.goType(t.Branches[at])
		if err != nil {
			return err
		}
		c.line("if %s == nil {\ndst = append(dst, %d)\n} else {\ndst = append(dst, %d)", bare(e), 2*(1-at), 2*at)
		if !hasNil(inner) {
			e = "(*" + bare(e) + ")"
		}
		if err := c.appendValue(t.Branches[at], e, path); err != nil {
			return err
		}
		c.line("}")
		return nil
	}
	c.loops++
	defer func() { c.loops-- }()
	x := c.indexed("x")
	c.fallible = true
	c.line("switch %s := %s.(type) {", x, bare(e))
	for i, b := range t.Branches {
		index := fmt.Sprintf("dst = %s.AppendLong(dst, %d)", c.wire(), i)
		if i < 64 {
			index = fmt.Sprintf("dst = append(dst, %d)", 2*i)
		}
		if b.Kind == avro.Null {
			c.line("case nil:\n%s", index)
			continue
		}
		br, err := c.branch(c.unions[t], b)
		if err != nil {
			return err
		}
		value := x
		if br.inner != "" {
			value = x + ".Value"
		}
		c.line("case %s:\n%s", br.goType, index)
		if err := c.appendValue(b, value, path); err != nil {
			return err
		}
	}
	c.line("default:\nreturn start, %s.At(%s.NoBranch(), %s)\n}", c.wire(), c.wire(), strings.Join(path, ", "))
	return nil
}
