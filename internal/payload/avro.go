package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/avro"

	"github.com/wireproof/wireproof/lang"
)

// avro decodes with the writer's schema as a library other than generated code has
// it: what generated code cannot read is what ends here.
func (d *Document) avro(writer lang.Source, value []byte) error {
	s, err := parseAvro(&avro.SchemaCache{}, writer)
	if err != nil {
		return err
	}
	d.Name = s.Root().Name
	if space := s.Root().Namespace; space != "" && d.Name != "" && !strings.Contains(d.Name, ".") {
		d.Name = space + "." + d.Name
	}
	doc, rest, err := avroJSON(s, value)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes are left after the value", len(rest))
	}
	// JSON cannot say what is no Unicode: it shows U+FFFD in its place.
	lossy := bytes.Contains(doc, []byte("\uFFFD")) && !bytes.Contains(value, []byte("\uFFFD"))
	d.encode = func(doc []byte) ([]byte, error) {
		if lossy {
			return nil, errors.New("the data holds text that is no UTF-8, which an edit would lose")
		}
		return encodeAvro(s, doc)
	}
	return d.show(doc)
}

// parseAvro parses a schema after those that it refers to.
func parseAvro(c *avro.SchemaCache, src lang.Source) (*avro.Schema, error) {
	for _, ref := range src.References {
		if ref.Source == nil {
			return nil, fmt.Errorf("the text of %s, which the schema refers to, is not known", ref.Name)
		}
		if _, err := parseAvro(c, *ref.Source); err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Name, err)
		}
	}
	return c.Parse(src.Text, avro.WithLaxNames(nil))
}

func avroJSON(s *avro.Schema, value []byte) (doc, rest []byte, err error) {
	var v any
	if rest, err = s.Decode(value, &v, avro.TaggedUnions()); err != nil {
		return nil, nil, err
	}
	doc, err = s.EncodeJSON(v, avro.TaggedUnions())
	return doc, rest, err
}

// encodeAvro refuses names that the schema does not have, which the library would
// leave out: a misspelt field would silently get its default.
func encodeAvro(s *avro.Schema, doc []byte) ([]byte, error) {
	var v any
	if err := s.DecodeJSON(doc, &v, avro.TaggedUnions()); err != nil {
		return nil, err
	}
	value, err := s.Encode(v)
	if err != nil {
		return nil, err
	}
	again, _, err := avroJSON(s, value)
	if err != nil {
		return nil, err
	}
	var asked, got any
	if err := errors.Join(json.Unmarshal(doc, &asked), json.Unmarshal(again, &got)); err != nil {
		return nil, err
	}
	return value, known("", asked, got)
}

// known returns an error that names a member of asked that got does not have.
func known(path string, asked, got any) error {
	switch a := asked.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		if len(g) == 1 { // a union, whose branch may be left out
			for branch, v := range g {
				if _, ok := a[branch]; !ok {
					g, _ = v.(map[string]any)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(a)) {
			v, ok := g[name]
			if !ok {
				return fmt.Errorf("%s/%s: the schema has no such field", path, name)
			}
			if err := known(path+"/"+name, a[name], v); err != nil {
				return err
			}
		}
	case []any:
		g, _ := got.([]any)
		if m, ok := got.(map[string]any); ok && len(m) == 1 {
			for _, v := range m {
				g, _ = v.([]any)
			}
		}
		for i := range min(len(a), len(g)) {
			if err := known(fmt.Sprintf("%s/%d", path, i), a[i], g[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
