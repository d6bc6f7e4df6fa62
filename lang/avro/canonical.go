package avro

import (
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// Source returns what was parsed.
func (s *Schema) Source() lang.Source { return s.src }

// Canonical returns the text that a registry stores: the schema as the Avro Java
// library prints it, compact, with documentation, defaults, aliases and
// properties. A named type is defined at its first use; types of references
// appear by name.
func (s *Schema) Canonical() string { return s.canonical }

// Normalized returns Canonical with what has no meaning put in order: properties
// are sorted with those of a logical type in front, aliases are sorted, and
// empty documentation of types is dropped.
func (s *Schema) Normalized() string { return s.print(true) }

// Inlined returns Canonical with the types of references written out at their
// first use: one text that needs no other, for libraries that take no more.
func (s *Schema) Inlined() string {
	p := &printer{known: map[string]bool{}}
	p.schema(s.Root, "")
	return string(p.buf)
}

func (s *Schema) print(normalize bool) string {
	return s.printed(&printer{normalize: normalize})
}

// printWith is Canonical with other properties of some types and fields.
func (s *Schema) printWith(changed map[any][]lang.Member) string {
	return s.printed(&printer{changed: changed})
}

func (s *Schema) printed(p *printer) string {
	p.known = make(map[string]bool, len(s.foreign)+len(s.Named))
	for name := range s.foreign {
		p.known[name] = true
	}
	p.schema(s.Root, "")
	return string(p.buf)
}

// A printer prints one schema in the order of attributes that Java has.
type printer struct {
	buf       []byte
	known     map[string]bool // names that are printed already
	normalize bool
	changed   map[any][]lang.Member // by *Type or *Field: what stands there instead of its properties
}

// propsOf returns the properties of node, which has those given unless they are
// changed.
func (p *printer) propsOf(node any, given []lang.Member) []lang.Member {
	if props, ok := p.changed[node]; ok {
		return props
	}
	return given
}

func (p *printer) raw(s string) { p.buf = append(p.buf, s...) }
func (p *printer) str(s string) { p.buf = lang.AppendJSONString(p.buf, s) }

// key begins the member of an object that is not the first.
func (p *printer) key(k string) {
	p.raw(",")
	p.str(k)
	p.raw(":")
}

func (p *printer) schema(t *Type, space string) {
	switch {
	case t.Kind == Union:
		p.raw("[")
		for i, b := range t.Branches {
			if i > 0 {
				p.raw(",")
			}
			p.schema(b, space)
		}
		p.raw("]")
	case t.Kind.IsNamed():
		p.namedType(t, space)
	case t.Kind.IsPrimitive() && len(t.Props) == 0:
		p.str(t.Kind.String())
	default:
		p.raw(`{"type":`)
		p.str(t.Kind.String())
		if t.Kind == Array || t.Kind == Map {
			p.key(elementsKey(t.Kind))
			p.schema(t.Items, space)
		}
		p.props(t)
		p.raw("}")
	}
}

func elementsKey(k Kind) string {
	if k == Array {
		return "items"
	}
	return "values"
}

func (p *printer) namedType(t *Type, space string) {
	if p.known[t.Name] {
		p.str(qualified(t.Name, space))
		return
	}
	p.known[t.Name] = true
	word := t.Kind.String()
	if t.IsError {
		word = "error"
	}
	p.raw(`{"type":`)
	p.str(word)
	p.key("name")
	p.str(simpleName(t.Name))
	own := spaceOf(t.Name)
	if own != space {
		p.key("namespace")
		p.str(own)
	}
	if t.Doc != "" || t.hasDoc && !p.normalize {
		p.key("doc")
		p.str(t.Doc)
	}
	switch t.Kind {
	case Record:
		p.key("fields")
		p.fields(t, own)
	case Enum:
		p.key("symbols")
		p.raw("[")
		for i, s := range t.Symbols {
			if i > 0 {
				p.raw(",")
			}
			p.str(s.Name)
		}
		p.raw("]")
		if t.HasDefault {
			p.key("default")
			p.str(t.Default)
		}
	case Fixed:
		p.key("size")
		p.raw(strconv.Itoa(t.Size))
	}
	p.props(t)
	names := p.sorted(t.Aliases)
	for i, a := range names {
		names[i] = qualified(a, own)
		if own != "" && !strings.Contains(a, ".") {
			names[i] = "." + a // else it would be read as one of our namespace
		}
	}
	p.aliases(names)
	p.raw("}")
}

// qualified returns how a type is named inside the namespace space.
func qualified(full, space string) string {
	simple := simpleName(full)
	if spaceOf(full) == space && space != "" && !isTypeWord(simple) {
		return simple
	}
	return full
}

// sorted returns a copy of names, in order if that is asked for.
func (p *printer) sorted(names []string) []string {
	names = slices.Clone(names)
	if p.normalize {
		slices.Sort(names)
	}
	return names
}

func (p *printer) aliases(names []string) {
	if len(names) == 0 {
		return
	}
	p.key("aliases")
	p.raw("[")
	for i, n := range names {
		if i > 0 {
			p.raw(",")
		}
		p.str(n)
	}
	p.raw("]")
}

func (p *printer) fields(t *Type, space string) {
	p.raw("[")
	for i, f := range t.Fields {
		if i > 0 {
			p.raw(",")
		}
		p.raw(`{"name":`)
		p.str(f.Name)
		p.key("type")
		p.schema(f.Type, space)
		if f.Doc != "" || f.hasDoc {
			p.key("doc")
			p.str(f.Doc)
		}
		if f.Default != nil {
			p.key("default")
			p.value(f.Default)
		}
		if f.Order != "ascending" {
			p.key("order")
			p.str(f.Order)
		}
		p.aliases(p.sorted(f.Aliases))
		p.members(p.propsOf(f, f.Props))
		p.raw("}")
	}
	p.raw("]")
}

// props prints the properties of a type.
func (p *printer) props(t *Type) {
	if !p.normalize || t.Logical == NoLogical {
		p.members(p.propsOf(t, t.Props))
		return
	}
	p.key("logicalType")
	p.str(t.Logical.String())
	if t.Logical == Decimal {
		p.key("precision")
		p.raw(strconv.Itoa(t.Precision))
		if t.Scale != 0 {
			p.key("scale")
			p.raw(strconv.Itoa(t.Scale))
		}
	}
	rest := slices.DeleteFunc(slices.Clone(t.Props), func(m lang.Member) bool {
		return m.Key == "logicalType" || t.Logical == Decimal && (m.Key == "precision" || m.Key == "scale")
	})
	p.members(rest)
}

func (p *printer) members(members []lang.Member) {
	if p.normalize {
		members = slices.Clone(members)
		slices.SortStableFunc(members, func(a, b lang.Member) int { return strings.Compare(a.Key, b.Key) })
	}
	for _, m := range members {
		p.key(m.Key)
		p.value(m.Value)
	}
}

// value prints a JSON value as Jackson does: see [javaNumber] for numbers, and
// of a key that occurs twice the last value in the first place.
func (p *printer) value(v *lang.Value) {
	switch v.Kind {
	case lang.Number:
		p.raw(javaNumber(v.Str))
	case lang.Array:
		p.raw("[")
		for i, item := range v.Items {
			if i > 0 {
				p.raw(",")
			}
			p.value(item)
		}
		p.raw("]")
	case lang.Object:
		p.raw("{")
		for i, m := range props(v, func(string) bool { return false }) {
			if i > 0 {
				p.raw(",")
			}
			p.str(m.Key)
			p.raw(":")
			p.value(m.Value)
		}
		p.raw("}")
	default:
		p.buf = v.AppendJSON(p.buf)
	}
}
