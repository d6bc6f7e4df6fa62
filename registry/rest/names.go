package rest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// exactNames blanks the names of fields in JSON that encoding/json would take
// for those of t although their case differs: to the protocol they are fields
// that nobody knows, and whoever stands in front of the server must not read
// another body than the server does. What is no JSON is left to the decoder.
func exactNames(data []byte, t reflect.Type) {
	s := nameScanner{data: data}
	s.value(t)
}

// A nameScanner walks JSON as far as types go. Its methods report whether there
// is more to read.
type nameScanner struct {
	data []byte
	at   int
}

// space skips to the next token and returns its first byte, or 0 at the end.
func (s *nameScanner) space() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// text returns what is between the quotes of the string here, as it is written.
func (s *nameScanner) text() ([]byte, bool) {
	start := s.at + 1
	for i := start; i < len(s.data); i++ {
		switch s.data[i] {
		case '\\':
			i++
		case '"':
			s.at = i + 1
			return s.data[start:i], true
		}
	}
	s.at = len(s.data)
	return nil, false
}

// value reads one value; t is nil for one whose names mean nothing.
func (s *nameScanner) value(t reflect.Type) bool {
	t = held(t)
	c := s.space()
	switch {
	case c == '{' && t != nil && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		return s.object(t)
	case c == '[' && t != nil && t.Kind() == reflect.Slice:
		return s.list(t.Elem())
	}
	return s.skip()
}

func (s *nameScanner) object(t reflect.Type) bool {
	s.at++
	for {
		if c := s.space(); c == '}' {
			s.at++
			return true
		} else if c == ',' {
			s.at++
			continue
		} else if c != '"' {
			return false
		}
		name, ok := s.text()
		if !ok || s.space() != ':' {
			return false
		}
		s.at++
		var of reflect.Type
		if t.Kind() == reflect.Map {
			of = t.Elem()
		} else {
			of = field(t, name)
		}
		if !s.value(of) {
			return false
		}
	}
}

func (s *nameScanner) list(of reflect.Type) bool {
	s.at++
	for {
		switch s.space() {
		case ']':
			s.at++
			return true
		case ',':
			s.at++
			continue
		}
		if !s.value(of) {
			return false
		}
	}
}

// skip reads a value without looking into it, however deep it is.
func (s *nameScanner) skip() bool {
	depth, start := 0, s.at
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case '"':
			if _, ok := s.text(); !ok {
				return false
			}
			if depth == 0 {
				return true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return s.at > start
			}
			if s.data[s.at] != ',' {
				depth--
				if depth == 0 {
					s.at++
					return true
				}
			}
		}
		s.at++
	}
	return false
}

// field returns the type of the field with a name, and blanks a name that is one
// but for its case.
func field(t reflect.Type, name []byte) reflect.Type {
	fields := fieldsOf(t)
	plain := string(name)
	if bytes.IndexByte(name, '\\') >= 0 {
		if json.Unmarshal([]byte(`"`+plain+`"`), &plain) != nil {
			return nil
		}
	}
	if of, ok := fields[plain]; ok {
		return of
	}
	for known := range fields {
		if strings.EqualFold(known, plain) {
			for i := range name {
				name[i] = '_'
			}
			break
		}
	}
	return nil
}

var knownFields sync.Map // of reflect.Type to map[string]reflect.Type

// fieldsOf returns the fields of a struct by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := knownFields.Load(t); ok {
		return known.(map[string]reflect.Type)
	}
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out[name] = t.Field(i).Type
	}
	known, _ := knownFields.LoadOrStore(t, out)
	return known.(map[string]reflect.Type)
}

// held returns what a pointer or a field of an update holds.
func held(t reflect.Type) reflect.Type {
	for t != nil {
		if value, ok := optional(t); ok {
			t = value
		} else if t.Kind() == reflect.Pointer {
			t = t.Elem()
		} else {
			break
		}
	}
	return t
}

// optional returns the type of the value of an api.Field, which reads itself.
func optional(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct || !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil, false
	}
	value, ok := t.FieldByName("Value")
	return value.Type, ok
}
