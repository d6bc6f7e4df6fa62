package catalog

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// A jsonFile is what linking needs to know of a JSON Schema.
type jsonFile struct {
	id   string   // its $id, or empty
	refs []string // addresses that its $refs name, as written, without fragment; sorted
}

// jsonNames reads the addresses in a JSON Schema. A text that is no JSON has
// none; the parser reports it with its place.
func jsonNames(src lang.Source) jsonFile {
	root, err := lang.ParseJSON(src.Path, src.Text)
	if err != nil {
		return jsonFile{}
	}
	found := map[string]bool{}
	var visit func(v *lang.Value)
	visit = func(v *lang.Value) {
		if ref := v.Get("$ref"); ref != nil && ref.Kind == lang.String {
			if address, _, _ := strings.Cut(ref.Str, "#"); address != "" {
				found[address] = true
			}
		}
		for _, m := range v.Members {
			visit(m.Value)
		}
		for _, item := range v.Items {
			visit(item)
		}
	}
	visit(root)
	out := jsonFile{refs: slices.Sorted(maps.Keys(found))}
	for _, key := range []string{"$id", "id"} {
		if id := root.Get(key); id != nil && id.Kind == lang.String && out.id == "" {
			out.id = strings.TrimSuffix(id.Str, "#")
		}
	}
	return out
}

// linkJSON finds the files behind the references of a JSON Schema: by their
// $id, else by their path from the file that names them. An address that is no
// file here is left to the parser, which knows the metaschemas.
func (l *loader) linkJSON(f *File, about map[string]jsonFile) {
	for _, ref := range about[f.Path].refs {
		in := ""
		for _, p := range slices.Sorted(maps.Keys(about)) {
			if p != f.Path && about[p].id == ref {
				in = p
				break
			}
		}
		if relative := path.Join(f.Dir(), ref); in == "" && l.c.Files[relative] != nil && relative != f.Path {
			in = relative
		}
		if in == "" {
			continue
		}
		if !slices.Contains(f.uses, in) {
			f.uses = append(f.uses, in)
		}
		f.names = append(f.names, refName{file: in, name: ref})
	}
}

// A refName is a name under which a file refers to another.
type refName struct{ file, name string }

var recordName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (l *loader) jsonEvent(ev *Event, where string) bool {
	if ev.Message != "" {
		l.failf("%s: message is %q, but %s is a JSON Schema and holds one event", where, ev.Message, ev.Schema)
		return false
	}
	s, err := jsonschema.Language().Parse(ev.File.Source)
	if err != nil {
		l.errs = append(l.errs, err)
		return false
	}
	root, err := lang.ParseJSON(s.Source().Path, s.Source().Text)
	if err != nil {
		l.errs = append(l.errs, err)
		return false
	}
	switch title := root.Get("title"); {
	case title != nil && title.Kind == lang.String && recordName.MatchString(title.Str):
		ev.Name = title.Str
	case l.c.Config.Subjects.Naming == "topic":
		ev.Name, _, _ = strings.Cut(path.Base(ev.Schema), ".")
	default:
		l.failf("%s: %s has no title that could name its event; with subjects.naming %s it needs one of letters, digits, _, - and .", where, ev.Schema, l.c.Config.Subjects.Naming)
		return false
	}
	properties := root.Get("properties")
	if ev.Key != "" && (properties == nil || properties.Get(ev.Key) == nil) {
		l.failf("%s: key is %q, which %s has no property for", where, ev.Key, ev.Schema)
		return false
	}
	return true
}
