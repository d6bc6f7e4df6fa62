package codec

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/lang"
)

// sameText reports whether a and b are one schema, letter for letter, with all
// that they refer to. Paths and subjects are no part of a schema.
func sameText(a, b lang.Source) bool {
	if a.Type != b.Type || a.Text != b.Text || len(a.References) != len(b.References) {
		return false
	}
	for i, ra := range a.References {
		rb := b.References[i]
		if ra.Name != rb.Name || (ra.Source == nil) != (rb.Source == nil) {
			return false
		}
		if ra.Source != nil && !sameText(*ra.Source, *rb.Source) {
			return false
		}
	}
	return true
}

// avroName returns the full name of the record that an Avro schema declares.
func avroName(src lang.Source) (string, error) {
	text := []byte(src.Text)
	var name string
	if json.Unmarshal(text, &name) == nil {
		return name, nil // a type that a reference declares
	}
	var root struct{ Type, Name, Namespace string }
	if err := json.Unmarshal(text, &root); err != nil {
		return "", fmt.Errorf("schema is no record: %w", err)
	}
	if root.Name == "" {
		return "", errors.New("schema has no name, expected a record")
	}
	return fullName(root.Namespace, root.Name), nil
}

func fullName(namespace, name string) string {
	for i := range len(name) {
		if name[i] == '.' {
			return name
		}
	}
	if namespace == "" {
		return name
	}
	return namespace + "." + name
}
