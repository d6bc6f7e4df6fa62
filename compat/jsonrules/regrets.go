package jsonrules

import (
	"fmt"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// What validation ignores and people regret: annotations that programs read.

// RegretTable returns the rules of [Regrets]. The rows are shared and must not be
// changed.
func RegretTable() []*rule.Rule {
	return []*rule.Rule{defaultChanged, titleChanged, contentChanged, descriptionChanged}
}

// Regrets returns how annotations changed between schemas that stand at the same
// place of both. No document becomes invalid by them, and no registry minds. They
// are found for [rule.Readers] alone.
func Regrets(newer, older *jsonschema.Schema, dir rule.Breaks) []*rule.Finding {
	if dir != rule.Readers {
		return nil
	}
	n, err := lang.ParseJSON(newer.Source().Path, newer.Source().Text)
	if err != nil {
		return nil // it was parsed once, so this does not happen
	}
	o, err := lang.ParseJSON(older.Source().Path, older.Source().Text)
	if err != nil {
		return nil
	}
	r := &regretter{}
	r.schema(n, o, "#")
	return r.found
}

type regretter struct{ found []*rule.Finding }

var annotations = []struct {
	key  string
	rule *rule.Rule
}{
	{"default", defaultChanged},
	{"title", titleChanged},
	{"contentEncoding", contentChanged},
	{"contentMediaType", contentChanged},
	{"description", descriptionChanged},
}

// schema compares two schemas and those below them under the same names.
func (r *regretter) schema(newer, older *lang.Value, path string) {
	if newer == nil || older == nil || newer.Kind != lang.Object || older.Kind != lang.Object {
		return
	}
	for _, a := range annotations {
		n, o := newer.Get(a.key), older.Get(a.key)
		if o == nil || n != nil && string(n.AppendJSON(nil)) == string(o.AppendJSON(nil)) || a.rule == descriptionChanged && n == nil {
			continue // what is new says more than before
		}
		f := &rule.Finding{Rule: a.rule, Breaks: a.rule.Breaks, Path: path, Pointer: path, New: newer.Pos, Old: o.Pos, OldNote: short(o)}
		f.Message = fmt.Sprintf("the %s of %s was removed", a.key, path)
		if n != nil {
			f.New, f.NewNote = n.Pos, short(n)
			f.Message = fmt.Sprintf("the %s of %s changed from %s to %s", a.key, path, short(o), short(n))
		}
		r.found = append(r.found, f)
	}
	for _, m := range newer.Members {
		other := older.Get(m.Key)
		if other == nil || m.Key == "default" || m.Key == "enum" || m.Key == "const" || m.Key == "examples" {
			continue
		}
		below := path + "/" + m.Key
		switch {
		case byName[m.Key]:
			for _, named := range m.Value.Members {
				r.schema(named.Value, other.Get(named.Key), below+"/"+named.Key)
			}
		case m.Value.Kind == lang.Array:
			for i := range min(len(m.Value.Items), len(other.Items)) {
				r.schema(m.Value.Items[i], other.Items[i], fmt.Sprintf("%s/%d", below, i))
			}
		default:
			r.schema(m.Value, other, below)
		}
	}
}

// byName are keywords whose members are schemas with names of their own.
var byName = map[string]bool{
	"properties": true, "patternProperties": true, "$defs": true, "definitions": true, "dependentSchemas": true, "dependencies": true,
}

// short prints a value for a message.
func short(v *lang.Value) string {
	const most = 80
	text := string(v.AppendJSON(nil))
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

var defaultChanged = &rule.Rule{
	ID: "JSON_DEFAULT_CHANGED",
	Doc: `the default of a value changed

Validation ignores defaults, and programs do not: readers on the new schema fill in
another value where old documents have none.

Before:  {"type": "string", "default": "EUR"}
After:   {"type": "string", "default": "USD"}
Instead: keep the default, and let producers write the value.`,
	Fix:      "keep the default, and write the value where another one is meant",
	Breaks:   rule.Readers,
	Severity: rule.Warning,
}

var titleChanged = &rule.Rule{
	ID: "JSON_TITLE_CHANGED",
	Doc: `the title of a schema changed

Generators name types by it, and naming strategies name the subject of a record by
it: under another title it is another event.

Before:  {"title": "OrderPlaced", "type": "object"}
After:   {"title": "Order", "type": "object"}
Instead: keep the title, and say more in "description".`,
	Fix:      "keep the title",
	Breaks:   rule.SourceCode,
	Severity: rule.Warning,
}

var contentChanged = &rule.Rule{
	ID: "JSON_CONTENT_CHANGED",
	Doc: `what a text holds is encoded in another way

The text stays valid, and whoever decodes it as the schema says gets something else.

Before:  {"type": "string", "contentEncoding": "base64"}
After:   {"type": "string", "contentEncoding": "base32"}
Instead: add a property for the new encoding.`,
	Fix:      "keep the encoding, and add a property for the new one",
	Breaks:   rule.Readers | rule.OldReaders,
	Severity: rule.Warning,
}

var descriptionChanged = &rule.Rule{
	ID: "JSON_DESCRIPTION_CHANGED",
	Doc: `a description changed

No document depends on it. It is shown where changes are explained, since a change
of meaning often shows nowhere else.

Before:  {"type": "integer", "description": "In cents."}
After:   {"type": "integer", "description": "In euros."}
Instead: if the meaning changed, add a property; otherwise there is nothing to do.`,
	Fix:      "if the meaning changed, add a new property for it",
	Severity: rule.Info,
}
