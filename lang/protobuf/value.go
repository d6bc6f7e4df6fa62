package protobuf

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (p *parser) optionStatement() *optionNode {
	p.expect("option")
	o := p.option()
	p.expect(";")
	return o
}

func (p *parser) option() *optionNode {
	start, odd := p.peek(0), p.odd
	var b strings.Builder
	custom := p.is("(")
	p.nested = false
	for p.peek(0).kind != tokEnd {
		if p.accept("(") {
			b.WriteString("(" + p.path() + ")")
			p.expect(")")
		} else {
			b.WriteString(p.word().text)
		}
		if !p.accept(".") {
			break
		}
		b.WriteByte('.')
	}
	o := &optionNode{name: b.String()}
	p.expect("=")
	o.value = p.value()
	o.at = p.from(start)
	switch {
	case custom && p.quick:
		p.odd = odd // whoever asked for it looks at the option
	case custom || p.nested || strings.Contains(o.name, "("):
		p.odd = p.odd || !isPlainMeta(o)
	}
	return o
}

// compact reads the options in brackets after a declaration, if there are any.
func (p *parser) compact() []*optionNode {
	if !p.accept("[") {
		return nil
	}
	var out []*optionNode
	for p.more("]") {
		out = append(out, p.option())
		if p.accept(",") == p.is("]") {
			p.odd = true // a comma too many or too few
		}
	}
	p.odd = p.odd || len(out) == 0
	return out
}

func (p *parser) value() valueNode {
	switch tok := p.peek(0); {
	case tok.kind == tokString:
		return valueNode{kind: valueString, text: p.str()}
	case p.is("{") || p.is("["):
		p.nested = true
	case p.is("<") || p.is("+"):
		p.odd = true
	}
	switch tok := p.peek(0); {
	case p.accept("{"):
		return p.aggregate("}")
	case p.accept("<"):
		return p.aggregate(">")
	case p.accept("["):
		v := valueNode{kind: valueList}
		for p.more("]") {
			v.items = append(v.items, p.value())
			p.separated("]")
		}
		return v
	case p.is("-") || p.is("+"):
		sign := p.next().text
		return valueNode{text: sign + p.next().text}
	case tok.kind == tokWord || tok.kind == tokNumber:
		return valueNode{text: p.next().text}
	}
	p.fail("a value")
	return valueNode{}
}

func (p *parser) aggregate(closing string) valueNode {
	v := valueNode{kind: valueMessage}
	for p.more(closing) {
		var e entryNode
		if p.accept("[") {
			var b strings.Builder
			for p.peek(0).kind != tokEnd && !p.is("]") {
				b.WriteString(p.next().text)
			}
			p.expect("]")
			e.key = "[" + b.String() + "]"
		} else {
			e.key = p.word().text
		}
		p.odd = p.odd || !p.is(":")
		p.accept(":")
		e.value = p.value()
		n := len(v.entries)
		v.entries = gathered(v.entries, e)
		p.odd = p.odd || len(v.entries) == n || p.is(";")
		if !p.accept(";") {
			p.separated(closing)
		}
	}
	return v
}

// separated reads the comma after a part of a value, which need not be there.
func (p *parser) separated(closing string) {
	if p.accept(",") == p.is(closing) {
		p.odd = true
	}
}

// gathered adds an entry. The values of a key that is written several times are a
// list, as if they had been written as one.
func gathered(entries []entryNode, e entryNode) []entryNode {
	i := slices.IndexFunc(entries, func(have entryNode) bool { return have.key == e.key })
	if i < 0 {
		return append(entries, e)
	}
	list := valueNode{kind: valueList}
	for _, v := range []valueNode{entries[i].value, e.value} {
		if v.kind == valueList {
			list.items = append(list.items, v.items...)
		} else {
			list.items = append(list.items, v)
		}
	}
	entries[i].value = list
	return entries
}

// str reads adjacent string literals and returns the bytes they stand for.
func (p *parser) str() string {
	if p.peek(0).kind != tokString {
		p.fail("a string")
		return ""
	}
	var b []byte
	first := true
	for p.peek(0).kind == tokString {
		lit := p.next().text
		if !first || len(lit) < 2 || lit[len(lit)-1] != lit[0] || strings.ContainsAny(lit, "\\\n") && !(p.quick && plainEscapes(lit)) {
			p.odd = true
		}
		first = false
		b = unquote(b, lit)
	}
	return string(b)
}

// plainEscapes reports whether the only escapes of a literal are those of a
// backslash, which names in PHP are full of.
func plainEscapes(lit string) bool {
	rest := strings.ReplaceAll(lit, `\\`, "")
	return !strings.ContainsAny(rest, "\\\n") && len(rest) >= 2
}

func unquote(dst []byte, lit string) []byte {
	s := lit[1:]
	if len(s) > 0 && s[len(s)-1] == lit[0] {
		s = s[:len(s)-1]
	}
	for len(s) > 0 {
		if s[0] != '\\' || len(s) == 1 {
			dst = append(dst, s[0])
			s = s[1:]
			continue
		}
		c := s[1]
		s = s[2:]
		switch {
		case '0' <= c && c <= '7':
			n := run(s, 2, func(c byte) bool { return '0' <= c && c <= '7' })
			dst = append(dst, byte(parseDigits(string(c)+s[:n], 8)))
			s = s[n:]
		case c == 'x' || c == 'X':
			n := run(s, 2, isHex)
			dst = append(dst, byte(parseDigits(s[:n], 16)))
			s = s[n:]
		case c == 'u' || c == 'U':
			width := 4
			if c == 'U' {
				width = 8
			}
			n := run(s, width, isHex)
			dst = utf8.AppendRune(dst, rune(parseDigits(s[:n], 16)))
			s = s[n:]
		default:
			dst = append(dst, plainEscape(c))
		}
	}
	return dst
}

func plainEscape(c byte) byte {
	if i := strings.IndexByte("abfnrtv", c); i >= 0 {
		return "\a\b\f\n\r\t\v"[i]
	}
	return c
}

// run counts how many of the first limit bytes of s satisfy is.
func run(s string, limit int, is func(byte) bool) int {
	n := 0
	for n < len(s) && n < limit && is(s[n]) {
		n++
	}
	return n
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func parseDigits(s string, base int) uint64 {
	n, err := strconv.ParseUint(s, base, 32)
	if err != nil {
		return 0
	}
	return n
}

// quote spells s as a string literal: the escapes of the canonical form, octal
// for what else does not print. Text in UTF-8 stays as it is.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch i := strings.IndexRune("\a\b\f\n\r\t\v\\'\"", r); {
		case r == utf8.RuneError && n == 1 || r < ' ' && i < 0 || r == 0x7f:
			b.WriteString("\\" + string([]byte{'0' + s[0]>>6, '0' + s[0]>>3&7, '0' + s[0]&7}))
		case i >= 0:
			b.WriteByte('\\')
			b.WriteByte(`abfnrtv\'"`[i])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	b.WriteByte('"')
	return b.String()
}
