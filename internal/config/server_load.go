package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// ServerPrefix begins the names of the environment variables of settings.
const ServerPrefix = "WIREPROOF_SERVE_"

// A Setting is one setting as text, and where it comes from.
type Setting struct{ Key, Value, Origin string }

// A ServerSource says from where the settings of a server are read. Flags beat
// the environment, which beats the file, which beats the defaults; in the
// environment WIREPROOF_SERVE_ beats SCHEMA_REGISTRY_.
type ServerSource struct {
	Path  string    // of the settings file; empty means none
	Dir   string    // to which paths from elsewhere than the file are relative
	Env   []string  // as os.Environ has it
	Flags []Setting // in order; a later one replaces an earlier one
}

// LoadServer reads and checks the settings of a server. Mistakes in the file are
// an [Errors]; all others name the variable or the flag.
func LoadServer(src ServerSource) (*Server, error) {
	s := &Server{origins: map[string]string{}, doc: &document{path: src.Path, index: map[string]Place{}}}
	for _, k := range serverKeys() {
		if text, ok := k.field.Tag.Lookup("default"); ok {
			if err := s.set(k, text, src.Dir); err != nil {
				return nil, fmt.Errorf("default of %s is %w", k.name, err)
			}
		}
	}
	if src.Path != "" {
		if err := s.readFile(src.Path); err != nil {
			return nil, err
		}
	}
	var errs []error
	env := environment(src.Env)
	confluent, warnings, err := fromConfluent(env)
	s.warnings = warnings
	errs = append(errs, err)
	own, err := fromOwn(env)
	errs = append(errs, err)
	for _, layer := range [][]Setting{confluent, own, src.Flags} {
		for _, given := range layer {
			errs = append(errs, s.apply(given, src.Dir))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// Warnings are what the environment says and this server does not heed.
func (s *Server) Warnings() []string { return slices.Clone(s.warnings) }

// readFile sets what the file says.
func (s *Server) readFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the settings of the server: %w", err)
	}
	doc, body, errs := readDocument(path, string(text), "expected one YAML document, such as listen: 127.0.0.1:8081", serverType)
	s.doc = doc
	if len(errs) > 0 {
		return errs.sorted()
	}
	l := &loader{s: s, doc: doc, dir: filepath.Dir(path)}
	l.assign(reflect.ValueOf(s).Elem(), body, "", reflect.StructField{})
	if len(l.errs) > 0 {
		return l.errs.sorted()
	}
	return nil
}

// A loader sets values from a document whose shape is right.
type loader struct {
	s    *Server
	doc  *document
	dir  string
	errs Errors
}

func (l *loader) assign(v reflect.Value, n ast.Node, path string, f reflect.StructField) {
	if _, empty := n.(*ast.NullNode); empty {
		return
	}
	if l.s != nil && path != "" {
		p := l.doc.index[path]
		l.s.origins[path] = fmt.Sprintf("%s:%d", l.doc.path, p.Line)
	}
	if text, ok := scalarText(n); ok {
		if err := setField(v, f, text, l.dir); err != nil {
			l.errs = append(l.errs, l.doc.errorAt(place(n), "%s is %v", path, err))
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		l.assign(v.Elem(), n, path, f)
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
		for i, item := range seq.Values {
			l.assign(v.Index(i), item, fmt.Sprintf("%s[%d]", path, i), f)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for key, m := range pairs(n) {
			value := reflect.New(v.Type().Elem()).Elem()
			l.assign(value, m.Value, join(path, key), f)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	case reflect.Struct:
		for key, m := range pairs(n) {
			if f, ok := field(v.Type(), key); ok {
				l.assign(v.FieldByIndex(f.Index), m.Value, join(path, key), f)
			}
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// apply sets what a flag or a variable says.
func (s *Server) apply(given Setting, dir string) error {
	if given.Key == wantedAuth || given.Key == wantedTLS {
		s.wanted = append(s.wanted, given)
		return nil
	}
	k, ok := findKey(given.Key)
	if !ok {
		return fmt.Errorf("%s: unknown setting %q%s", given.Origin, given.Key, suggestion(given.Key, keyNames()))
	}
	if err := s.set(k, given.Value, dir); err != nil {
		return fmt.Errorf("%s: %s is %w", given.Origin, given.Key, err)
	}
	for key := range s.origins {
		if strings.HasPrefix(key, given.Key+"[") || strings.HasPrefix(key, given.Key+".") {
			delete(s.origins, key)
		}
	}
	s.origins[given.Key] = given.Origin
	return nil
}

// set sets a key from text: scalars as they are, lists of text with commas or in
// brackets as in YAML, all else as YAML. An empty text is the default.
func (s *Server) set(k serverKey, text, dir string) error {
	v := k.value(reflect.ValueOf(s).Elem(), true)
	if strings.TrimSpace(text) == "" {
		v.SetZero()
		text = k.field.Tag.Get("default")
		if text == "" {
			return nil
		}
	}
	switch t := v.Type(); {
	case t == reflect.TypeFor[[]string]() && !(strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]")):
		var list []string
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		v.Set(reflect.ValueOf(list))
		return nil
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer:
		doc, body, errs := readDocument("", text, "expected YAML", t)
		if len(errs) > 0 {
			return fmt.Errorf("not as expected: %s", errs[0].Msg)
		}
		l := &loader{doc: doc, dir: dir}
		l.assign(v, body, "", k.field)
		if len(l.errs) > 0 {
			return fmt.Errorf("not as expected: %s", l.errs[0].Msg)
		}
		return nil
	}
	return setField(v, k.field, text, dir)
}

// setField sets a scalar as the tags of its field want it.
func setField(v reflect.Value, f reflect.StructField, text, dir string) error {
	if v.Kind() != reflect.String || isText(v.Type()) {
		return setText(v, text)
	}
	if tag := f.Tag.Get("enum"); tag != "" {
		allowed := strings.Split(tag, ",")
		i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, text) })
		if i < 0 {
			return fmt.Errorf("%q%s; expected %s", text, suggestion(text, allowed), strings.Join(allowed, ", "))
		}
		text = allowed[i]
	}
	switch f.Tag.Get("names") {
	case "env":
		if !isVariable(text) {
			return errors.New("not the name of an environment variable; the secret itself is never in the settings")
		}
	case "file":
		if !filepath.IsAbs(text) {
			text = filepath.Join(cmp.Or(dir, "."), text)
		}
	}
	v.SetString(text)
	return nil
}
