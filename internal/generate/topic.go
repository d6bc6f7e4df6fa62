package generate

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// A Topic is a topic for which a publisher, a handler interface and Subscribe
// are generated.
type Topic struct {
	Name    string // of the topic
	Package string // Go package; also the folder below the output
	Events  []TopicEvent
}

// A TopicEvent is one event of a topic.
type TopicEvent struct {
	Name       string // full name in the schema
	GoType     string // name of the Go type
	TypeFunc   string // name of the function that describes it to the codec
	Package    string // Go package of the type
	ImportPath string
	Subject    string
	Doc        string // of the schema; may be empty
	KeyField   string // field of the schema, or empty
	KeyExpr    string // Go expression over e of type []byte, or empty
	KeyImports []string
}

//go:embed topic.tmpl
var topicText string

var topicTemplate = template.Must(template.New("topic").Parse(topicText))

// topicModel is what the template prints; every decision is made before.
type topicModel struct {
	Topic
	Imports []goImport
	Events  []topicEventModel
}

type topicEventModel struct {
	TopicEvent
	Method string // Go method, unique in the topic
	Field  string // the same, unexported
	Type   string // qualified Go type
	Types  string // qualified name of the function that describes it
}

type goImport struct{ Alias, Path string }

// reservedMethods are taken by what every topic package has: methods and fields of
// its Publisher and its Fake.
var reservedMethods = map[string]bool{"Deleted": true, "DeletedKeys": true, "Events": true, "Err": true, "Bus": true}

// TopicFile generates topic.event.go of one topic.
func TopicFile(t Topic) (File, error) {
	m := topicModel{Topic: t}
	used := map[string]TopicEvent{}
	imports := topicImports{}
	for _, e := range t.Events {
		method := e.GoType
		for _, name := range []string{method, method + "Batch", method + "Message"} {
			if reservedMethods[name] {
				return File{}, fmt.Errorf("topic %s: %s would be the method %s, which every topic package has; give the record or message another name", t.Name, e.Name, name)
			}
			if other, ok := used[name]; ok {
				return File{}, fmt.Errorf("topic %s: %s and %s would both be the method %s; give one record or message another name", t.Name, other.Name, e.Name, name)
			}
			used[name] = e
		}
		for _, p := range e.KeyImports {
			imports[p] = path.Base(p)
		}
		field := strings.ToLower(method[:1]) + method[1:]
		if token.IsKeyword(field) {
			field += "_"
		}
		pkg := imports.add(e.ImportPath, e.Package)
		m.Events = append(m.Events, topicEventModel{
			TopicEvent: e, Method: method, Field: field,
			Type: pkg + "." + e.GoType, Types: pkg + "." + e.TypeFunc,
		})
	}
	for p, name := range imports {
		m.Imports = append(m.Imports, goImport{name, p})
	}
	slices.SortFunc(m.Imports, func(a, b goImport) int { return strings.Compare(a.Path, b.Path) })
	var out bytes.Buffer
	if err := topicTemplate.Execute(&out, m); err != nil {
		return File{}, fmt.Errorf("topic %s: %w", t.Name, err)
	}
	text, err := format.Source(out.Bytes())
	if err != nil {
		return File{}, fmt.Errorf("topic %s: format: %w", t.Name, err)
	}
	return File{Path: path.Join(t.Package, t.Package+".event.go"), Data: text}, nil
}

// topicImports are the names of imported packages, by import path.
type topicImports map[string]string

// topicReserved are the names that the template uses for something else than a
// package of types.
var topicReserved = regexp.MustCompile(`^(binary|codec|context|errors|event|fmt|sync|any|append|byte|error|len|make|nil|string|` +
	`bus|ctx|d|deleter|deletes|e|err|es|f|group|h|i|key|known|m|ms|mux|name|opts|p|payload|registry)$`)

// add imports a package under its own name, or a longer one if that is taken.
func (imports topicImports) add(importPath, name string) string {
	if have, ok := imports[importPath]; ok {
		return have
	}
	taken := func(name string) bool {
		for _, other := range imports {
			if other == name {
				return true
			}
		}
		return topicReserved.MatchString(name)
	}
	unique := name
	for i := 1; taken(unique); i++ {
		unique = name + "types"
		if i > 1 {
			unique += strconv.Itoa(i)
		}
	}
	imports[importPath] = unique
	return unique
}

// Comment turns a schema's words about an event into Go comment lines.
func (e topicEventModel) Comment() string {
	doc := printable(e.Doc)
	if doc == "" {
		return ""
	}
	return "// " + strings.ReplaceAll(doc, "\n", "\n// ") + "\n//"
}
