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
