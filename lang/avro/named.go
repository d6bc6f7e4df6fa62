package avro

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// declare reads the attributes that all named types have and makes the name
// known. It returns the namespace inside the type.
func (p *parser) declare(v *lang.Value, t *Type, space string) string {
	t.Doc, t.hasDoc = p.doc(v)
	what := t.Kind.String()
	name := v.Get("name")
	switch {
	case name == nil:
		p.errorf(v.Pos, CodeNameMissing, "%s without \"name\", expected one", withArticle(what))
	case name.Kind != lang.String:
		p.errorf(name.Pos, CodeNameMissing, "the name of the %s is %s, expected a string", what, describe(name))
	}
	if ns := v.Get("namespace"); ns != nil {
		if ns.Kind == lang.String {
			space = ns.Str
			if name == nil || !strings.Contains(name.Str, ".") {
				p.checkSpace(ns.Str, ns.Pos)
			}
		} else {
			p.lintf(ns.Pos, LintAttributeType, "the namespace is %s and has no effect, expected a string", describe(ns))
		}
	}
	if name != nil && name.Kind == lang.String {
		t.NamePos = name.Pos
		simple := name.Str
		if dot := strings.LastIndexByte(simple, '.'); dot >= 0 {
			space, simple = simple[:dot], simple[dot+1:]
			p.checkSpace(space, name.Pos)
		}
		p.checkName(simple, name.Pos, CodeNameInvalid, "the name of the "+what)
		t.Name = join(space, simple)
		if _, isPrimitive := primitive(simple); isPrimitive {
			if space == "" {
				p.errorf(name.Pos, CodeNameReserved, "the name of the %s is %q, which is a primitive type; expected another name", what, simple)
			} else {
				p.lintf(name.Pos, LintNamePrimitive, "the name of the %s is that of the primitive type %s, which the specification forbids in every namespace", what, simple)
			}
		}
	}
	p.aliases(v, t, space)
	return space
}

// aliases reads the aliases of a named type; they are relative to its namespace.
func (p *parser) aliases(v *lang.Value, t *Type, space string) {
	taken := map[string]bool{t.Name: true}
	for _, a := range p.strings(v.Get("aliases"), CodeAliasInvalid, "aliases") {
		aliasSpace, simple := space, a.Str
		if dot := strings.LastIndexByte(simple, '.'); dot >= 0 {
			aliasSpace, simple = simple[:dot], simple[dot+1:]
			if aliasSpace != "" && !validSpace(aliasSpace) {
				p.lintf(a.Pos, LintAlias, "the namespace of the alias %q is no name; expected names joined by dots", a.Str)
			}
		}
		p.checkName(simple, a.Pos, CodeAliasInvalid, "the alias")
		full := join(aliasSpace, simple)
		if taken[full] {
			p.lintf(a.Pos, LintAlias, "the alias %q says nothing new; expected a name that is not taken", a.Str)
		}
		if !taken[full] || full == t.Name && !slices.Contains(t.Aliases, full) {
			t.Aliases = append(t.Aliases, full)
		}
		taken[full] = true
	}
}

// define makes t known under its name and hands it, or the type that already
// has the name and means the same, to set.
func (p *parser) define(t *Type, set func(*Type)) {
	if t.Name == "" {
		set(t)
		return
	}
	old, isLocal := p.local[t.Name]
	if !isLocal {
		old = p.scope[t.Name]
	}
	if old == nil {
		p.local[t.Name] = t
		p.named = append(p.named, t)
		set(t)
		return
	}
	set(old)
	if p.isReference && !isLocal {
		return
	}
	p.checks = append(p.checks, func() {
		if sameShape(old, t) {
			p.lintf(t.NamePos, LintNameRepeated, "%s is defined a second time, first at %s; expected its name only", t.Name, place(old.NamePos, t.NamePos))
		} else {
			p.errorf(t.NamePos, CodeNameDuplicate, "%s is already defined at %s, and differently; expected each name once", t.Name, place(old.NamePos, t.NamePos))
		}
	})
}

func (p *parser) record(v *lang.Value, t *Type, space string, set func(*Type)) {
	space = p.declare(v, t, space)
	p.define(t, set)
	fields := v.Get("fields")
	if fields == nil || fields.Kind != lang.Array {
		pos, found := v.Pos, "none"
		if fields != nil {
			pos, found = fields.Pos, describe(fields)
		}
		p.errorf(pos, CodeFieldsMissing, "the fields of %s are %s, expected an array of fields", orUnnamed(t), found)
		return
	}
	first := map[string]lang.Pos{}
	for _, f := range fields.Items {
		field := p.field(f, space, t)
		if field == nil {
			continue
		}
		if at, dup := first[field.Name]; dup {
			p.errorf(field.NamePos, CodeFieldDuplicate, "the field %q is already in %s at %d:%d; expected each name once", field.Name, orUnnamed(t), at.Line, at.Col)
			continue
		}
		first[field.Name] = field.NamePos
		t.Fields = append(t.Fields, field)
	}
}

// field reads one field of the record t, or returns nil if it has no name.
func (p *parser) field(v *lang.Value, space string, t *Type) *Field {
	if v.Kind != lang.Object {
		p.errorf(v.Pos, CodeFieldInvalid, "a field of %s is %s, expected an object with name and type", orUnnamed(t), describe(v))
		return nil
	}
	p.duplicateKeys(v)
	f := &Field{Pos: v.Pos, NamePos: v.Pos, Order: p.order(v)}
	f.Doc, f.hasDoc = p.doc(v)
	named := false
	if name := v.Get("name"); name == nil || name.Kind != lang.String {
		p.errorf(v.Pos, CodeNameMissing, "a field of %s without a name, expected \"name\" with a string", orUnnamed(t))
	} else {
		f.Name, f.NamePos, named = name.Str, name.Pos, true
		p.checkName(f.Name, f.NamePos, CodeNameInvalid, "the name of the field")
	}
	if typ := v.Get("type"); typ == nil {
		p.errorf(v.Pos, CodeTypeMissing, "the field %q of %s without \"type\", expected one", f.Name, orUnnamed(t))
	} else {
		f.TypePos = typ.Pos
		p.schema(typ, space, func(t *Type) { f.Type = t })
	}
	p.fieldAliases(v, f)
	if f.Default = v.Get("default"); f.Default != nil {
		p.checks = append(p.checks, func() { p.fieldDefault(f) })
	}
	f.Props = props(v, isFieldAttribute)
	p.checks = append(p.checks, func() { p.misplacedLogical(v, f) })
	if !named {
		return nil
	}
	return f
}

// fieldAliases reads the aliases of a field, which Java takes as they are.
func (p *parser) fieldAliases(v *lang.Value, f *Field) {
	seen := map[string]bool{}
	for _, a := range p.strings(v.Get("aliases"), CodeAliasInvalid, "aliases") {
		if !validName(a.Str) {
			p.lintf(a.Pos, LintAlias, "the alias %q of the field is no name; expected letters, digits and _", a.Str)
		}
		if a.Str == f.Name || seen[a.Str] {
			p.lintf(a.Pos, LintAlias, "the alias %q of the field says nothing new; expected a name that is not taken", a.Str)
		}
		if !seen[a.Str] {
			f.Aliases = append(f.Aliases, a.Str)
		}
		seen[a.Str] = true
	}
}

func (p *parser) order(v *lang.Value) string {
	const ascending = "ascending"
	o := v.Get("order")
	if o == nil {
		return ascending
	}
	if o.Kind == lang.String {
		switch lower := strings.ToLower(o.Str); lower {
		case ascending, "descending", "ignore":
			if lower != o.Str {
				p.lintf(o.Pos, LintOrder, "the order is %q, expected %q in lower case", o.Str, lower)
			}
			return lower
		}
	}
	p.errorf(o.Pos, CodeOrderInvalid, "the order is %s, expected \"ascending\", \"descending\" or \"ignore\"", describe(o))
	return ascending
}

func (p *parser) enum(v *lang.Value, t *Type, space string, set func(*Type)) {
	p.declare(v, t, space)
	symbols := v.Get("symbols")
	if symbols == nil {
		p.errorf(v.Pos, CodeSymbolsMissing, "the enum %s without \"symbols\", expected an array of names", orUnnamed(t))
	}
	first := map[string]lang.Pos{}
	for _, s := range p.strings(symbols, CodeSymbolsMissing, "symbols") {
		p.checkName(s.Str, s.Pos, CodeSymbolInvalid, "the symbol")
		if at, dup := first[s.Str]; dup {
			p.errorf(s.Pos, CodeSymbolDuplicate, "the symbol %q is already in %s at %d:%d; expected each symbol once", s.Str, orUnnamed(t), at.Line, at.Col)
			continue
		}
		first[s.Str] = s.Pos
		t.Symbols = append(t.Symbols, Symbol{Name: s.Str, Pos: s.Pos})
	}
	if def := v.Get("default"); def != nil {
		t.DefaultPos = def.Pos
		if _, ok := first[def.Str]; def.Kind == lang.String && ok {
			t.Default, t.HasDefault = def.Str, true
		} else if def.Kind == lang.String {
			p.errorf(def.Pos, CodeDefaultInvalid, "the default of %s is %q, expected one of its symbols", orUnnamed(t), def.Str)
		} else {
			p.lintf(def.Pos, LintAttributeType, "the default of %s is %s and has no effect, expected one of its symbols", orUnnamed(t), describe(def))
		}
	}
	p.define(t, set)
}

func (p *parser) fixed(v *lang.Value, t *Type, space string, set func(*Type)) {
	p.declare(v, t, space)
	size := v.Get("size")
	if size == nil {
		p.errorf(v.Pos, CodeSizeInvalid, "the fixed %s without \"size\", expected a number of bytes", orUnnamed(t))
	} else {
		t.SizePos = size.Pos
		n, err := strconv.ParseInt(size.Str, 10, 32)
		if size.Kind != lang.Number || err != nil || n < 0 {
			p.errorf(size.Pos, CodeSizeInvalid, "the size of %s is %s, expected a whole number from 0 to %d", orUnnamed(t), describe(size), math.MaxInt32)
		}
		t.Size = int(n)
	}
	p.define(t, set)
}
