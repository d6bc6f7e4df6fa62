package protorules

import (
	"strings"
	"unicode"
)

func isDelimiter(c rune) bool { return strings.ContainsRune(".-_ \t\n\r", c) }

// pascalCase writes a name in PascalCase as Buf does: capitals stay, so that it is
// no translation of UPPER_SNAKE_CASE.
func pascalCase(name string) string {
	var out strings.Builder
	start := true
	for _, c := range strings.TrimSpace(name) {
		if isDelimiter(c) {
			start = true
			continue
		}
		if start {
			c = unicode.ToUpper(c)
		}
		start = false
		out.WriteRune(c)
	}
	return out.String()
}

// snakeCase splits a name into words joined by underscores and keeps the case of
// the letters. A word begins at a capital behind a small letter, and at a capital
// before one; digits belong to the word in front of them.
func snakeCase(name string) string {
	var out []rune
	runes := []rune(strings.TrimFunc(name, isDelimiter))
	for i, c := range runes {
		if isDelimiter(c) {
			c = '_'
		}
		joined := i > 0 && out[len(out)-1] == '_'
		switch {
		case c == '_' && joined:
			continue
		case i > 0 && unicode.IsUpper(c) && !joined && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && inWord(runes[i+1])):
			out = append(out, '_')
		}
		out = append(out, c)
	}
	return string(out)
}

func inWord(c rune) bool { return !unicode.IsUpper(c) && !unicode.IsDigit(c) && !isDelimiter(c) }

func lowerSnakeCase(name string) string { return strings.ToLower(snakeCase(name)) }
func upperSnakeCase(name string) string { return strings.ToUpper(snakeCase(name)) }
