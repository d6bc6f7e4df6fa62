// Package catalog joins the settings with the schema files: which events there
// are, under which subject each is registered, what it refers to, and in which
// order to push. Generating, checking and pushing all start from it.
//
// It reads files through an fs.FS, so the same catalog can be made of a work
// tree and of an old revision. It writes nothing and asks no registry.
package catalog

import (
	"cmp"
	"fmt"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/lang"
)

// A Catalog is the events and schema files of one tree.
type Catalog struct {
	Config *config.Config
	Files  map[string]*File // by path relative to the schema root
	Events []*Event         // in the order of the settings
}

// A File is a schema file. Its source has its references resolved; their
// subjects are those under which push registers them, and their versions are 0,
// for a file does not know versions.
type File struct {
	Path   string
	Source lang.Source

	defined []string  // full names that it defines (Avro)
	names   []refName // under which it refers to others (JSON Schema)
	uses    []string  // files that it uses directly
	subject string    // under which others refer to it
}

// An Event is an event of the settings with its schema.
type Event struct {
	config.Event
	Index   int // in the settings
	File    *File
	Name    string // full name of the record or message
	Subject string
	Level   string
}

// A Subject is one schema to register.
type Subject struct {
	Name  string
	Level string
	File  *File
	Event *Event // nil for a schema that is only referred to
}

// maxFile bounds a schema file, before anything parses it.
const maxFile = 4 << 20

// Load reads the schema files below the root of fsys and resolves the events of
// cfg. The error joins every mistake found; those in schemas are lang.Errors.
func Load(fsys fs.FS, cfg *config.Config) (*Catalog, error) {
	c := &Catalog{Config: cfg, Files: map[string]*File{}}
	l := &loader{c: c, definedIn: map[string]string{}}
	if err := l.read(fsys); err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(c.Files)) {
		l.resolve(p, nil)
	}
	for i := range cfg.Events {
		l.event(i)
	}
	l.strategies()
	if len(l.errs) > 0 {
		return nil, l.errs.err()
	}
	return c, nil
}

// Subjects returns every schema that push registers, each after what it refers
// to. A schema that two events share is there once for each subject.
func (c *Catalog) Subjects() []Subject {
	var out []Subject
	done := map[string]bool{}
	var add func(f *File, ev *Event)
	add = func(f *File, ev *Event) {
		for _, used := range f.uses {
			u := c.Files[used]
			add(u, c.eventOf(u))
		}
		s := Subject{Name: f.subject, File: f, Event: ev, Level: c.Config.Level(f.subject)}
		if ev != nil {
			s.Name, s.Level = ev.Subject, ev.Level
		}
		if !done[s.Name] {
			done[s.Name] = true
			out = append(out, s)
		}
	}
	for _, ev := range c.Events {
		add(ev.File, ev)
	}
	return out
}

// eventOf returns the event under whose subject others refer to f, or nil.
func (c *Catalog) eventOf(f *File) *Event {
	for _, ev := range c.Events {
		if ev.File == f && ev.Subject == f.subject {
			return ev
		}
	}
	return nil
}

// Topics returns the topics of the events, sorted, each with its events.
func (c *Catalog) Topics() []Topic {
	byName := map[string][]*Event{}
	for _, ev := range c.Events {
		byName[ev.Topic] = append(byName[ev.Topic], ev)
	}
	var out []Topic
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, Topic{name, byName[name]})
	}
	return out
}

// A Topic is a topic with the events that are published on it.
type Topic struct {
	Name   string
	Events []*Event
}

// UsedFiles returns the files that events use, themselves included, sorted by
// path: what Go is generated from.
func (c *Catalog) UsedFiles() []*File {
	used := map[string]bool{}
	var visit func(f *File)
	visit = func(f *File) {
		if used[f.Path] {
			return
		}
		used[f.Path] = true
		for _, p := range f.uses {
			visit(c.Files[p])
		}
	}
	for _, ev := range c.Events {
		visit(ev.File)
	}
	var out []*File
	for _, p := range slices.Sorted(maps.Keys(used)) {
		out = append(out, c.Files[p])
	}
	return out
}

var (
	versionDir = regexp.MustCompile(`^v[0-9]+[a-z0-9]*$`)
	notLetter  = regexp.MustCompile(`[^a-z0-9]+`)
)

// Dir returns the folder of the file relative to the schema root.
func (f *File) Dir() string { return path.Dir(f.Path) }

// GoPackage returns the name of the Go package that is generated from the file:
// orders/v1 becomes ordersv1, a/b becomes b.
func (f *File) GoPackage() string {
	dir := f.Dir()
	name := path.Base(dir)
	if versionDir.MatchString(name) && path.Dir(dir) != "." {
		name = path.Base(path.Dir(dir)) + name
	}
	if dir == "." {
		name = "schemas"
	}
	return cmp.Or(packageName(name), "schemas")
}

// packageName makes a Go package name: lower case, letters and digits only, and
// nothing that Go gives another meaning.
func packageName(s string) string {
	name := notLetter.ReplaceAllString(strings.ToLower(s), "")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "p" + name
	}
	if token.IsKeyword(name) || name == "main" || name == "init" {
		name += "pkg"
	}
	return name
}

// GoPackage returns the name of the Go package of a topic.
func (t Topic) GoPackage() string { return packageName(t.Name) }

// SubjectName names the subject of an event under a naming strategy: topic,
// record or topic-record.
func SubjectName(naming, topic, record string) string {
	switch naming {
	case "topic":
		return topic + "-value"
	case "record":
		return record
	}
	return topic + "-" + record
}

// errorList joins mistakes; each is a full sentence with its place.
type errorList []error

func (l errorList) err() error { return &Error{l} }

// An Error is every mistake in a catalog.
type Error struct{ Errs []error }

func (e *Error) Error() string {
	lines := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As reach each mistake.
func (e *Error) Unwrap() []error { return e.Errs }

func (l *loader) failf(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}
