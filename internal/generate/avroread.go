package generate

import (
	"fmt"

	"github.com/wireproof/wireproof/lang/avro"
)

// readMethods prints DecodeAvro and ReadAvro.
func (u *avroUnit) readMethods(t *avro.Type, name string) error {
	c := &avroCode{avroUnit: u, deep: recursive(t)}
	boxed, err := u.boxed(t)
	if err != nil {
		return err
	}
	box := unexported(name) + "Optional"
	if len(boxed) > 0 {
		if err := u.claim(box, "the optional fields of "+t.Name, t.NamePos); err != nil {
			return err
		}
		c.line("var box *%s", box)
	}
	for _, f := range t.Fields {
		lhs := "m." + GoName(f.Name)
		if boxed[f] == "" {
			err = c.readValue(f.Type, lhs)
		} else {
			err = c.readBoxed(f, lhs)
		}
		if err != nil {
			return err
		}
	}
	w := u.wire()
	u.printf(`// DecodeAvro reads m, which has to be zero, from data, which holds nothing else.
// Strings of m are parts of data.
func (m *%s) DecodeAvro(data string) error {
	r := %s.NewReader(data)
	m.ReadAvro(&r)
	return r.End()
}

// ReadAvro reads m, which has to be zero, from r, which keeps the error.
func (m *%s) ReadAvro(r *%s.Reader) {
`, name, w, name, w)
	if c.deep {
		u.printf("if !r.Enter() {\nreturn\n}\n")
	}
	u.printf("%s", c.out.String())
	if c.deep {
		u.printf("r.Leave()\n")
	}
	u.printf("}\n\n")
	if len(boxed) > 0 {
		u.printf("// %s holds what the pointers of a decoded %s lead to, in one piece.\ntype %s struct {\n", box, name, box)
		for _, f := range t.Fields {
			if boxed[f] != "" {
				u.printf("%s %s\n", GoName(f.Name), boxed[f])
			}
		}
		u.printf("}\n\n")
	}
	return nil
}

// boxable is how many bytes a fixed may have to lie in a box, which has room for
// it also where it is absent.
const boxable = 64

// boxed returns the types behind the fields that are pointers to plain values,
// if there are several. They are allocated together when the first is there.
func (u *avroUnit) boxed(t *avro.Type) (map[*avro.Field]string, error) {
	out := map[*avro.Field]string{}
	for _, f := range t.Fields {
		at := nullable(f.Type)
		if f.Type.Kind != avro.Union || at < 0 || f.Type.Branches[at].Kind == avro.Record || f.Type.Branches[at].Size > boxable {
			continue
		}
		typ, err := u.goType(f.Type.Branches[at])
		if err != nil {
			return nil, err
		}
		if !hasNil(typ) && f.Type.Branches[at].Kind != avro.Null {
			out[f] = typ
		}
	}
	if len(out) < 2 {
		return nil, nil
	}
	return out, nil
}

// readBoxed prints what reads a field that is boxed.
func (c *avroCode) readBoxed(f *avro.Field, lhs string) error {
	at := nullable(f.Type)
	field := "box." + GoName(f.Name)
	c.line("if r.Branch(2) == %d {\nbox = %s.Box(box)", at, c.wire())
	if err := c.readValue(f.Type.Branches[at], field); err != nil {
		return err
	}
	c.line("%s = &%s\n}", lhs, field)
	return nil
}

// readExpr returns an expression that reads a value of t, or nothing if that
// takes statements.
func (c *avroCode) readExpr(t *avro.Type) (string, error) {
	switch t.Logical {
	case avro.Decimal:
		if t.Kind == avro.Fixed {
			return fmt.Sprintf("r.DecimalFixed(%d, %d, %d)", t.Precision, t.Scale, t.Size), nil
		}
		return fmt.Sprintf("r.Decimal(%d, %d)", t.Precision, t.Scale), nil
	}
	if method := logicalReaders[t.Logical]; method != "" {
		return "r." + method + "()", nil
	}
	if method := readers[t.Kind]; method != "" {
		return "r." + method + "()", nil
	}
	if t.Kind == avro.Enum {
		name, err := c.qualified(t)
		return fmt.Sprintf("%s(r.Enum(%d))", name, len(t.Symbols)), err
	}
	return "", nil
}

var readers = map[avro.Kind]string{
	avro.Boolean: "Bool", avro.Int: "Int", avro.Long: "Long", avro.Float: "Float", avro.Double: "Double", avro.Bytes: "Bytes", avro.String: "Text",
}

var logicalReaders = map[avro.Logical]string{
	avro.BigDecimal: "BigDecimal", avro.Date: "Date", avro.TimeMillis: "TimeMillis", avro.TimeMicros: "TimeMicros",
	avro.TimestampMillis: "TimestampMillis", avro.TimestampMicros: "TimestampMicros", avro.TimestampNanos: "TimestampNanos",
	avro.LocalTimestampMillis: "TimestampMillis", avro.LocalTimestampMicros: "TimestampMicros", avro.LocalTimestampNanos: "TimestampNanos",
}

// readValue prints what reads a value of t into lhs, which is zero.
func (c *avroCode) readValue(t *avro.Type, lhs string) error {
	expr, err := c.readExpr(t)
	if err != nil {
		return err
	}
	if expr != "" {
		c.line("%s = %s", lhs, expr)
		return nil
	}
	switch t.Kind {
	case avro.Fixed:
		c.line("copy(%s[:], r.Fixed(%d))", lhs, t.Size)
	case avro.Record:
		c.line("%s.ReadAvro(r)", lhs)
	case avro.Array:
		return c.readArray(t, lhs)
	case avro.Map:
		return c.readMap(t, lhs)
	case avro.Union:
		return c.readUnion(t, lhs)
	}
	return nil
}

// readInto prints what reads a value of t and stores it with store, which is
// given an expression.
func (c *avroCode) readInto(t *avro.Type, store string) error {
	expr, err := c.readExpr(t)
	if err != nil {
		return err
	}
	if expr != "" {
		c.line(store, expr)
		return nil
	}
	typ, err := c.goType(t)
	if err != nil {
		return err
	}
	if t.Kind == avro.Null {
		c.line(store, "struct{}{}")
		return nil
	}
	x := c.indexed("x")
	c.line("var %s %s", x, typ)
	if err := c.readValue(t, x); err != nil {
		return err
	}
	c.line(store, x)
	return nil
}

func (c *avroCode) readArray(t *avro.Type, lhs string) error {
	c.loops++
	defer func() { c.loops-- }()
	n, size := c.indexed("n"), minSize(t.Items)
	c.line("for %s := r.Block(%d); %s > 0; %s = r.Block(%d) {", n, size, n, n, size)
	c.line("%s = %s.Grow(%s, %s)\nfor ; %s > 0 && r.OK(); %s-- {", lhs, c.wire(), lhs, n, n, n)
	if t.Items.Kind == avro.Record {
		item, err := c.goType(t.Items)
		if err != nil {
			return err
		}
		c.line("%s = append(%s, %s{})\n%s[len(%s)-1].ReadAvro(r)", lhs, lhs, item, lhs, lhs)
	} else if err := c.readInto(t.Items, lhs+" = append("+lhs+", %s)"); err != nil {
		return err
	}
	c.line("}\n}")
	return nil
}

func (c *avroCode) readMap(t *avro.Type, lhs string) error {
	c.loops++
	defer func() { c.loops-- }()
	n, k, size := c.indexed("n"), c.indexed("k"), 1+minSize(t.Items)
	typ, err := c.goType(t)
	if err != nil {
		return err
	}
	c.line("for %s := r.Block(%d); %s > 0; %s = r.Block(%d) {", n, size, n, n, size)
	c.line("if %s == nil {\n%s = make(%s, %s.MapSize(%s))\n}\nfor ; %s > 0 && r.OK(); %s-- {", lhs, lhs, typ, c.wire(), n, n, n)
	c.line("%s := r.Text()", k)
	if err := c.readInto(t.Items, lhs+"["+k+"] = %s"); err != nil {
		return err
	}
	c.line("}\n}")
	return nil
}

func (c *avroCode) readUnion(t *avro.Type, lhs string) error {
	if len(t.Branches) == 1 {
		c.line("r.Branch(1)")
		return c.readValue(t.Branches[0], lhs)
	}
	if at := nullable(t); at >= 0 {
		c.line("if r.Branch(2) == %d {", at)
		if err := c.readNullable(t.Branches[at], lhs); err != nil {
			return err
		}
		c.line("}")
		return nil
	}
	c.loops++
	defer func() { c.loops-- }()
	c.line("switch r.Branch(%d) {", len(t.Branches))
	for i, b := range t.Branches {
		if b.Kind == avro.Null {
			continue
		}
		br, err := c.branch(c.unions[t], b)
		if err != nil {
			return err
		}
		c.line("case %d:", i)
		switch {
		case br.inner != "":
			err = c.readInto(b, lhs+" = "+br.goType+"{%s}")
		case b.Kind == avro.Record:
			x := c.indexed("x")
			c.line("%s := new(%s)\n%s.ReadAvro(r)\n%s = %s", x, br.goType[1:], x, lhs, x)
		default:
			err = c.readInto(b, lhs+" = %s")
		}
		if err != nil {
			return err
		}
	}
	c.line("}")
	return nil
}

// readNullable prints what reads the value of a union with null that is not null.
func (c *avroCode) readNullable(t *avro.Type, lhs string) error {
	typ, err := c.goType(t)
	if err != nil {
		return err
	}
	switch {
	case t.Kind == avro.Array || t.Kind == avro.Map:
		c.line("%s = %s{}", lhs, typ)
		return c.readValue(t, lhs)
	case hasNil(typ):
		return c.readValue(t, lhs)
	case t.Kind == avro.Record:
		c.line("%s = new(%s)\n%s.ReadAvro(r)", lhs, typ, lhs)
		return nil
	}
	c.loops++
	defer func() { c.loops-- }()
	x := c.indexed("x")
	expr, err := c.readExpr(t)
	if err != nil {
		return err
	}
	if expr != "" {
		c.line("%s := %s\n%s = &%s", x, expr, lhs, x)
		return nil
	}
	c.line("var %s %s", x, typ)
	if err := c.readValue(t, x); err != nil {
		return err
	}
	c.line("%s = &%s", lhs, x)
	return nil
}
