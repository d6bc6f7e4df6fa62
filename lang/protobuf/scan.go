package protobuf

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokNumber
	tokString
	tokSymbol
)

// A token is a piece of the text; text is what stands there, quotes included.
type token struct {
	kind  tokenKind
	text  string
	start int
}

func (t token) end() int { return t.start + len(t.text) }

// A scanner cuts text into tokens and drops space and comments. It accepts any
// bytes: what is no token of the language is a symbol of one character.
type scanner struct {
	text string
	at   int
	odd  bool // a comment does not end
}

func (s *scanner) next() token {
	s.skipSpace()
	start := s.at
	if start == len(s.text) {
		return token{kind: tokEnd, start: start}
	}
	c := s.text[start]
	kind := tokSymbol
	switch {
	case isWordByte(c) && !isDigit(c):
		kind = tokWord
		s.skipWhile(isWordByte)
	case isDigit(c), c == '.' && start+1 < len(s.text) && isDigit(s.text[start+1]):
		kind = tokNumber
		s.skipNumber()
	case c == '"' || c == '\'':
		kind = tokString
		s.skipString(c)
	default:
		_, n := utf8.DecodeRuneInString(s.text[start:])
		s.at += n
	}
	return token{kind: kind, text: s.text[start:s.at], start: start}
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case rest[0] <= ' ':
			s.at++
		case s.at == 0 && strings.HasPrefix(rest, "\ufeff"):
			s.at += len("\ufeff")
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			s.at += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				s.at, s.odd = len(s.text), true
				return
			}
			s.at += n + 4
		default:
			return
		}
	}
}

func (s *scanner) skipWhile(is func(byte) bool) {
	for s.at < len(s.text) && is(s.text[s.at]) {
		s.at++
	}
}

// skipNumber takes the longest run that can belong to a number; a sign belongs
// to it only after the exponent of a decimal number.
func (s *scanner) skipNumber() {
	start := s.at
	hex := strings.HasPrefix(s.text[start:], "0x") || strings.HasPrefix(s.text[start:], "0X")
	for s.at < len(s.text) {
		c := s.text[s.at]
		sign := (c == '+' || c == '-') && !hex && s.at > start && (s.text[s.at-1]|0x20) == 'e'
		if !isWordByte(c) && c != '.' && !sign {
			return
		}
		s.at++
	}
}

func (s *scanner) skipString(quote byte) {
	s.at++
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == quote || c == '\n':
			return
		case c == '\\' && s.at < len(s.text):
			s.at++
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// lines turns byte offsets into positions.
type lines struct {
	path   string
	size   int
	starts []int // offset of each line
}

func newLines(path, text string) *lines {
	l := &lines{path: path, size: len(text), starts: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

func (l *lines) pos(start, end int) lang.Pos {
	start = min(max(start, 0), l.size)
	end = min(max(end, start), l.size)
	line := sort.SearchInts(l.starts, start+1)
	return lang.Pos{Path: l.path, Line: line, Col: start - l.starts[line-1] + 1, Start: start, End: end}
}
