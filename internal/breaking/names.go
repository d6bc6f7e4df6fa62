package breaking

import "bytes"

// topNames returns the names that a file declares directly in its package: those of
// messages, enums, services and extensions at the top, and the values of those
// enums. It looks at words only, so that a text that does not compile gives some
// names or none.
func topNames(text []byte) map[string]bool {
	out := map[string]bool{}
	depth, block, first, last := 0, "", "", "" // the block at the top, words of the statement
	rest := bytes.TrimPrefix(text, []byte("\ufeff"))
	for {
		rest = skipComments(rest)
		if len(rest) == 0 {
			return out
		}
		c, n := rest[0], 1
		switch {
		case c == '"' || c == '\'':
			n = stringEnd(rest)
		case isWord(c):
			for n < len(rest) && isWord(rest[n]) {
				n++
			}
			last = string(rest[:n])
			if first == "" || first == "export" || first == "local" { // of edition 2024
				first = last
			}
		case c == '{' || c == '[' || c == '(' || c == '<':
			if depth == 0 && c == '{' {
				block = first
				if block == "message" || block == "enum" || block == "service" {
					out[last] = true
				}
			}
			if c == '{' {
				first = ""
			}
			depth++
		case c == '}' || c == ']' || c == ')' || c == '>':
			depth = max(0, depth-1)
			if c == '}' {
				first = ""
			}
		case c == '=' && depth == 1 && (block == "enum" || block == "extend") && first != "option":
			out[last] = true
		case c == ';':
			first = ""
		}
		rest = rest[n:]
	}
}

// redeclaring returns the files that declare a name which a changed file has begun
// to declare in the same package. Only the compiler can say that both are wrong, so
// it has to see both. A file that cannot be read is one of them: compiling it tells
// why.
func (d *diff) redeclaring(closure map[string]bool) []string {
	fresh := map[string]map[string]bool{} // by package
	for name := range d.changed {
		f := d.newer.files[name]
		if f == nil {
			continue
		}
		names, ok := d.newer.names(f)
		if old := d.older.files[name]; ok && old != nil && old.header.pkg == f.header.pkg {
			before, _ := d.older.names(old)
			for n := range before {
				delete(names, n)
			}
		}
		for n := range names {
			if fresh[f.header.pkg] == nil {
				fresh[f.header.pkg] = map[string]bool{}
			}
			fresh[f.header.pkg][n] = true
		}
	}
	var out []string
	for name, f := range d.newer.files {
		wanted := fresh[f.header.pkg]
		if len(wanted) == 0 || closure[name] {
			continue
		}
		names, ok := d.newer.names(f)
		for n := range names {
			ok = ok && !wanted[n]
		}
		if !ok {
			out = append(out, name)
		}
	}
	return out
}

// names returns what a file declares, and false if it cannot be read.
func (s *side) names(f *file) (map[string]bool, bool) {
	text, err := s.source.read(f.path, nil)
	if err != nil {
		return nil, false
	}
	return topNames(text), true
}
