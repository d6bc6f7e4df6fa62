package lang

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Codes of mistakes in JSON text.
const (
	CodeJSONSyntax = "JSON_SYNTAX"
	CodeJSONString = "JSON_STRING" // an escape, a control character or bytes that are not UTF-8
	CodeJSONNumber = "JSON_NUMBER"
	CodeJSONDepth  = "JSON_DEPTH"
	CodeJSONSize   = "JSON_SIZE"
)

// ParseJSON reads one JSON value that fills the whole text. Besides the JSON of
// RFC 8259 it takes a leading byte order mark and the comments // and /* */,
// which people write into schema files and which Java Avro accepts. Keys that
// occur twice are both kept. The error is an [ErrorList] with the first mistake:
// what follows a syntax error is guesswork.
func ParseJSON(path, text string) (*Value, error) {
	v, _, err := ParseJSONComments(path, text)
	return v, err
}

// ParseJSONComments is [ParseJSON] that also says where the comments are.
func ParseJSONComments(path, text string) (*Value, []Pos, error) {
	r := &jsonReader{path: path, text: text, line: 1}
	if len(text) > MaxText {
		return nil, nil, ErrorList{{
			Pos: Pos{Path: path, Line: 1, Col: 1}, Code: CodeJSONSize,
			Msg: fmt.Sprintf("the text has %d bytes; at most %d are read", len(text), MaxText),
		}}
	}
	if strings.HasPrefix(text, "\ufeff") {
		r.at = len("\ufeff")
	}
	v := r.value(0)
	r.space()
	if r.err == nil && r.at < len(text) {
		r.failf(CodeJSONSyntax, r.at, "found %s after the end of the value, expected nothing", r.found())
	}
	if r.err != nil {
		return nil, nil, ErrorList{r.err}
	}
	return v, r.comments, nil
}

// A jsonReader reads forward once. After the first mistake err is set, at stands
// at the end of the text, and every method returns at once.
type jsonReader struct {
	path      string
	text      string
	at        int
	line      int // of counted
	lineStart int // offset of the first byte of line
	counted   int // newlines before this offset are in line
	comments  []Pos
	err       *Error
}

// pos returns the span from start to end. Calls come in the order of the text,
// so counting lines is linear over the whole text.
func (r *jsonReader) pos(start, end int) Pos {
	for r.counted < start {
		i := strings.IndexByte(r.text[r.counted:start], '\n')
		if i < 0 {
			r.counted = start
			break
		}
		r.line++
		r.counted += i + 1
		r.lineStart = r.counted
	}
	return Pos{Path: r.path, Line: r.line, Col: start - r.lineStart + 1, Start: start, End: end}
}

func (r *jsonReader) failf(code string, at int, format string, args ...any) {
	if r.err != nil {
		return
	}
	end := min(at+1, len(r.text))
	r.err = &Error{Pos: r.pos(at, end), Code: code, Msg: fmt.Sprintf(format, args...)}
	r.at = len(r.text)
}

// found describes the character at the current place for a message.
func (r *jsonReader) found() string {
	if r.at >= len(r.text) {
		return "the end of the text"
	}
	c, size := utf8.DecodeRuneInString(r.text[r.at:])
	if c == utf8.RuneError && size <= 1 {
		return fmt.Sprintf("byte 0x%02x", r.text[r.at])
	}
	return fmt.Sprintf("%q", c)
}

// space skips white space and comments.
func (r *jsonReader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		case '/':
			r.comment()
		default:
			return
		}
	}
}

func (r *jsonReader) comment() {
	start, rest := r.at, r.text[r.at:]
	switch {
	case strings.HasPrefix(rest, "//"):
		end := strings.IndexAny(rest, "\r\n")
		if end < 0 {
			end = len(rest)
		}
		r.at += end
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			r.failf(CodeJSONSyntax, start, "the comment does not end; expected */")
			return
		}
		r.at += end + 4
	default:
		r.failf(CodeJSONSyntax, start, "found '/', expected a value or a comment")
		return
	}
	r.comments = append(r.comments, r.pos(start, r.at))
}

func (r *jsonReader) value(depth int) *Value {
	r.space()
	if r.err != nil {
		return nil
	}
	if r.at >= len(r.text) {
		r.failf(CodeJSONSyntax, r.at, "found the end of the text, expected a value")
		return nil
	}
	start := r.at
	switch c := r.text[start]; {
	case c == '{' || c == '[':
		if depth >= MaxDepth {
			r.failf(CodeJSONDepth, start, "arrays and objects nest more than %d deep", MaxDepth)
			return nil
		}
		v := &Value{Kind: Object, Pos: r.pos(start, start)}
		if c == '[' {
			v.Kind = Array
			r.items(v, depth+1)
		} else {
			r.members(v, depth+1)
		}
		v.Pos.End = r.at
		return v
	case c == '"':
		pos := r.pos(start, start)
		s := r.str()
		pos.End = r.at
		return &Value{Kind: String, Str: s, Pos: pos}
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	}
	return r.word()
}

// items reads the elements of v up to the closing bracket.
func (r *jsonReader) items(v *Value, depth int) {
	r.at++
	r.space()
	if r.take(']') {
		return
	}
	for r.err == nil {
		item := r.value(depth)
		if r.err != nil {
			return
		}
		v.Items = append(v.Items, item)
		r.space()
		if r.take(']') {
			return
		}
		if !r.take(',') {
			r.failf(CodeJSONSyntax, r.at, "found %s in an array, expected ',' or ']'", r.found())
		}
	}
}

// members reads the keys and values of v up to the closing brace.
func (r *jsonReader) members(v *Value, depth int) {
	r.at++
	r.space()
	if r.take('}') {
		return
	}
	for r.err == nil {
		r.space()
		if r.at >= len(r.text) || r.text[r.at] != '"' {
			r.failf(CodeJSONSyntax, r.at, "found %s in an object, expected a key in double quotes", r.found())
			return
		}
		pos := r.pos(r.at, r.at)
		key := r.str()
		pos.End = r.at
		r.space()
		if !r.take(':') {
			r.failf(CodeJSONSyntax, r.at, "found %s after the key %q, expected ':'", r.found(), key)
			return
		}
		val := r.value(depth)
		if r.err != nil {
			return
		}
		v.Members = append(v.Members, Member{Key: key, KeyPos: pos, Value: val})
		r.space()
		if r.take('}') {
			return
		}
		if !r.take(',') {
			r.failf(CodeJSONSyntax, r.at, "found %s in an object, expected ',' or '}'", r.found())
		}
	}
}

func (r *jsonReader) take(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

// word reads true, false or null.
func (r *jsonReader) word() *Value {
	start, end := r.at, r.at
	for end < len(r.text) && isWordByte(r.text[end]) {
		end++
	}
	pos := r.pos(start, end)
	switch w := r.text[start:end]; w {
	case "true", "false":
		r.at = end
		return &Value{Kind: Bool, Bool: w == "true", Pos: pos}
	case "null":
		r.at = end
		return &Value{Kind: Null, Pos: pos}
	case "":
		r.failf(CodeJSONSyntax, start, "found %s, expected a value", r.found())
	default:
		r.failf(CodeJSONSyntax, start, "found %.40q, expected a value", w)
		r.err.Pos.End = end
	}
	return nil
}

func isWordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// number reads a number as RFC 8259 spells it and keeps its digits.
func (r *jsonReader) number() *Value {
	start := r.at
	digits := func(what string) {
		if r.err == nil && (r.at >= len(r.text) || !isDigit(r.text[r.at])) {
			r.failf(CodeJSONNumber, r.at, "found %s in a number, expected %s", r.found(), what)
		}
		for r.at < len(r.text) && isDigit(r.text[r.at]) {
			r.at++
		}
	}
	pos := r.pos(start, start)
	r.take('-')
	if r.take('0') {
		if r.at < len(r.text) && isDigit(r.text[r.at]) {
			r.failf(CodeJSONNumber, start, "a number begins with 0, expected no leading zeros")
		}
	} else {
		digits("a digit")
	}
	if r.take('.') {
		digits("a digit after the point")
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		digits("a digit of the exponent")
	}
	if r.err == nil && r.at < len(r.text) && isWordByte(r.text[r.at]) {
		r.failf(CodeJSONNumber, r.at, "found %s after a number, expected ',' or the end of the value", r.found())
	}
	if r.err != nil {
		return nil
	}
	pos.End = r.at
	return &Value{Kind: Number, Str: r.text[start:r.at], Pos: pos}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// str reads a string in double quotes and returns what it means. A string
// without escapes shares the memory of the text.
func (r *jsonReader) str() string {
	open := r.at
	r.at++
	start := r.at
	var buf []byte
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case c == '"':
			s := r.text[start:r.at]
			r.at++
			if buf != nil {
				return string(append(buf, s...))
			}
			return s
		case c == '\\':
			buf = append(buf, r.text[start:r.at]...)
			buf = r.escape(buf)
			start = r.at
		case c < ' ':
			r.failf(CodeJSONString, r.at, "a string holds the control character 0x%02x, expected an escape such as \\u%04x", c, c)
		case c < utf8.RuneSelf:
			r.at++
		default:
			_, size := utf8.DecodeRuneInString(r.text[r.at:])
			if size == 1 {
				r.failf(CodeJSONString, r.at, "a string holds byte 0x%02x, expected UTF-8", c)
				return ""
			}
			r.at += size
		}
	}
	r.failf(CodeJSONSyntax, open, "the string does not end; expected '\"'")
	return ""
}

// escape decodes the escape at the current place and appends what it means.
func (r *jsonReader) escape(buf []byte) []byte {
	at := r.at
	if at+1 >= len(r.text) {
		r.at = len(r.text) // str reports that the string does not end
		return buf
	}
	r.at += 2
	switch c := r.text[at+1]; c {
	case '"', '\\', '/':
		return append(buf, c)
	case 'b':
		return append(buf, '\b')
	case 'f':
		return append(buf, '\f')
	case 'n':
		return append(buf, '\n')
	case 'r':
		return append(buf, '\r')
	case 't':
		return append(buf, '\t')
	case 'u':
		u := r.hex4(at)
		if r.err != nil {
			return buf
		}
		if !utf16.IsSurrogate(u) {
			return utf8.AppendRune(buf, u)
		}
		if strings.HasPrefix(r.text[r.at:], `\u`) {
			second := r.at
			r.at += 2
			if full := utf16.DecodeRune(u, r.hex4(second)); r.err == nil && full != utf8.RuneError {
				return utf8.AppendRune(buf, full)
			}
		}
		r.failf(CodeJSONString, at, "\\u%04x is half of a surrogate pair, expected both halves", u)
		return buf
	}
	r.failf(CodeJSONString, at, "a backslash stands before a character that needs none, expected one of \" \\ / b f n r t u")
	return buf
}

// hex4 reads the four hexadecimal digits of the escape that began at the given
// offset.
func (r *jsonReader) hex4(at int) rune {
	if r.at+4 > len(r.text) {
		r.failf(CodeJSONString, at, "\\u is followed by the end of the text, expected four hexadecimal digits")
		return 0
	}
	var u rune
	for _, c := range []byte(r.text[r.at : r.at+4]) {
		switch {
		case isDigit(c):
			u = u<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			u = u<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			u = u<<4 | rune(c-'A'+10)
		default:
			r.failf(CodeJSONString, at, "\\u is followed by %q, expected four hexadecimal digits", r.text[r.at:r.at+4])
			return 0
		}
	}
	r.at += 4
	return u
}
