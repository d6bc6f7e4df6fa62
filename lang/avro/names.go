package avro

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/wireproof/wireproof/lang"
)

// A use is a place where a type is named and not defined.
type use struct {
	name  string // as written
	space string // the enclosing namespace
	pos   lang.Pos
	set   func(*Type)
}

// name takes a type name: a primitive at once, another when all are known.
func (p *parser) name(name string, namePos, pos lang.Pos, space string, set func(*Type)) {
	if kind, ok := primitive(name); ok {
		set(&Type{Kind: kind, Pos: pos, NamePos: pos})
		return
	}
	p.uses = append(p.uses, use{name, space, namePos, set})
}

// resolve gives every use its type.
func (p *parser) resolve() {
	for _, u := range p.uses {
		full := u.name
		if !strings.Contains(full, ".") {
			full = join(u.space, u.name)
		}
		t := p.find(full)
		if t == nil && full != u.name {
			// Java falls back to the null namespace for what is already known:
			// neither for what comes later nor for what is around the place.
			if t = p.find(u.name); t != nil && (p.isAhead(t, u.pos) || p.isAround(t, u.pos)) {
				t = nil
			}
			if t != nil {
				p.lintf(u.pos, LintNameFallback, "%q is found in the null namespace; the specification looks for %s only", u.name, full)
			}
		}
		switch {
		case t != nil:
			if p.isAhead(t, u.pos) {
				p.lintf(u.pos, LintNameForward, "%q is used before its definition at %d:%d; expected the definition first", u.name, t.Pos.Line, t.Pos.Col)
			}
			u.set(t)
		case p.isOpen && validFull(full):
			if !p.isUnknown[full] {
				p.isUnknown[full] = true
				p.unknown = append(p.unknown, full)
			}
		default:
			p.unknownName(u, full)
		}
	}
}

func (p *parser) find(full string) *Type {
	if t := p.local[full]; t != nil {
		return t
	}
	return p.scope[full]
}

// isAhead reports whether t is defined further down in this text than pos.
func (p *parser) isAhead(t *Type, pos lang.Pos) bool {
	return p.local[t.Name] == t && t.Pos.Start > pos.Start
}

// isAround reports whether pos is inside the definition of t.
func (p *parser) isAround(t *Type, pos lang.Pos) bool {
	return p.local[t.Name] == t && t.Pos.Start <= pos.Start && pos.Start < t.Pos.End
}

func (p *parser) unknownName(u use, full string) {
	hint := "a primitive type, a type of this text or of a reference"
	for _, ref := range p.refs {
		if ref.Name == full && ref.Source == nil {
			hint = fmt.Sprintf("the text of the reference %q, which is not at hand", ref.Name)
		}
	}
	if near := p.nearName(full); near != "" {
		hint = "a known type, such as " + near
	}
	p.errorf(u.pos, CodeNameUnknown, "nothing defines the type %q; expected %s", full, hint)
}

// nearName returns the first type of the text whose name differs from full in
// letter case or namespace only. It looks for a few names: a text with more
// unknown ones has another trouble.
func (p *parser) nearName(full string) string {
	const most = 20
	if p.isUnknown[full] = true; len(p.isUnknown) > most {
		return ""
	}
	simple := simpleName(full)
	for _, t := range p.named {
		if strings.EqualFold(t.Name, full) || simpleName(t.Name) == simple {
			return t.Name
		}
	}
	return ""
}

// checkName reports a simple name that Java refuses, and lints one that the
// specification refuses.
func (p *parser) checkName(name string, pos lang.Pos, code, what string) {
	switch {
	case validName(name):
	case javaName(name):
		p.lintf(pos, LintNameCharacters, "%s is %q, expected only A-Z, a-z, 0-9 and _", what, name)
	case name == "":
		p.errorf(pos, code, "%s is \"\", expected a letter or _, then letters, digits or _", what)
	default:
		p.mildf(pos, code, "%s is %q, expected a letter or _, then letters, digits or _", what, name)
	}
}

// checkSpace does the same for a namespace.
func (p *parser) checkSpace(space string, pos lang.Pos) {
	if space == "" || validSpace(space) {
		return
	}
	for part := range strings.SplitSeq(space, ".") {
		if !javaName(part) {
			p.mildf(pos, CodeNameInvalid, "the namespace is %q, expected names joined by dots", space)
			return
		}
	}
	p.lintf(pos, LintNameCharacters, "the namespace is %q, expected only A-Z, a-z, 0-9, _ and dots", space)
}

// validName reports whether s is a name of the specification.
func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// javaName reports whether Java Avro 1.12 takes s for a name.
func javaName(s string) bool {
	for i, c := range s {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.IsDigit(c)) {
			return false
		}
	}
	return s != ""
}

func validSpace(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !validName(part) {
			return false
		}
	}
	return true
}

// validFull reports whether every part of s is a name for Java.
func validFull(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !javaName(part) {
			return false
		}
	}
	return true
}

func join(space, simple string) string {
	if space == "" {
		return simple
	}
	return space + "." + simple
}

func simpleName(full string) string { return full[strings.LastIndexByte(full, '.')+1:] }

func spaceOf(full string) string {
	if dot := strings.LastIndexByte(full, '.'); dot >= 0 {
		return full[:dot]
	}
	return ""
}

// ShortName returns the name of a named type without its namespace, and the
// name of the kind of any other type.
func (t *Type) ShortName() string {
	if t.Name == "" {
		return t.Kind.String()
	}
	return simpleName(t.Name)
}

// label is what tells a branch of a union from its siblings.
func (t *Type) label() string {
	if t.Name == "" {
		return t.Kind.String()
	}
	return t.Name
}
