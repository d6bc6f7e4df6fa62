package config

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A serverKey is one key that can be set by itself.
type serverKey struct {
	name  string // such as store.sqlite.dir
	index []int  // of the field, from Server on
	field reflect.StructField
}

// serverKeys returns every key in the order of the settings. What is made by
// being mentioned, such as auth.anonymous, is a key beside those below it.
func serverKeys() []serverKey { return keysOf(serverType, "", nil) }

func keysOf(t reflect.Type, prefix string, index []int) []serverKey {
	var out []serverKey
	for f := range fields(t) {
		k := serverKey{join(prefix, f.Tag.Get("yaml")), append(slices.Clone(index), f.Index...), f}
		below := f.Type
		if f.Type.Kind() == reflect.Pointer {
			out = append(out, k)
			below = f.Type.Elem()
		}
		if below.Kind() == reflect.Struct {
			out = append(out, keysOf(below, k.name, k.index)...)
		} else {
			out = append(out, k)
		}
	}
	return out
}

// value returns the value of the key. Where it would be below something that is
// not there, that is made, or the result is not valid.
func (k serverKey) value(v reflect.Value, make bool) reflect.Value {
	for _, i := range k.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !make {
					return reflect.Value{}
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// variable returns the name of the environment variable of the key.
func (k serverKey) variable() string {
	return ServerPrefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

func findKey(name string) (serverKey, bool) {
	all := serverKeys()
	i := slices.IndexFunc(all, func(k serverKey) bool { return k.name == name })
	if i < 0 {
		return serverKey{}, false
	}
	return all[i], true
}

func keyNames() []string {
	var out []string
	for _, k := range serverKeys() {
		out = append(out, k.name)
	}
	return out
}

// pairs yields the keys and values of a mapping.
func pairs(n ast.Node) iter.Seq2[string, *ast.MappingValueNode] {
	return func(yield func(string, *ast.MappingValueNode) bool) {
		var values []*ast.MappingValueNode
		switch n := n.(type) {
		case *ast.MappingNode:
			values = n.Values
		case *ast.MappingValueNode:
			values = []*ast.MappingValueNode{n}
		}
		for _, m := range values {
			if !yield(strings.Trim(m.Key.String(), `"'`), m) {
				return
			}
		}
	}
}

// Settings returns every setting that has a value, in order, with where it comes
// from; defaults of stores that are not used are left out. Credentials in URLs are hidden; there are no other secrets in settings.
func (s *Server) Settings() []Setting {
	var out []Setting
	for _, k := range serverKeys() {
		v := k.value(reflect.ValueOf(s).Elem(), false)
		if !v.IsValid() || v.IsZero() && s.origins[k.name] == "" && k.field.Tag.Get("default") == "" {
			continue
		}
		if s.origins[k.name] == "" && s.ofOtherStore(k.name) {
			continue
		}
		if v.Kind() == reflect.Pointer && hasSetKey(v) {
			continue // the keys below say it all
		}
		out = append(out, Setting{k.name, hideCredentials(show(v)), s.Origin(k.name)})
	}
	return out
}

// ofOtherStore reports whether a key is of a store that is not used.
func (s *Server) ofOtherStore(key string) bool {
	rest, ok := strings.CutPrefix(key, "store.")
	kind, _, below := strings.Cut(rest, ".")
	return ok && below && kind != s.Store.Kind
}

func hasSetKey(v reflect.Value) bool { return !v.IsNil() && !v.Elem().IsZero() }

// Origin says where a setting comes from: "default", a place in the file such as
// registry.yaml:3, $VARIABLE or --flag.
func (s *Server) Origin(key string) string {
	if o, ok := s.origins[key]; ok {
		return o
	}
	// A value given as a whole, such as auth.basic in the environment, is where
	// the keys below it come from.
	for i := strings.LastIndexByte(key, '.'); i > 0; i = strings.LastIndexByte(key[:i], '.') {
		if o, ok := s.origins[key[:i]]; ok && !strings.HasPrefix(o, s.doc.path+":") {
			return o
		}
	}
	return "default"
}

// show returns a value as it would be given in the environment.
func show(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return show(v.Elem())
	case reflect.Struct:
		var parts []string
		for f := range fields(v.Type()) {
			if inner := v.FieldByIndex(f.Index); !inner.IsZero() {
				parts = append(parts, f.Tag.Get("yaml")+": "+show(inner))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Map:
		var parts []string
		for _, key := range v.MapKeys() {
			parts = append(parts, key.String()+": "+show(v.MapIndex(key)))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = show(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}
