package protobuf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
)

// parseTree reads text that the compiler has accepted. It still refuses, rather
// than guesses, what it does not know.
func parseTree(path, text string) (*fileNode, error) {
	f, _, err := parsePlain(path, text)
	return f, err
}

// parsePlain reads text that the compiler has not seen. It also reports whether
// the text is plain: nothing in it is a matter of opinion between this parser and
// the compiler.
func parsePlain(path, text string) (f *fileNode, plain bool, err error) {
	return (&parser{text: text}).plainFile(path)
}

func (p *parser) plainFile(path string) (f *fileNode, plain bool, err error) {
	text := p.text
	p.odd = !utf8.ValidString(text) || strings.ContainsFunc(text, isOddSpace)
	sc := scanner{text: text}
	p.toks = make([]token, 0, len(text)/8)
	for {
		tok := sc.next()
		p.toks = append(p.toks, tok)
		if tok.kind == tokEnd {
			break
		}
	}
	f = p.file()
	if p.bad != "" {
		return nil, false, lang.ErrorList{at(path, text, p.badAt, "PROTO_SYNTAX", p.bad)}
	}
	return f, !p.odd && !sc.odd, nil
}

// isOddSpace reports whether c is a control character that only some call space.
func isOddSpace(c rune) bool {
	return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == '\ufeff' || c == 0x7f
}

// A parser is a cursor over tokens. After the first mistake it stands at the end
// of the text, so that every loop stops.
type parser struct {
	text  string
	toks  []token
	i     int
	bad   string
	badAt token
	odd   bool // see parsePlain

	// quick asks for less than parsePlain: custom options are plain, and so is what
	// only the printer minds.
	quick  bool
	nested bool // the value that was read last is a list or a message
}

// empty reads an empty statement.
func (p *parser) empty() bool {
	if p.accept(";") {
		p.odd = true
		return true
	}
	return false
}

// name reads the name of a declaration of its own.
func (p *parser) name() token {
	tok := p.word()
	p.odd = p.odd || isKeyword(tok.text) || isScalar(tok.text)
	return tok
}

func (p *parser) peek(n int) token { return p.toks[min(p.i+n, len(p.toks)-1)] }

func (p *parser) next() token {
	t := p.peek(0)
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) is(text string) bool { return p.peek(0).text == text && p.peek(0).kind != tokString }

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) fail(want string) {
	if p.bad == "" {
		p.badAt = p.peek(0)
		p.bad = fmt.Sprintf("found %q, expected %s", p.badAt.text, want)
	}
	p.i = len(p.toks) - 1
}

func (p *parser) expect(text string) token {
	if !p.is(text) {
		p.fail(strconv.Quote(text))
	}
	return p.next()
}

func (p *parser) word() token {
	if p.peek(0).kind != tokWord {
		p.fail("a name")
	}
	return p.next()
}

// more reports whether a block goes on; it consumes the closing bracket.
func (p *parser) more(closing string) bool {
	if p.accept(closing) {
		return false
	}
	if p.peek(0).kind == tokEnd {
		p.fail(strconv.Quote(closing))
		return false
	}
	return true
}

func (p *parser) from(start token) span {
	end := start.end()
	if p.i > 0 {
		end = max(end, p.toks[p.i-1].end())
	}
	return span{start.start, end}
}

func (p *parser) file() *fileNode {
	f := &fileNode{}
	for p.peek(0).kind != tokEnd {
		start := p.peek(0)
		// What stands before what else is a matter of taste, of which there are
		// several.
		declared := len(f.messages)+len(f.enums)+len(f.extends)+len(f.services) > 0
		switch {
		case p.empty():
		case p.is("syntax") || p.is("edition"):
			p.odd = p.odd || p.i > 0 || p.is("edition")
			f.keyword = p.next().text
			p.expect("=")
			f.version = p.str()
			p.expect(";")
		case p.accept("package"):
			at := p.peek(0)
			p.odd = p.odd || declared || f.pkg != ""
			f.pkg = p.path()
			f.pkgAt = p.from(at)
			p.expect(";")
		case p.accept("import"):
			p.odd = p.odd || declared
			f.imports = append(f.imports, p.importStatement(start))
		case p.is("option"):
			p.odd = p.odd || declared
			f.options = append(f.options, p.optionStatement())
		case p.accept("extend"):
			f.extends = append(f.extends, p.extend())
		case p.accept("service"):
			f.services = append(f.services, p.service())
		default:
			visibility := p.visibility()
			switch {
			case p.accept("message"):
				f.messages = append(f.messages, p.message(visibility))
			case p.accept("enum"):
				f.enums = append(f.enums, p.enum(visibility))
			default:
				p.fail("a declaration")
			}
		}
	}
	return f
}

func (p *parser) importStatement(start token) *importNode {
	n := &importNode{}
	if p.peek(0).kind == tokWord {
		n.modifier = p.next().text
		p.odd = p.odd || n.modifier != "public"
	}
	n.path = p.str()
	p.odd = p.odd || p.is("[")
	p.compact() // edition 2024 knows no options here; tolerated
	p.expect(";")
	n.at = p.from(start)
	return n
}

func (p *parser) visibility() string {
	if (p.is("export") || p.is("local")) && (p.peek(1).text == "message" || p.peek(1).text == "enum") && p.peek(3).text == "{" {
		p.odd = true
		return p.next().text
	}
	return ""
}

// path reads a dotted name, which may begin with a dot.
func (p *parser) path() string {
	var b strings.Builder
	start := p.peek(0)
	if p.accept(".") {
		b.WriteByte('.')
	}
	p.odd = p.odd || isKeyword(p.peek(0).text)
	b.WriteString(p.word().text)
	for p.accept(".") {
		b.WriteByte('.')
		b.WriteString(p.word().text)
	}
	if at := p.from(start); at.end-at.start != b.Len() && !p.quick {
		p.odd = true // space inside
	}
	return b.String()
}

// number reads an integer and spells it in decimal.
func (p *parser) number() (string, span) {
	start := p.peek(0)
	sign := ""
	if p.accept("-") {
		sign = "-"
	}
	tok := p.next()
	if tok.text == "max" {
		return "max", p.from(start)
	}
	n, err := strconv.ParseUint(tok.text, 0, 64)
	if tok.kind != tokNumber || err != nil {
		p.fail("an integer")
	}
	p.odd = p.odd || tok.text != strconv.FormatUint(n, 10)
	return sign + strconv.FormatUint(n, 10), p.from(start)
}

func (p *parser) ranges() *rangesNode {
	start := p.next() // the keyword
	r := &rangesNode{}
	for {
		switch tok := p.peek(0); tok.kind {
		case tokString:
			p.odd = p.odd || len(r.items) > 0 && !r.names
			r.names, r.quoted = true, true
			r.items = append(r.items, p.str())
		case tokWord:
			p.odd, r.names = true, true
			r.items = append(r.items, p.next().text)
		default:
			p.odd = p.odd || r.names
			item, _ := p.number()
			if p.accept("to") {
				end, _ := p.number()
				item += " to " + end
			}
			r.items = append(r.items, item)
		}
		if !p.accept(",") {
			break
		}
	}
	r.options = p.compact()
	p.expect(";")
	r.at = p.from(start)
	return r
}

func (p *parser) message(visibility string) *messageNode {
	m := &messageNode{visibility: visibility}
	name := p.name()
	m.name, m.at = name.text, p.from(name)
	p.expect("{")
	p.body(m)
	return m
}

func (p *parser) body(m *messageNode) {
	for p.more("}") {
		next := p.peek(1)
		block := next.kind == tokWord && p.peek(2).text == "{"
		switch {
		case p.empty():
		case p.is("option") && (next.kind == tokWord || next.text == "("):
			m.options = append(m.options, p.optionStatement())
		case p.is("reserved") && p.peek(2).text != "=":
			m.reserved = append(m.reserved, p.ranges())
		case p.is("extensions") && next.kind == tokNumber:
			m.extensions = append(m.extensions, p.ranges())
		case p.is("oneof") && block:
			p.next()
			m.oneofs = append(m.oneofs, p.oneof())
		case p.is("message") && block:
			p.next()
			m.messages = append(m.messages, p.message(""))
		case p.is("enum") && block:
			p.next()
			m.enums = append(m.enums, p.enum(""))
		case p.is("extend") && p.peek(2).text != "=":
			p.next()
			m.extends = append(m.extends, p.extend())
		default:
			switch visibility := p.visibility(); {
			case visibility != "" && p.accept("message"):
				m.messages = append(m.messages, p.message(visibility))
			case visibility != "" && p.accept("enum"):
				m.enums = append(m.enums, p.enum(visibility))
			default:
				m.fields = append(m.fields, p.field())
			}
		}
	}
}

func (p *parser) field() *fieldNode {
	f := &fieldNode{}
	if (p.is("optional") || p.is("required") || p.is("repeated")) && p.peek(1).text != "=" {
		f.label = p.next().text
	}
	start := p.peek(0)
	group := p.is("group") && p.peek(1).kind == tokWord && p.peek(2).text == "="
	if p.is("map") && p.peek(1).text == "<" {
		p.next()
		p.next()
		f.key = p.path()
		p.expect(",")
		f.typ = p.path()
		p.expect(">")
	} else {
		f.typ = p.path()
	}
	f.typeAt = p.from(start)
	name := p.word()
	f.name, f.nameAt = name.text, p.from(name)
	p.expect("=")
	f.number, f.numberAt = p.number()
	f.options = p.compact()
	if group {
		p.odd = true
		f.group = &messageNode{name: f.name, at: f.nameAt}
		p.expect("{")
		p.body(f.group)
		return f
	}
	p.expect(";")
	return f
}

func (p *parser) oneof() *oneofNode {
	name := p.name()
	o := &oneofNode{name: name.text, at: p.from(name)}
	p.expect("{")
	for p.more("}") {
		switch {
		case p.empty():
		case p.is("option"):
			o.options = append(o.options, p.optionStatement())
		default:
			o.fields = append(o.fields, p.field())
		}
	}
	return o
}

func (p *parser) enum(visibility string) *enumNode {
	name := p.name()
	e := &enumNode{visibility: visibility, name: name.text, at: p.from(name)}
	p.expect("{")
	for p.more("}") {
		switch {
		case p.empty():
		case p.is("option") && p.peek(1).text != "=":
			e.options = append(e.options, p.optionStatement())
		case p.is("reserved") && p.peek(1).text != "=":
			e.reserved = append(e.reserved, p.ranges())
		default:
			name := p.name()
			v := &enumValueNode{name: name.text, nameAt: p.from(name)}
			p.expect("=")
			v.number, v.numberAt = p.number()
			v.options = p.compact()
			p.expect(";")
			e.values = append(e.values, v)
		}
	}
	return e
}

func (p *parser) extend() *extendNode {
	p.odd = true
	start := p.peek(0)
	x := &extendNode{target: p.path()}
	x.at = p.from(start)
	p.expect("{")
	for p.more("}") {
		if !p.accept(";") {
			x.fields = append(x.fields, p.field())
		}
	}
	return x
}

func (p *parser) service() *serviceNode {
	name := p.name()
	s := &serviceNode{name: name.text, at: p.from(name)}
	p.expect("{")
	for p.more("}") {
		switch {
		case p.empty():
		case p.is("option"):
			s.options = append(s.options, p.optionStatement())
		default:
			p.expect("rpc")
			s.rpcs = append(s.rpcs, p.rpc())
		}
	}
	return s
}

func (p *parser) rpc() *rpcNode {
	name := p.name()
	r := &rpcNode{name: name.text, at: p.from(name)}
	r.input, r.inStream = p.rpcType()
	p.expect("returns")
	r.output, r.stream = p.rpcType()
	if p.accept(";") {
		return r
	}
	p.expect("{")
	p.odd = p.odd || p.is("}") && !p.quick // no options, and yet options
	for p.more("}") {
		if !p.empty() {
			r.options = append(r.options, p.optionStatement())
		}
	}
	return r
}

func (p *parser) rpcType() (name string, stream bool) {
	p.expect("(")
	if p.is("stream") && p.peek(1).text != ")" && p.peek(1).text != "." || p.is("stream") && p.peek(1).text == "." && p.peek(1).start > p.peek(0).end() {
		p.next()
		stream = true
	}
	name = p.path()
	p.expect(")")
	return name, stream
}
