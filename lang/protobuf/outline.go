package protobuf

import (
	"github.com/wireproof/wireproof/lang"
)

// Imports returns the import paths of a text in the order of its statements,
// without compiling it: cheap enough to order all files of a folder. A text
// that is no Protobuf gives what was found and an error.
func Imports(text string) ([]string, error) {
	h, err := scanHeader(text)
	return h.imports, err
}

// Package returns the package that a text declares, or "" if it declares none.
// Like [Imports] it compiles nothing.
func Package(text string) string {
	h, _ := scanHeader(text)
	return h.pkg
}

type header struct {
	pkg     string
	imports []string
}

// scanHeader reads the statements at the top level and skips everything in
// brackets; imports may follow messages.
func scanHeader(text string) (header, error) {
	var h header
	if err := checkLimits("", text); err != nil {
		return h, lang.ErrorList{err}
	}
	p := &parser{text: text}
	sc := scanner{text: text}
	depth := 0
	for {
		tok := sc.next()
		if tok.text == "}" && tok.kind == tokSymbol && depth > 0 {
			depth--
			tok = token{kind: tokSymbol, text: ";", start: tok.start}
		}
		if depth == 0 {
			p.toks = append(p.toks, tok)
		}
		if tok.text == "{" && tok.kind == tokSymbol {
			depth++
		}
		if tok.kind == tokEnd {
			break
		}
	}
	if depth > 0 { // the end was inside a block
		p.toks = append(p.toks, token{kind: tokEnd, start: len(text)})
	}
	for p.peek(0).kind != tokEnd {
		start := p.peek(0)
		switch {
		case p.accept("package"):
			h.pkg = p.path()
		case p.accept("import"):
			if n := p.importStatement(start); p.bad == "" {
				h.imports = append(h.imports, n.path)
			}
			continue
		}
		for p.peek(0).kind != tokEnd && !p.accept(";") {
			p.next()
		}
	}
	if p.bad != "" {
		return h, lang.ErrorList{at("", text, p.badAt, "PROTO_SYNTAX", p.bad)}
	}
	return h, nil
}
