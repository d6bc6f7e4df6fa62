package dlq

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	uuids   = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	words   = regexp.MustCompile(`[0-9A-Za-z]+`)
	digits  = regexp.MustCompile(`[0-9]+`)
	numbers = regexp.MustCompile(`#[#.]*#`)
	isHex   = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+|[0-9a-fA-F]{8,})$`)
)

// longWord is how long a word with digits in it is taken for an id of something.
const longWord = 12

// ErrorClass returns what errors have in common that differ in names and numbers
// only: of the first line, what is in quotes, numbers and ids become #. The class
// of a class is itself.
func ErrorClass(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = foldQuoted(strings.Join(strings.Fields(line), " "))
	line = uuids.ReplaceAllString(line, "#")
	line = words.ReplaceAllStringFunc(line, func(w string) string {
		switch {
		case !digits.MatchString(w):
			return w
		case isHex.MatchString(w), len(w) >= longWord:
			return "#"
		}
		return digits.ReplaceAllString(w, "#")
	})
	return numbers.ReplaceAllString(line, "#")
}

// foldQuoted replaces what stands between two quotes of a kind. A quote after a
// letter or a digit opens nothing: it is an apostrophe.
func foldQuoted(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		out.WriteByte(c)
		if c != '"' && c != '\'' && c != '`' || i > 0 && isWordByte(s[i-1]) {
			continue
		}
		if end := closing(s, i); end > 0 {
			out.WriteByte('#')
			out.WriteByte(c)
			i = end
		}
	}
	return out.String()
}

// closing returns where the quote that opens at i is closed; 0 if nowhere.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '\\' && s[i] != '`':
			j++
		case s[j] == s[i] && (s[i] != '\'' || j+1 == len(s) || !isWordByte(s[j+1])):
			return j
		}
	}
	return 0
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 || c == '_' || c == '#'
}

// A Group is letters that have a name in common, such as their [ErrorClass].
type Group struct {
	Name        string
	Count       int
	Pending     int       // of these, not replayed yet
	First, Last time.Time // of their deaths
	Example     Letter    // the last to die
}

// A Tally counts letters by a name. The zero value is empty.
type Tally struct{ groups map[string]*Group }

// Add counts l under a name.
func (t *Tally) Add(name string, l Letter) {
	if t.groups == nil {
		t.groups = map[string]*Group{}
	}
	g := t.groups[name]
	if g == nil {
		g = &Group{Name: name, First: l.DeadAt}
		t.groups[name] = g
	}
	g.Count++
	if l.Replayed == 0 {
		g.Pending++
	}
	if l.DeadAt.Before(g.First) {
		g.First = l.DeadAt
	}
	if g.Count == 1 || !l.DeadAt.Before(g.Last) {
		g.Last, g.Example = l.DeadAt, l
	}
}

// Groups returns the groups, the largest first.
func (t *Tally) Groups() []Group {
	out := make([]Group, 0, len(t.groups))
	for _, g := range t.groups {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return out
}
