package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var configType = reflect.TypeFor[Config]()

// A walker compares the YAML tree with the Go types: it reports every key that
// does not exist and every value of another shape, and notes where each stands.
type walker struct {
	doc  *document
	errs Errors
}

func (w *walker) bad(n ast.Node, format string, args ...any) {
	w.errs = append(w.errs, w.doc.errorAt(place(n), format, args...))
}

func (w *walker) walk(n ast.Node, path string, t reflect.Type) {
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		w.bad(n, "anchors, aliases and tags are not allowed here")
		return
	case *ast.NullNode:
		return // an empty value means the default
	}
	if path != "" {
		w.doc.index[path] = place(n)
	}
	if isText(t) || t.Kind() == reflect.Float64 {
		w.scalar(n, path, t)
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		w.walk(n, path, t.Elem())
	case reflect.Struct:
		w.mapping(n, path, "settings", func(m *ast.MappingValueNode, key, at string) {
			f, ok := field(t, key)
			if !ok {
				w.bad(m.Key, "unknown key %q%s; expected %s", at, suggestion(key, fieldNames(t)), strings.Join(fieldNames(t), ", "))
				return
			}
			if f.Tag.Get("names") == "env" && !w.variable(m.Value, at) {
				return
			}
			w.walk(m.Value, at, f.Type)
			w.enum(m.Value, at, f)
		})
	case reflect.Map:
		w.mapping(n, path, "names", func(m *ast.MappingValueNode, _, at string) { w.walk(m.Value, at, t.Elem()) })
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			w.bad(n, "%s is %s; expected a list", path, describe(n))
			return
		}
		for i, v := range seq.Values {
			w.walk(v, fmt.Sprintf("%s[%d]", path, i), t.Elem())
		}
	case reflect.String:
		switch n.(type) {
		case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
			w.bad(n, "%s is %s; expected text", path, describe(n))
		}
	case reflect.Int:
		if _, ok := n.(*ast.IntegerNode); !ok {
			w.bad(n, "%s is %s; expected a whole number", path, describe(n))
		}
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			w.bad(n, "%s is %s; expected true or false", path, describe(n))
		}
	}
}

// scalar checks a value that is written as text.
func (w *walker) scalar(n ast.Node, path string, t reflect.Type) {
	text, ok := scalarText(n)
	if !ok {
		w.bad(n, "%s is %s; expected %s", path, describe(n), expected(t))
		return
	}
	if err := setText(reflect.New(t).Elem(), text); err != nil {
		w.bad(n, "%s is %v", path, err)
	}
}

// variable checks the name of an environment variable. What stands there may be
// the secret itself, so neither the message nor an excerpt shows it.
func (w *walker) variable(n ast.Node, path string) bool {
	if _, empty := n.(*ast.NullNode); empty {
		return true
	}
	if text, ok := scalarText(n); ok && isVariable(text) {
		return true
	}
	e := w.doc.errorAt(place(n), "%s is not the name of an environment variable; the secret itself is never in the settings", path)
	e.line = ""
	w.errs = append(w.errs, e)
	return false
}

func (w *walker) mapping(n ast.Node, path, what string, visit func(m *ast.MappingValueNode, key, at string)) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		w.bad(n, "%s is %s; expected %s with values", path, describe(n), what)
		return
	}
	for _, m := range values {
		key := keyText(m)
		at := key
		if path != "" {
			at = path + "." + key
		}
		if _, ok := w.doc.index[at]; ok {
			w.bad(m.Key, "key %q is there twice", at)
			continue
		}
		w.doc.index[at] = place(m.Key)
		visit(m, key, at)
	}
}

func keyText(m *ast.MappingValueNode) string { return strings.Trim(m.Key.String(), `"'`) }

func (w *walker) enum(n ast.Node, at string, f reflect.StructField) {
	tag := f.Tag.Get("enum")
	value, ok := scalarText(n)
	if tag == "" || !ok {
		return
	}
	allowed := strings.Split(tag, ",")
	if !slices.Contains(allowed, value) {
		w.bad(n, "%s is %q%s; expected %s", at, value, suggestion(value, allowed), strings.Join(allowed, ", "))
	}
}

func field(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range fields(t) {
		if f.Tag.Get("yaml") == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// fields yields the fields of t that are settings, in order.
func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if tag := f.Tag.Get("yaml"); tag != "" && tag != "-" && !yield(f) {
				return
			}
		}
	}
}

func fieldNames(t reflect.Type) []string {
	var out []string
	for f := range fields(t) {
		out = append(out, f.Tag.Get("yaml"))
	}
	return out
}

func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.String())
}

// suggestion returns `, did you mean "x"?` when a name is close.
func suggestion(got string, names []string) string {
	best, bestDistance := "", 3
	for _, name := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the Levenshtein distance of two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
