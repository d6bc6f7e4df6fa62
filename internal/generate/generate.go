package generate

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// All generates everything for a catalogue: types and codecs of the files that
// events use, and a package for each topic. For JSON Schema no Go is generated:
// its events are left out. The import path is that of the
// output folder. Paths in the result are relative to it, sorted.
func All(c *catalog.Catalog, importPath string) ([]File, error) {
	var avroFiles []AvroFile
	var protoFiles []ProtoFile
	for _, f := range c.UsedFiles() {
		at := path.Join(importPath, f.Dir())
		switch f.Source.Type {
		case lang.Avro:
			avroFiles = append(avroFiles, AvroFile{Source: f.Source, Package: f.GoPackage(), ImportPath: at, Dir: f.Dir()})
		case lang.Protobuf:
			protoFiles = append(protoFiles, ProtoFile{Source: f.Source, Package: f.GoPackage(), ImportPath: at, Dir: f.Dir()})
		}
	}
	files, err := Avro(avroFiles)
	if err != nil {
		return nil, err
	}
	protos, err := Protobuf(protoFiles)
	if err != nil {
		return nil, err
	}
	files = append(files, protos...)
	for _, t := range c.Topics() {
		topic := Topic{Name: t.Name, Package: t.GoPackage()}
		for _, ev := range t.Events {
			if ev.File.Source.Type == lang.JSON {
				continue
			}
			e, err := topicEvent(ev, importPath)
			if err != nil {
				return nil, err
			}
			topic.Events = append(topic.Events, e)
		}
		if len(topic.Events) == 0 {
			continue
		}
		f, err := TopicFile(topic)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(files); i++ {
		if files[i].Path == files[i-1].Path {
			return nil, fmt.Errorf("two schemas would both generate %s; rename one of the files", files[i].Path)
		}
	}
	if err := fitTogether(files, importPath); err != nil {
		return nil, err
	}
	return files, nil
}

// fitTogether checks what no single file can see: that the files of a folder are of
// one package, that none declares what another one does, and that no folder imports
// itself by way of others.
func fitTogether(files []File, importPath string) error {
	packages := map[string]goFile{}  // by folder
	names := map[string]goFile{}     // by folder and name
	imports := map[string][]string{} // folders by the folder that imports them
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Data, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("generated file %s: %w", f.Path, err)
		}
		at := goFile{f.Path, parsed.Name.Name}
		dir := path.Dir(f.Path)
		if first, ok := packages[dir]; ok && first.name != at.name {
			return fmt.Errorf("%s would be of package %s and %s of package %s, in one folder; put the schemas or the topic under another name", first.path, first.name, at.path, at.name)
		}
		packages[dir] = at
		for _, i := range parsed.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return fmt.Errorf("generated file %s: import %s: %w", f.Path, i.Path.Value, err)
			}
			if to, ours := strings.CutPrefix(to, importPath+"/"); ours {
				imports[dir] = append(imports[dir], to)
			}
		}
		if strings.HasSuffix(f.Path, opaqueSuffix) {
			continue // what stands beside it, for another build
		}
		for _, name := range declared(parsed) {
			key := dir + " " + name
			if first, ok := names[key]; ok {
				return fmt.Errorf("%s and %s would both declare %s; give one of the types another name", first.path, at.path, name)
			}
			names[key] = at
		}
	}
	return noCycle(imports)
}

// noCycle returns an error if a folder imports itself by way of others: files may
// use each other in a way in which Go packages may not.
func noCycle(imports map[string][]string) error {
	done := map[string]bool{}
	var visit func(dir string, trail []string) error
	visit = func(dir string, trail []string) error {
		if at := slices.Index(trail, dir); at >= 0 {
			return fmt.Errorf("the Go packages of the folders %s would import each other; put the schemas of these folders into one", strings.Join(append(trail[at:], dir), " → "))
		}
		if done[dir] {
			return nil
		}
		for _, to := range imports[dir] {
			if err := visit(to, append(slices.Clip(trail), dir)); err != nil {
				return err
			}
		}
		done[dir] = true
		return nil
	}
	for _, dir := range slices.Sorted(maps.Keys(imports)) {
		if err := visit(dir, nil); err != nil {
			return err
		}
	}
	return nil
}

// opaqueSuffix ends the name of the second file that protoc-gen-go prints for the
// hybrid API.
const opaqueSuffix = "_protoopaque.pb.go"

type goFile struct{ path, name string }

// declared returns the names that a file declares at package level.
func declared(f *ast.File) []string {
	var out []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				out = append(out, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					out = append(out, s.Name.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						out = append(out, n.Name)
					}
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "_" || name == "init" })
}

func topicEvent(ev *catalog.Event, importPath string) (TopicEvent, error) {
	e := TopicEvent{
		Name: ev.Name, Package: ev.File.GoPackage(), ImportPath: path.Join(importPath, ev.File.Dir()),
		Subject: ev.Subject, KeyField: ev.Key,
	}
	var err error
	if ev.File.Source.Type == lang.Avro {
		s, parseErr := avro.Parse(ev.File.Source)
		if parseErr != nil {
			return e, parseErr
		}
		if !slices.Contains(s.Named, s.Root) {
			return e, fmt.Errorf("event %s on topic %s: %s only names a record that another file defines; make that file the schema of the event", ev.Name, ev.Topic, ev.File.Path)
		}
		e.GoType, e.Doc = AvroTypeName(s.Root), s.Root.Doc
		e.TypeFunc = e.GoType + "Type"
		if ev.Key != "" {
			e.KeyExpr, e.KeyImports, err = AvroKeyExpr(s, ev.Key, "e")
		}
	} else {
		s, parseErr := protobuf.Parse(ev.File.Source)
		if parseErr != nil {
			return e, parseErr
		}
		e.GoType, e.TypeFunc, e.Doc = ProtoTypeName(s, ev.Name), ProtoTypeFunc(s, ev.Name), s.MessageDoc(ev.Name)
		if e.Package, err = protoPackage(ProtoFile{Source: ev.File.Source, Package: e.Package}); err != nil {
			return e, err
		}
		if ev.Key != "" {
			e.KeyExpr, e.KeyImports, err = ProtoKeyExpr(s, ev.Name, ev.Key, "e")
		}
	}
	if err != nil {
		return e, fmt.Errorf("event %s on topic %s: %w", ev.Name, ev.Topic, err)
	}
	return e, nil
}
