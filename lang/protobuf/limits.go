package protobuf

import (
	"fmt"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// Limits of one text and of one compilation. The compiler was measured to
// survive everything below them in seconds; the deepest honest schema seen is
// far below each.
const (
	maxText       = 2 << 20  // bytes of one file
	maxTotal      = 16 << 20 // bytes of a file with all that it imports
	maxFiles      = 2000     // files of one compilation
	maxDepth      = 64       // nested brackets of any kind
	maxStatements = 100_000  // semicolons, commas and opening braces of one file
	maxToken      = 64 << 10 // bytes of one word, number or string
	maxNames      = 64 << 20 // bytes of all full names of one file together

	maxSymbols = 4 * maxDepth // in a row, without a word or a comma among them
	maxStrings = 10_000       // in a row, as parts of one

	maxMistakes = 100      // mistakes that are told of one file
	maxGarbage  = 16 << 10 // bytes of text that is no Protobuf, and yet shown to the compiler
)

// checkLimits scans the text once, without building anything, and refuses what
// would cost the compiler more than it is worth. Text that is no Protobuf at all
// passes, if it is not endless: the compiler says what is wrong with it.
func checkLimits(path, text string) *lang.Error {
	if len(text) > maxText {
		return &lang.Error{Pos: lang.Pos{Path: path}, Code: "PROTO_LIMIT_SIZE",
			Msg: fmt.Sprintf("the file has %d bytes, more than the limit of %d", len(text), maxText)}
	}
	// The compiler takes a zero byte for white space; protoc refuses it, and no
	// editor shows it.
	if i := strings.IndexByte(text, 0); i >= 0 {
		return at(path, text, token{start: i, text: text[i : i+1]}, "PROTO_SYNTAX", "there is a zero byte; expected text")
	}
	depth, statements, symbols, strs := 0, 0, 0, 0
	names := nameCounter{}
	sc := scanner{text: text}
	for {
		tok := sc.next()
		switch tok.kind {
		case tokEnd:
			return nil
		case tokSymbol:
			switch tok.text {
			case "{", "[", "(", "<":
				depth++
				statements++
			case "}", "]", ")", ">":
				depth--
			case ";", ",":
				statements++
			}
		}
		if strs++; tok.kind != tokString {
			strs = 0
		}
		if symbols++; tok.kind != tokSymbol || tok.text == ";" || tok.text == "," {
			symbols = 0
		}
		if symbols > maxSymbols {
			return at(path, text, tok, "PROTO_SYNTAX", fmt.Sprintf("found %q after %d others like it, expected a name", tok.text, maxSymbols))
		}
		if strs > maxStrings {
			return at(path, text, tok, "PROTO_LIMIT_TOKEN", fmt.Sprintf("a string has more than %d parts", maxStrings))
		}
		if names.count(tok); names.total > maxNames {
			return at(path, text, tok, "PROTO_LIMIT_NAMES", fmt.Sprintf("the full names of the elements have more than %d bytes together", maxNames))
		}
		if depth > maxDepth {
			return at(path, text, tok, "PROTO_LIMIT_DEPTH", fmt.Sprintf("brackets are nested more than %d deep", maxDepth))
		}
		if statements > maxStatements {
			return at(path, text, tok, "PROTO_LIMIT_COUNT", fmt.Sprintf("the file has more than %d elements", maxStatements))
		}
		if len(tok.text) > maxToken {
			return at(path, text, tok, "PROTO_LIMIT_TOKEN", fmt.Sprintf("a word or string has %d bytes, more than the limit of %d", len(tok.text), maxToken))
		}
	}
}

// A nameCounter estimates the length of the full names that a text makes: each
// element repeats the names of everything around it, so that a small text can
// stand for names without end.
type nameCounter struct {
	total  int
	scope  int   // length of the names around
	blocks []int // what each open brace added to scope
	word   int   // length of the last word
	start  int   // of the statement
	isName bool  // the statement is that of the package
}

func (c *nameCounter) count(tok token) {
	switch {
	case tok.kind == tokWord:
		c.isName = c.isName || tok.text == "package" && len(c.blocks) == 0 && c.word == 0
		if c.word == 0 {
			c.start = tok.start
		}
		c.word = len(tok.text)
	case tok.kind != tokSymbol:
	case tok.text == "{":
		c.total += c.scope
		c.blocks = append(c.blocks, c.word)
		c.scope += c.word
		c.word = 0
	case tok.text == "}" && len(c.blocks) > 0:
		last := len(c.blocks) - 1
		c.scope -= c.blocks[last]
		c.blocks = c.blocks[:last]
		c.word = 0
	case tok.text == ";":
		if c.isName {
			c.scope += tok.start - c.start
		}
		c.total += c.scope
		c.isName, c.word = false, 0
	case tok.text == ",":
		c.total += c.scope
	}
}

func at(path, text string, tok token, code, msg string) *lang.Error {
	return &lang.Error{Pos: newLines(path, text).pos(tok.start, tok.end()), Code: code, Msg: msg}
}
