package config

import (
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A Document is a file of settings that somebody else's program defines: its text
// and where each key stands.
type Document struct{ doc *document }

// Read reads text into the struct that into points to, as strictly as the
// settings of this program are read: every key must be a field with that yaml
// tag, every value must have the shape of its field, and each mistake is told
// with its place. A field of an interface type takes any value. The path is for
// messages. The error is of type [Errors].
func Read(path, text string, into any) (*Document, error) {
	doc, body, errs := readDocument(path, text, "expected one YAML document", reflect.TypeOf(into).Elem())
	if len(errs) == 0 {
		if err := yaml.NodeToValue(body, into); err != nil {
			errs = append(errs, doc.syntaxError(err))
		}
	}
	if len(errs) > 0 {
		return &Document{doc}, errs.sorted()
	}
	return &Document{doc}, nil
}

// Peek returns the text of a key at the top of a document, whatever else there is
// in it, and false where the document has no such key. It is how a file tells its
// version before its shape is known.
func Peek(path, text, key string) (string, bool, error) {
	doc := &document{path: path, text: text, index: map[string]Place{}}
	if len(text) > maxSize {
		return "", false, Errors{doc.errorAt(Place{}, "%d bytes are more than the %d that a settings file may have", len(text), maxSize)}
	}
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return "", false, Errors{doc.syntaxError(err)}
	}
	for _, d := range file.Docs {
		var values []*ast.MappingValueNode
		switch n := d.Body.(type) {
		case *ast.MappingNode:
			values = n.Values
		case *ast.MappingValueNode:
			values = []*ast.MappingValueNode{n}
		}
		for _, v := range values {
			if keyText(v) != key {
				continue
			}
			value, ok := scalarText(v.Value)
			return value, ok, nil
		}
	}
	return "", false, nil
}

// Place returns where a key stands, such as "modules[0].path", or the zero Place.
func (d *Document) Place(key string) Place { return d.doc.index[key] }

// Errorf returns a mistake at a key.
func (d *Document) Errorf(key, format string, args ...any) *Error {
	return d.doc.errorAt(d.doc.index[key], format, args...)
}

// Sorted returns the mistakes in the order of their places, as an error; nil if
// there are none.
func (l Errors) Sorted() error {
	if len(l) == 0 {
		return nil
	}
	return l.sorted()
}

// Suggest returns `, did you mean "x"?` when one of the names is close to what
// was written, and nothing otherwise.
func Suggest(got string, names []string) string { return suggestion(got, names) }
