package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
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

// maxSize bounds the settings file; real ones are a few kilobytes.
const maxSize = 1 << 20

// Parse reads the settings in text. The path is for messages and for Dir.
func Parse(path, text string) (*Config, error) {
	c := &Config{Path: path, Dir: filepath.Dir(path), text: text, index: map[string]Place{}}
	if len(text) > maxSize {
		return nil, Errors{{Path: path, Msg: fmt.Sprintf("%d bytes are more than the %d that a settings file may have", len(text), maxSize)}}
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, Errors{c.syntaxError(err)}
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, Errors{{Path: path, Msg: "expected one YAML document with version: 1"}}
	}
	w := &walker{c: c}
	w.walk(file.Docs[0].Body, "", configType)
	if len(w.errs) == 0 {
		if err := yaml.NodeToValue(file.Docs[0].Body, c); err != nil {
			w.errs = append(w.errs, c.syntaxError(err))
		}
	}
	if len(w.errs) == 0 {
		c.defaults()
		w.errs = c.validate()
	}
	if len(w.errs) > 0 {
		slices.SortStableFunc(w.errs, func(a, b *Error) int {
			return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Col, b.Place.Col))
		})
		return nil, w.errs
	}
	return c, nil
}

// Place returns where a key stands, such as "events[2].topic", or the zero Place.
func (c *Config) Place(key string) Place { return c.index[key] }

var positionPrefix = regexp.MustCompile(`^\[(\d+):(\d+)\] `)

// syntaxError turns an error of the YAML library, which prints its place and an
// excerpt, into one of ours.
func (c *Config) syntaxError(err error) *Error {
	msg, _, _ := strings.Cut(err.Error(), "\n")
	place := Place{}
	if m := positionPrefix.FindStringSubmatch(msg); m != nil {
		place.Line, _ = strconv.Atoi(m[1])
		place.Col, _ = strconv.Atoi(m[2])
		msg = msg[len(m[0]):]
	}
	return c.errorAt(place, "%s", msg)
}

func (c *Config) errorAt(p Place, format string, args ...any) *Error {
	e := &Error{Path: c.Path, Place: p, Msg: fmt.Sprintf(format, args...)}
	if lines := strings.Split(c.text, "\n"); p.Line > 0 && p.Line <= len(lines) {
		e.line = strings.TrimRight(lines[p.Line-1], "\r")
	}
	return e
}

func (c *Config) defaults() {
	c.Schemas = cmp.Or(c.Schemas, "schemas")
	c.Generate.Out = cmp.Or(c.Generate.Out, "gen")
	c.Subjects.Naming = cmp.Or(c.Subjects.Naming, "topic-record")
	c.Subjects.Compatibility = cmp.Or(c.Subjects.Compatibility, "BACKWARD_TRANSITIVE")
	c.Check.FailOn = cmp.Or(c.Check.FailOn, "error")
}

// validate checks what the shape of the file cannot say.
func (c *Config) validate() Errors {
	var errs Errors
	bad := func(key, format string, args ...any) {
		errs = append(errs, c.errorAt(c.index[key], format, args...))
	}
	if c.Version != 1 {
		bad("version", "version is %d; this program reads version 1", c.Version)
	}
	for _, dir := range []struct{ key, value string }{{"schemas", c.Schemas}, {"generate.out", c.Generate.Out}} {
		if !filepath.IsLocal(filepath.FromSlash(dir.value)) {
			bad(dir.key, "%s is %q; expected a folder below this file", dir.key, dir.value)
		}
	}
	type use struct{ schema, message, topic string }
	seen := map[use]int{}
	for i, e := range c.Events {
		key := fmt.Sprintf("events[%d]", i)
		if e.Schema == "" {
			bad(key, "event has no schema; expected a file below %s", c.Schemas)
		} else if !filepath.IsLocal(filepath.FromSlash(e.Schema)) {
			bad(key+".schema", "schema is %q; expected a path below %s", e.Schema, c.Schemas)
		}
		if e.Topic == "" {
			bad(key, "event has no topic")
		}
		u := use{e.Schema, e.Message, e.Topic}
		if first, ok := seen[u]; ok {
			bad(key, "the same event on the same topic as entry %d", first+1)
		}
		seen[u] = i
	}
	for i, w := range c.Check.Waivers {
		key := fmt.Sprintf("check.waivers[%d]", i)
		if w.ID == "" || w.Reason == "" || w.Owner == "" {
			bad(key, "a waiver needs id, reason, owner and until")
		}
		if _, err := time.Parse(time.DateOnly, w.Until); err != nil {
			bad(key, "until is %q; expected a day such as 2027-01-31", w.Until)
		}
	}
	return errs
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// place returns where a node starts.
func place(n ast.Node) Place {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Place{}
	}
	p := n.GetToken().Position
	return Place{p.Line, p.Column}
}
