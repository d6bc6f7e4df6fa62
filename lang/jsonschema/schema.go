package jsonschema

import (
	"errors"
	"sync"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wireproof/wireproof/lang"
)

// A Schema is a text that has been read. It does not change and may be used by
// several goroutines.
type Schema struct {
	source    lang.Source
	draft     Draft
	text      *lang.Value // the schema, each key once
	canonical string
	universe  *universe

	buildTree sync.Once
	tree      *Node

	compileOnce sync.Once
	compiled    *v6.Schema
	compileErr  error
}

// Language returns JSON Schema as a language.
func Language() lang.Language { return language{} }

type language struct{}

func (language) Type() lang.Type { return lang.JSON }

func (language) Parse(src lang.Source) (lang.Schema, error) {
	s, err := Parse(src)
	if err != nil {
		return nil, err // not s: an interface that holds a nil pointer is not nil
	}
	return s, nil
}

// Parse reads one schema with the references that it leads to. The error is a
// [lang.ErrorList]. Parse keeps nothing of src but its strings, and nothing
// between calls.
func Parse(src lang.Source) (*Schema, error) {
	u := &universe{
		byURI: map[string]*resource{}, sources: map[string]*lang.Source{},
		places: map[*lang.Value]place{}, refs: map[*lang.Value]*lang.Value{},
		indexes: map[*lang.Value]map[string]*lang.Value{}, table: applicators(),
	}
	doc, err := u.enter(&src, home)
	if err != nil {
		return nil, err
	}
	if err := u.addSources(u.places[doc.root].resource.uri, src.References); err != nil {
		return nil, err
	}
	if err := u.check(doc.root); err != nil {
		return nil, err
	}
	u.indexes = nil
	s := &Schema{source: src, draft: doc.draft, text: distinct(doc.root, false), universe: u}
	s.canonical = string(s.text.AppendJSON(nil))
	return s, nil
}

// addSources gives every reference its address, depth first; the first text for
// a name wins, as in the registry protocol.
func (u *universe) addSources(base string, refs []lang.Reference) error {
	seen := map[*lang.Source]bool{}
	var add func(refs []lang.Reference) error
	add = func(refs []lang.Reference) error {
		for _, r := range refs {
			if r.Source == nil || seen[r.Source] {
				continue
			}
			if len(seen) >= lang.MaxReferences {
				return mistake(lang.Pos{Path: r.Source.Path}, CodeTooMany,
					"the reference %q is one too many; at most %d texts are drawn in", short(r.Name), lang.MaxReferences)
			}
			seen[r.Source] = true
			if err := add(r.Source.References); err != nil {
				return err
			}
			uri, _, ok := join(base, r.Name)
			for _, name := range []string{r.Name, uri} {
				if _, taken := u.sources[name]; ok && !taken {
					u.sources[name] = r.Source
				}
			}
		}
		return nil
	}
	return add(refs)
}

// check reports references and expressions that are wrong, in v and in whatever
// it leads to.
func (u *universe) check(root *lang.Value) error {
	var out lang.ErrorList
	checked := map[*lang.Value]bool{}
	queue := []*lang.Value{root}
	for len(queue) > 0 && len(out) < maxMistakes {
		v := queue[0]
		queue = queue[1:]
		if checked[v] {
			continue
		}
		checked[v] = true
		at := u.places[v]
		out = append(out, patterns(v)...)
		if ref := refOf(v, at.resource.doc.draft); ref != nil {
			to, err := u.target(at, ref.Str)
			var nowhere errNowhere
			switch {
			case errors.As(err, &nowhere):
				out = append(out, &lang.Error{Pos: ref.Pos, Code: CodeRef,
					Msg: "the reference " + quote(ref.Str) + " at #" + short(at.pointer) + " leads nowhere: " + nowhere.why})
			case err != nil:
				return err
			default:
				u.refs[v] = to
				if to != nil {
					queue = append(queue, to)
				}
			}
		}
		at.resource.doc.draft.eachChild(v, u.table, func(child *lang.Value, _ ...string) {
			if isSchema(child) {
				queue = append(queue, child)
			}
		})
	}
	if err := out.Err(); err != nil {
		return err
	}
	for _, v := range u.extra {
		if err := u.obeys(v, u.places[v].resource.doc.draft); err != nil {
			return err
		}
	}
	return u.loops()
}

// refOf returns the reference of a schema, or nil. A dynamic one leads, as far
// as anybody can know beforehand, to where a plain one would.
func refOf(v *lang.Value, d Draft) *lang.Value {
	for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if ref := v.Get(key); ref != nil && ref.Kind == lang.String && (key == "$ref" || !d.refAlone()) {
			return ref
		}
	}
	return nil
}

// loops reports references that lead to themselves with nothing on the way: a
// schema that says nothing, not even "anything".
func (u *universe) loops() error {
	var first *lang.Value // of the loops, the one that the text has first
	done := map[*lang.Value]bool{}
	for start := range u.refs {
		onWay := map[*lang.Value]bool{}
		for v := start; v != nil && !done[v] && u.onlyRef(v); v = u.refs[v] {
			if onWay[v] {
				for w := range onWay {
					if first == nil || u.before(w, first) {
						first = w
					}
				}
				break
			}
			onWay[v] = true
		}
		for v := range onWay {
			done[v] = true
		}
	}
	if first == nil {
		return nil
	}
	return mistake(first.Pos, CodeRefLoop, "the reference at #%s leads only to itself", short(u.places[first].pointer))
}

// before orders schemas by text and position.
func (u *universe) before(a, b *lang.Value) bool {
	x, y := u.places[a].resource.doc.number, u.places[b].resource.doc.number
	return x < y || x == y && a.Pos.Start < b.Pos.Start
}

// onlyRef reports whether a schema is a reference and nothing else.
func (u *universe) onlyRef(v *lang.Value) bool {
	if _, ok := u.refs[v]; !ok {
		return false
	}
	if u.places[v].resource.doc.draft.refAlone() {
		return true
	}
	for _, m := range v.Members {
		if !isAnnotation(m.Key) && m.Key != "$ref" && m.Key != "$dynamicRef" && m.Key != "$recursiveRef" {
			return false
		}
	}
	return true
}

// isAnnotation reports whether a keyword says nothing about which values fit.
func isAnnotation(key string) bool {
	switch key {
	case "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment", "$defs", "definitions",
		"$vocabulary", "title", "description", "default", "examples", "readOnly", "writeOnly", "deprecated":
		return true
	}
	return false
}

// patterns reports the regular expressions of one schema that are none.
func patterns(v *lang.Value) lang.ErrorList {
	var out lang.ErrorList
	check := func(p string, pos lang.Pos) {
		if len(out) == maxMistakes {
			return
		}
		if err := checkPattern(p); err != nil && !errors.Is(err, errForeign) {
			out = append(out, &lang.Error{Pos: pos, Code: CodePattern,
				Msg: "found " + quote(p) + ", expected a regular expression: " + short(err.Error()), Err: err})
		}
	}
	if p := v.Get("pattern"); p != nil && p.Kind == lang.String {
		check(p.Str, p.Pos)
	}
	if held := v.Get("patternProperties"); held != nil {
		for _, m := range held.Members {
			check(m.Key, m.KeyPos)
		}
	}
	return out
}

// Source returns what was read.
func (s *Schema) Source() lang.Source { return s.source }

// Draft returns the draft that the schema is read as.
func (s *Schema) Draft() Draft { return s.draft }

// Canonical returns the schema as compact JSON. Keys keep their order, numbers
// their digits, and no character is escaped that need not be.
func (s *Schema) Canonical() string { return s.canonical }

// Normalized returns the canonical text with the keys of all objects in order.
func (s *Schema) Normalized() string { return string(distinct(s.text, true).AppendJSON(nil)) }

// TopLevelFields returns the names of the properties of the whole schema, in the
// order of the text.
func (s *Schema) TopLevelFields() []string {
	held := s.text.Get("properties")
	if held == nil {
		return nil
	}
	out := make([]string, len(held.Members))
	for i, m := range held.Members {
		out[i] = m.Key
	}
	return out
}
