package catalog

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/protobuf"
)

type loader struct {
	c         *Catalog
	definedIn map[string]string // Avro full name → path
	resolved  map[string]bool
	errs      errorList
}

// read loads every schema file and notes what each Avro file defines.
func (l *loader) read(fsys fs.FS) error {
	used := map[string][]string{}
	about := map[string]jsonFile{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && p != "." {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || LanguageOf(p) == "" {
			return nil
		}
		text, err := readFile(fsys, p)
		if err != nil {
			return err
		}
		f := &File{Path: p, Source: lang.Source{Type: LanguageOf(p), Path: p, Text: text}}
		l.c.Files[p] = f
		if f.Source.Type == lang.Avro {
			defined, names, err := avro.Names(f.Source)
			if err != nil {
				l.errs = append(l.errs, err)
			}
			f.defined, used[p] = defined, names
		}
		if f.Source.Type == lang.JSON {
			about[p] = jsonNames(f.Source)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read schemas below %s: %w", l.c.Config.Schemas, err)
	}
	l.link(used, about)
	return nil
}

func readFile(fsys fs.FS, p string) (string, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxFile {
		return "", fmt.Errorf("%s is larger than the %d bytes that a schema file may have", p, maxFile)
	}
	return string(text), nil
}

// LanguageOf returns the language of a file by its name, or empty.
func LanguageOf(p string) lang.Type {
	switch path.Ext(p) {
	case ".avsc":
		return lang.Avro
	case ".proto":
		return lang.Protobuf
	}
	if strings.HasSuffix(p, ".schema.json") || strings.HasSuffix(p, ".jsonschema") {
		return lang.JSON
	}
	return ""
}

// link finds the file behind every name that a file uses and does not define.
func (l *loader) link(used map[string][]string, about map[string]jsonFile) {
	paths := make([]string, 0, len(l.c.Files))
	for p := range l.c.Files {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, p := range paths {
		f := l.c.Files[p]
		f.subject = p
		if f.Source.Type != lang.Avro || len(f.defined) == 0 {
			continue
		}
		f.subject = f.defined[0]
		for _, name := range f.defined {
			if first, ok := l.definedIn[name]; ok {
				l.failf("%s: AVRO_NAME_TWICE: %s is defined in %s already; each name has one file", p, name, first)
				continue
			}
			l.definedIn[name] = p
		}
	}
	for _, p := range paths {
		f := l.c.Files[p]
		if f.Source.Type == lang.JSON {
			l.linkJSON(f, about)
			continue
		}
		if f.Source.Type == lang.Protobuf {
			imports, err := protobuf.Imports(f.Source.Text)
			if err != nil {
				continue // the parser reports it with its place
			}
			for _, name := range imports {
				if l.c.Files[name] != nil {
					f.uses = append(f.uses, name)
				}
			}
			continue
		}
		for _, name := range used[p] {
			if in, ok := l.definedIn[name]; ok && in != p && !slices.Contains(f.uses, in) {
				f.uses = append(f.uses, in)
			}
		}
	}
}

// resolve fills the references of a file, depth first. The trail is the files
// that led here.
func (l *loader) resolve(p string, trail []string) bool {
	if l.resolved == nil {
		l.resolved = map[string]bool{}
	}
	if slices.Contains(trail, p) {
		l.failf("%s: REFERENCE_CYCLE: %s; a registry holds no cycle: move the shared types to a file of their own", p, strings.Join(append(trail, p), " uses "))
		return false
	}
	f := l.c.Files[p]
	if l.resolved[p] {
		return true
	}
	for _, used := range f.uses {
		if !l.resolve(used, append(slices.Clone(trail), p)) {
			return false
		}
		u := l.c.Files[used]
		source := u.Source
		for _, name := range f.namesOf(u) {
			f.Source.References = append(f.Source.References, lang.Reference{Name: name, Subject: u.subject, Source: &source})
		}
	}
	l.resolved[p] = true
	return true
}

// namesOf returns the names under which f refers to u.
func (f *File) namesOf(u *File) []string {
	switch f.Source.Type {
	case lang.Avro:
		return []string{u.defined[0]}
	case lang.Protobuf:
		return []string{u.Path}
	}
	var out []string
	for _, n := range f.names {
		if n.file == u.Path {
			out = append(out, n.name)
		}
	}
	return out
}

// event resolves one event of the settings.
func (l *loader) event(i int) {
	cfg := l.c.Config
	e := cfg.Events[i]
	at := cfg.Place(fmt.Sprintf("events[%d]", i))
	where := fmt.Sprintf("%s:%d:%d", config.Name, at.Line, at.Col)
	f := l.c.Files[path.Clean(e.Schema)]
	if f == nil {
		l.failf("%s: event %d: there is no schema %s below %s", where, i+1, e.Schema, cfg.Schemas)
		return
	}
	ev := &Event{Event: e, Index: i, File: f}
	resolve := map[lang.Type]func(*Event, string) bool{lang.Avro: l.avroEvent, lang.Protobuf: l.protoEvent, lang.JSON: l.jsonEvent}
	if !resolve[f.Source.Type](ev, where) {
		return
	}
	ev.Subject = SubjectName(cfg.Subjects.Naming, e.Topic, ev.Name)
	ev.Level = cfg.Level(ev.Subject)
	l.c.Events = append(l.c.Events, ev)
}

func (l *loader) avroEvent(ev *Event, where string) bool {
	if ev.Message != "" {
		l.failf("%s: message is %q, but %s is an Avro schema and holds one record", where, ev.Message, ev.Schema)
		return false
	}
	s, err := avro.Parse(ev.File.Source)
	if err != nil {
		l.errs = append(l.errs, err)
		return false
	}
	if s.Root.Kind != avro.Record {
		l.failf("%s: %s is a schema of type %s; an event is a record", where, ev.Schema, s.Root.Kind)
		return false
	}
	if ev.Key != "" && s.Root.Field(ev.Key) == nil {
		l.failf("%s: key is %q, which %s does not have", where, ev.Key, s.Root.Name)
		return false
	}
	ev.Name = s.Root.Name
	return true
}

func (l *loader) protoEvent(ev *Event, where string) bool {
	s, err := protobuf.Parse(ev.File.Source)
	if err != nil {
		l.errs = append(l.errs, err)
		return false
	}
	var top []string
	for _, m := range s.Messages() {
		if m.FullName == ev.Message {
			ev.Name = m.FullName
		}
		if len(m.Indexes) == 1 {
			top = append(top, m.FullName)
		}
	}
	if ev.Message == "" && len(top) == 1 {
		ev.Name = top[0]
	}
	if ev.Name == "" {
		l.failf("%s: message is %q; %s has %s", where, ev.Message, ev.Schema, strings.Join(top, ", "))
		return false
	}
	if ev.Key != "" && !hasField(s.File().Messages(), ev.Name, ev.Key) {
		l.failf("%s: key is %q, which %s does not have", where, ev.Key, ev.Name)
		return false
	}
	return true
}

// hasField reports whether a message, nested ones included, has a field.
func hasField(messages protoreflect.MessageDescriptors, message, field string) bool {
	for i := range messages.Len() {
		m := messages.Get(i)
		if string(m.FullName()) == message {
			return m.Fields().ByName(protoreflect.Name(field)) != nil
		}
		if hasField(m.Messages(), message, field) {
			return true
		}
	}
	return false
}

// strategies checks that the naming strategy can tell the events apart, and says
// under which subject each file is referred to.
func (l *loader) strategies() {
	bySubject := map[string]*Event{}
	packages := map[string]string{}
	for _, ev := range l.c.Events {
		first, ok := bySubject[ev.Subject]
		if ok && first.File != ev.File {
			l.failf("%s: subject %s would hold %s and %s; with several events of different files on topic %q set subjects.naming to record or topic-record",
				config.Name, ev.Subject, first.Schema, ev.Schema, ev.Topic)
		}
		if !ok {
			bySubject[ev.Subject] = ev
		}
	}
	for _, t := range l.c.Topics() {
		name := t.GoPackage()
		if name == "" {
			l.failf("%s: topic %q has no letter or digit that could name its Go package", config.Name, t.Name)
		}
		if first, ok := packages[name]; ok {
			l.failf("%s: topics %q and %q would both generate the Go package %s", config.Name, first, t.Name, name)
		}
		packages[name] = t.Name
	}
	subject := map[*File]string{}
	for _, ev := range l.c.Events {
		if _, ok := subject[ev.File]; !ok {
			subject[ev.File] = ev.Subject
			l.rename(ev.File, ev.Subject)
		}
	}
}

// rename sets the subject under which others refer to f.
func (l *loader) rename(f *File, subject string) {
	old := f.subject
	f.subject = subject
	visited := map[*lang.Source]bool{} // texts are shared by all that draw them in
	var visit func(refs []lang.Reference)
	visit = func(refs []lang.Reference) {
		for i := range refs {
			if refs[i].Subject == old && refs[i].Source.Path == f.Path {
				refs[i].Subject = subject
			}
			if !visited[refs[i].Source] {
				visited[refs[i].Source] = true
				visit(refs[i].Source.References)
			}
		}
	}
	for _, other := range l.c.Files {
		visit(other.Source.References)
	}
}
