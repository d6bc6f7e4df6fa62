package breaking

import "bytes"

// blankComments puts spaces in the place of comments, so that the compiler has less
// to read: they are half of a well documented schema. Every other byte keeps its
// offset, line and column.
func blankComments(text []byte) {
	for i := 0; i < len(text); {
		n := 1
		switch text[i] {
		case '"', '\'':
			n = stringEnd(text[i:])
		case '/':
			n = max(1, commentEnd(text[i:]))
			// Wide characters in a comment move what follows it on its line.
			if n > 1 && endsLine(text[i+n:]) {
				blank(text[i : i+n])
			}
		default:
			if next := bytes.IndexAny(text[i:], `"'/`); next > 0 {
				n = next
			} else if next < 0 {
				return
			}
		}
		i += n
	}
}

// blankOptions puts spaces in the place of custom options. No rule sees them, and
// the older side has been published with them.
func blankOptions(text []byte) {
	fresh := true // a statement may start here
	for i := 0; i < len(text); {
		c, n := text[i], 1
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			i++
			continue
		case c == '/':
			if n = commentEnd(text[i:]); n > 0 {
				i += n
				continue
			}
			n = 1
		case c == '"' || c == '\'':
			n = stringEnd(text[i:])
		case c == '[':
			if n = blankList(text[i:]); n == 0 {
				return
			}
		case isWord(c):
			for i+n < len(text) && isWord(text[i+n]) {
				n++
			}
			if fresh && string(text[i:i+n]) == "option" && bytes.HasPrefix(skipComments(text[i+n:]), []byte("(")) {
				end := statementEnd(text[i:])
				if end < 0 {
					return
				}
				blank(text[i : i+end])
				n, c = end, ';'
			}
		}
		fresh = c == ';' || c == '{' || c == '}'
		i += n
	}
}

// blankList blanks the custom options of a list in brackets, which text begins
// with. It returns the length of the list, or 0 if it does not end.
func blankList(text []byte) int {
	type span struct{ start, end int } // an option with the comma behind it
	var spans []span
	start, depth := 1, 0
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			i += stringEnd(text[i:]) - 1
		case '/':
			i += max(1, commentEnd(text[i:])) - 1
		case '{', '[', '(', '<':
			depth++
		case '}', ')', '>':
			depth--
		case ',':
			if depth == 0 {
				spans = append(spans, span{start, i + 1})
				start = i + 1
			}
		case ']':
			if depth--; depth >= 0 {
				continue
			}
			spans = append(spans, span{start, i})
			kept := 0
			for _, s := range spans {
				if bytes.HasPrefix(skipComments(text[s.start:s.end]), []byte("(")) {
					blank(text[s.start:s.end])
				} else {
					kept = s.end
				}
			}
			if kept == 0 {
				blank(text[:i+1])
			} else if text[kept-1] == ',' {
				text[kept-1] = ' ' // nothing follows it any more
			}
			return i + 1
		}
	}
	return 0
}

// blank overwrites text with spaces; lines stay.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}

// endsLine reports whether nothing but space follows up to the end of the line.
func endsLine(text []byte) bool {
	for _, c := range text {
		if c == '\n' {
			return true
		}
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// commentEnd returns the length of the comment that text begins with, or 0. One
// without an end takes nothing: it is a mistake, which is not hidden.
func commentEnd(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("//")):
		if n := bytes.IndexByte(text, '\n'); n >= 0 {
			return n
		}
		return len(text)
	case bytes.HasPrefix(text, []byte("/*")):
		if n := bytes.Index(text[2:], []byte("*/")); n >= 0 {
			return n + 4
		}
	}
	return 0
}
