package generate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// All generates everything for a catalogue: types and codecs of the files that
// events use, and a package for each topic. The import path is that of the
// output folder. Paths in the result are relative to it, sorted.
func All(c *catalog.Catalog, importPath string) ([]File, error) {
	var avroFiles []AvroFile
	var protoFiles []ProtoFile
	for _, f := range c.UsedFiles() {
		at := path.Join(importPath, f.Dir())
		if f.Source.Type == lang.Avro {
			avroFiles = append(avroFiles, AvroFile{Source: f.Source, Package: f.GoPackage(), ImportPath: at, Dir: f.Dir()})
		} else {
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
			e, err := topicEvent(ev, importPath)
			if err != nil {
				return nil, err
			}
			topic.Events = append(topic.Events, e)
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
	return files, nil
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
