package codec

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of an outline. Schemas come from the registry, which other people
// write to.
const (
	maxOutlineText     = 16 << 20
	maxOutlineDepth    = maxIndexes
	maxOutlineMessages = 1 << 16
	maxHead            = 64 // words of a statement that are looked at
)

// A message is where a Protobuf message stands in its file.
type message struct {
	name string // full name
	path []int
	// withEntries is the path if the hidden message of each map field counts
	// too, as it does for writers that count in a descriptor; nil if it is path.
	withEntries []int
}

// outline lists the messages of a .proto file with all that are nested in
// them, in the order of the text. It is no compiler: of everything that is not
// a message it only finds the end, so a consumer can name what is behind a
// message index without linking a compiler. Groups are messages; the hidden
// messages of map fields are not.
func outline(text string) ([]message, error) {
	if len(text) > maxOutlineText {
		return nil, fmt.Errorf("file has %d bytes, expected at most %d", len(text), maxOutlineText)
	}
	o := outliner{words: words{text: text}}
	if err := o.body(&scope{}, 0); err != nil {
		return nil, fmt.Errorf("line %d: %w", 1+strings.Count(text[:o.words.at], "\n"), err)
	}
	if o.pkg != "" {
		for i := range o.found {
			o.found[i].name = o.pkg + "." + o.found[i].name
		}
	}
	return o.found, nil
}

type outliner struct {
	words words
	pkg   string
	found []message
}

// A scope is a file or a message: what messages can be nested in.
type scope struct {
	name              string // without the package; "" for the file
	path, withEntries []int
	messages, entries int // nested here so far
}

var errEnd = errors.New("file ends inside a block")

// body reads statements up to the brace that closes the scope, or the end of
// the file. Blocks whose messages belong to the scope around them (oneof,
// extend) are read as bodies of that same scope.
func (o *outliner) body(in *scope, depth int) error {
	if depth > maxOutlineDepth {
		return fmt.Errorf("blocks are nested more than %d deep", maxOutlineDepth)
	}
	for {
		head, end, err := o.statement()
		if err != nil {
			return err
		}
		switch end {
		case "":
			if depth > 0 || len(head) > 0 {
				return errEnd
			}
			return nil
		case "}":
			if depth == 0 {
				return errors.New("brace closes nothing")
			}
			return nil
		case ";":
			o.simple(in, head, depth)
		case "{":
			if err := o.block(in, head, depth); err != nil {
				return err
			}
		}
	}
}

// statement reads to the end of a statement or the start of its block, and
// returns its first words and what ended it: ; { } or "" for the end.
func (o *outliner) statement() (head []string, end string, err error) {
	for brackets := 0; ; {
		word, err := o.words.next()
		if err != nil {
			return nil, "", err
		}
		switch {
		case word == "":
			return head, "", nil
		case word == "[":
			brackets++
		case word == "]":
			brackets = max(0, brackets-1)
		case brackets > 0:
		case word == ";", word == "{", word == "}":
			return head, word, nil
		case len(head) < maxHead:
			head = append(head, word)
		}
	}
}

func (o *outliner) simple(in *scope, head []string, depth int) {
	if len(head) < 2 {
		return
	}
	switch {
	case head[0] == "package" && depth == 0:
		o.pkg = strings.Join(head[1:], "")
	case head[0] == "map" && head[1] == "<":
		in.entries++
	}
}

func (o *outliner) block(in *scope, head []string, depth int) error {
	if len(head) > 2 && (head[0] == "export" || head[0] == "local") {
		head = head[1:] // visibility, since edition 2024
	}
	if name, ok := messageName(head); ok {
		nested, err := o.message(in, name)
		if err != nil {
			return err
		}
		return o.body(nested, depth+1)
	}
	if len(head) > 1 && (head[0] == "oneof" || head[0] == "extend") {
		return o.body(in, depth+1)
	}
	return o.skip()
}

// messageName returns the name of the message that a block with the given head
// declares.
func messageName(head []string) (string, bool) {
	if len(head) == 2 && head[0] == "message" {
		return head[1], true
	}
	for i := range min(2, len(head)) { // a group has a label, or none in a oneof
		if head[i] == "group" && len(head) > i+2 && head[i+2] == "=" {
			return head[i+1], true
		}
	}
	return "", false
}

func (o *outliner) message(in *scope, name string) (*scope, error) {
	if len(o.found) == maxOutlineMessages {
		return nil, fmt.Errorf("file has more than %d messages", maxOutlineMessages)
	}
	nested := &scope{
		name:        name,
		path:        append(in.path[:len(in.path):len(in.path)], in.messages),
		withEntries: append(in.withEntries[:len(in.withEntries):len(in.withEntries)], in.messages+in.entries),
	}
	in.messages++
	if in.name != "" {
		nested.name = in.name + "." + name
	}
	m := message{name: nested.name, path: nested.path}
	for i := range m.path {
		if nested.path[i] != nested.withEntries[i] {
			m.withEntries = nested.withEntries
		}
	}
	o.found = append(o.found, m)
	return nested, nil
}

// skip reads to the end of a block that declares no message. An option whose
// value is a block goes on to a semicolon, which is then an empty statement.
func (o *outliner) skip() error {
	for open := 1; open > 0; {
		word, err := o.words.next()
		if err != nil {
			return err
		}
		switch word {
		case "":
			return errEnd
		case "{":
			open++
		case "}":
			open--
		}
	}
	return nil
}

// words splits the text of a .proto file into names, numbers, strings and
// single signs, without comments and space.
type words struct {
	text string
	at   int
}

// next returns the next word, or "" at the end. A string keeps its quotes, so
// it cannot be taken for anything else.
func (w *words) next() (string, error) {
	if err := w.space(); err != nil || w.at == len(w.text) {
		return "", err
	}
	start := w.at
	switch c := w.text[start]; {
	case c == '"' || c == '\'':
		return w.quoted(c)
	case isWordByte(c):
		for w.at < len(w.text) && isWordByte(w.text[w.at]) {
			w.at++
		}
	default:
		w.at++
	}
	return w.text[start:w.at], nil
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

func (w *words) quoted(quote byte) (string, error) {
	for i := w.at + 1; i < len(w.text); i++ {
		switch w.text[i] {
		case '\\':
			i++
		case '\n':
			return "", errors.New("string is not closed on its line")
		case quote:
			start := w.at
			w.at = i + 1
			return w.text[start:w.at], nil
		}
	}
	return "", errors.New("string is not closed")
}

func (w *words) space() error {
	for w.at < len(w.text) {
		rest := w.text[w.at:]
		switch {
		case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
			w.at++
		case strings.HasPrefix(rest, "\xef\xbb\xbf") && w.at == 0:
			w.at += 3
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			w.at += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return errors.New("comment is not closed")
			}
			w.at += end + 4
		default:
			return nil
		}
	}
	return nil
}
