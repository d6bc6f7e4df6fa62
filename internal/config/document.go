package config

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A Place is where a key or value stands: line and column from 1.
type Place struct{ Line, Col int }

// An Error is a mistake in the settings.
type Error struct {
	Path  string
	Place Place
	Msg   string
	line  string // the text of the line, for the caret
}

func (e *Error) Error() string {
	if e.Place.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Msg)
	}
	s := fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Place.Line, e.Place.Col, e.Msg)
	if e.line == "" {
		return s
	}
	caret := strings.Repeat(" ", max(0, e.Place.Col-1)) + "^"
	return s + "\n    " + e.line + "\n    " + caret
}

// Errors is every mistake found in one file.
type Errors []*Error

func (l Errors) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the mistakes in the order of their places.
func (l Errors) sorted() Errors {
	slices.SortStableFunc(l, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Col, b.Place.Col))
	})
	return l
}

// maxSize bounds a settings file; real ones are a few kilobytes.
const maxSize = 1 << 20

// A document is the text of a settings file and where its keys stand.
type document struct {
	path, text string
	index      map[string]Place // by key, such as events[2].topic
}

// readDocument parses text, which must have the shape of type t. The path is for
// messages; empty is the complaint about a text without a document.
func readDocument(path, text, empty string, t reflect.Type) (*document, ast.Node, Errors) {
	d := &document{path: path, text: text, index: map[string]Place{}}
	if len(text) > maxSize {
		return d, nil, Errors{{Path: path, Msg: fmt.Sprintf("%d bytes are more than the %d that a settings file may have", len(text), maxSize)}}
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return d, nil, Errors{d.syntaxError(err)}
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return d, nil, Errors{{Path: path, Msg: empty}}
	}
	w := &walker{doc: d}
	w.walk(file.Docs[0].Body, "", t)
	return d, file.Docs[0].Body, w.errs
}

var positionPrefix = regexp.MustCompile(`^\[(\d+):(\d+)\] `)

// syntaxError turns an error of the YAML library, which prints its place and an
// excerpt, into one of ours.
func (d *document) syntaxError(err error) *Error {
	msg, _, _ := strings.Cut(err.Error(), "\n")
	place := Place{}
	if m := positionPrefix.FindStringSubmatch(msg); m != nil {
		place.Line, _ = strconv.Atoi(m[1])
		place.Col, _ = strconv.Atoi(m[2])
		msg = msg[len(m[0]):]
	}
	return d.errorAt(place, "%s", msg)
}

func (d *document) errorAt(p Place, format string, args ...any) *Error {
	e := &Error{Path: d.path, Place: p, Msg: fmt.Sprintf(format, args...)}
	if lines := strings.Split(d.text, "\n"); p.Line > 0 && p.Line <= len(lines) {
		e.line = strings.TrimRight(lines[p.Line-1], "\r")
	}
	return e
}

// place returns where a node starts.
func place(n ast.Node) Place {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Place{}
	}
	p := n.GetToken().Position
	return Place{p.Line, p.Column}
}
