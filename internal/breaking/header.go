package breaking

import "bytes"

// A header is what is known of a file without compiling it.
type header struct {
	pkg string
	// imports holds every import of the file. A file that only talks of an import,
	// in a comment, may have it here too: it is then compiled for nothing.
	imports []string
	size    int // of the text
	// odd says that the imports are not known for sure.
	odd bool
}

// scanHeader reads a header much faster than a scanner of the language could: the
// imports of a text may be anywhere at its top, but the word before them is rare.
// The text may change after it returns.
func scanHeader(text []byte) header {
	pkg, ok := scanPackage(text)
	if !ok {
		return scanSlowly(text)
	}
	h := header{pkg: pkg, size: len(text)}
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte("import"))
		if i < 0 {
			return h
		}
		start := at + i
		at = start + len("import")
		if start > 0 && isWord(text[start-1]) {
			continue
		}
		name, found, ok := scanImport(text[at:])
		if !ok { // written in an uncommon way: a comment or an escape inside
			return scanSlowly(text)
		}
		if found {
			h.imports = append(h.imports, name)
		}
	}
}

// scanSlowly reads a header as the language says, wherever its parts stand.
func scanSlowly(text []byte) header {
	h := header{size: len(text)}
	depth, fresh := 0, true // fresh: a statement may start here
	rest := bytes.TrimPrefix(text, []byte("\ufeff"))
	for {
		rest = skipComments(rest)
		if len(rest) == 0 {
			return h
		}
		c, n := rest[0], 1
		switch {
		case c == '"' || c == '\'':
			n = stringEnd(rest)
		case isWord(c):
			for n < len(rest) && isWord(rest[n]) {
				n++
			}
			if depth == 0 && fresh {
				h.statement(string(rest[:n]), rest[n:])
			}
		case c == '{' || c == '[' || c == '(':
			depth++
		case c == '}' || c == ']' || c == ')':
			depth = max(0, depth-1)
		}
		fresh = c == ';' || c == '}'
		rest = rest[n:]
	}
}

// statement takes a package or an import, whose rest follows its first word.
func (h *header) statement(word string, rest []byte) {
	if word != "package" && word != "import" {
		return
	}
	end := statementEnd(rest)
	if end < 0 {
		return
	}
	var name []byte
	for rest = rest[:end-1]; ; {
		rest = skipComments(rest)
		if len(rest) == 0 {
			break
		}
		n := 1
		switch c := rest[0]; {
		case c == '"' || c == '\'':
			n = stringEnd(rest)
			value := rest[1:max(1, n-1)]
			h.odd = h.odd || bytes.IndexByte(value, '\\') >= 0
			if word == "import" {
				name = append(name, value...)
			}
		case word == "package":
			name = append(name, c)
		}
		rest = rest[n:]
	}
	switch {
	case word == "package":
		h.pkg = string(name)
	case len(name) > 0:
		h.imports = append(h.imports, string(name))
	}
}

// stringEnd returns the length of the string literal that text begins with.
func stringEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		case '\n':
			return i
		}
	}
	return len(text)
}

// scanImport reads what follows the word import. It reports whether this is an
// import, and whether it can tell.
func scanImport(text []byte) (name string, found, ok bool) {
	rest := skipBlank(text)
	if len(rest) == len(text) && (len(rest) == 0 || rest[0] != '"' && rest[0] != '\'') {
		return "", false, len(rest) == 0 || rest[0] != '/'
	}
	for _, word := range []string{"public", "weak", "option"} {
		if bytes.HasPrefix(rest, []byte(word)) {
			rest = skipBlank(rest[len(word):])
			break
		}
	}
	if len(rest) == 0 {
		return "", false, true
	}
	quote := rest[0]
	if quote != '"' && quote != '\'' {
		return "", false, quote != '/'
	}
	end := bytes.IndexByte(rest[1:], quote)
	if end < 0 {
		return "", false, true
	}
	value := rest[1 : 1+end]
	if bytes.IndexByte(value, '\n') >= 0 {
		return "", false, true
	}
	after := skipBlank(rest[end+2:])
	if bytes.IndexByte(value, '\\') >= 0 || len(after) > 0 && after[0] != ';' {
		return "", false, false
	}
	return string(value), true, true
}

// scanPackage reads the package if it stands before everything that has a body,
// as it nearly always does.
func scanPackage(text []byte) (pkg string, ok bool) {
	rest := bytes.TrimPrefix(text, []byte("\ufeff"))
	for {
		rest = skipComments(rest)
		n := 0
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		switch word := string(rest[:n]); word {
		case "package":
			rest = skipComments(rest[n:])
			end := bytes.IndexByte(rest, ';')
			if end < 0 {
				return "", false
			}
			name := bytes.TrimSpace(rest[:end])
			for _, c := range name {
				if !isWord(c) && c != '.' {
					return "", false
				}
			}
			return string(name), true
		case "syntax", "edition", "import", "option":
			end := statementEnd(rest)
			if end < 0 {
				return "", false
			}
			rest = rest[end:]
		default:
			return "", false
		}
	}
}

// statementEnd returns the length of a statement, its semicolon included, or -1.
func statementEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			i += stringEnd(text[i:]) - 1
		case '/':
			if n := len(text[i:]) - len(skipComments(text[i:])); n > 0 {
				i += n - 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ';':
			if depth <= 0 {
				return i + 1
			}
		}
	}
	return -1
}

func skipBlank(text []byte) []byte {
	for i, c := range text {
		if c != ' ' && (c < '\t' || c > '\r') {
			return text[i:]
		}
	}
	return nil
}

// skipComments drops space and comments; a comment without an end takes the rest.
func skipComments(text []byte) []byte {
	for {
		text = skipBlank(text)
		var end int
		switch {
		case bytes.HasPrefix(text, []byte("//")):
			end = bytes.IndexByte(text, '\n')
		case bytes.HasPrefix(text, []byte("/*")):
			if end = bytes.Index(text[2:], []byte("*/")); end >= 0 {
				end += 4
			}
		default:
			return text
		}
		if end < 0 {
			return nil
		}
		text = text[end:]
	}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
