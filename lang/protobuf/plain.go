package protobuf

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The compiler takes ten milliseconds for any file, since it compiles
// descriptor.proto each time. Most schemas need nothing of what it can: they are
// plain. For them descriptors are built from our own tree, in a hundredth of the
// time. Whatever is not plain, and whatever is wrong, goes to the compiler: it
// alone speaks about mistakes. A test holds the two against each other.

// A plainLinker links plain files, each after what it imports.
type plainLinker struct {
	in    *input
	files *protoregistry.Files
	seen  map[string]bool // files that are linked or being linked
}

// plain returns the linked file and its tree, or false if the compiler must look
// at it.
func (in *input) plain() (protoreflect.FileDescriptor, *fileNode, bool) {
	l := &plainLinker{in: in, files: new(protoregistry.Files), seen: map[string]bool{}}
	return l.link(in.name)
}

// link links the file at an import path. The tree is nil for one of the linked
// program.
func (l *plainLinker) link(path string) (protoreflect.FileDescriptor, *fileNode, bool) {
	if l.seen[path] {
		file, err := l.files.FindFileByPath(path)
		return file, nil, err == nil // else a cycle
	}
	l.seen[path] = true
	text, ok := l.in.texts[path]
	if !ok && path == metaFile {
		file := linkedMeta()
		return file, nil, file != nil && l.register(file)
	}
	if !ok {
		text, ok = builtin(path)
	}
	if !ok {
		file := wellKnown(path)
		return file, nil, file != nil && l.register(file)
	}
	parse := func() (*fileNode, bool, error) { return parsePlain(path, text) }
	if path == l.in.name {
		parse = l.in.parsed
	}
	tree, plain, err := parse()
	if err != nil || !plain {
		return nil, nil, false
	}
	for _, n := range tree.imports {
		if _, _, ok := l.link(n.path); !ok {
			return nil, nil, false
		}
	}
	proto, ok := l.build(path, tree)
	if !ok {
		return nil, nil, false
	}
	file, err := protodesc.NewFile(proto, l.files)
	if err != nil {
		return nil, nil, false
	}
	return file, tree, l.register(file)
}

// register adds a file to those in reach; it fails if a name is taken.
func (l *plainLinker) register(file protoreflect.FileDescriptor) bool {
	for i := range file.Imports().Len() {
		im := file.Imports().Get(i)
		if l.seen[im.Path()] {
			continue
		}
		// A file of the linked program, with what it imports there: the text may
		// have another one under that path.
		l.seen[im.Path()] = true
		if _, given := l.in.texts[im.Path()]; given || !l.register(im.FileDescriptor) {
			return false
		}
	}
	return l.files.RegisterFile(file) == nil
}

// wellKnown returns a file of google/protobuf from the linked program, or nil.
func wellKnown(path string) protoreflect.FileDescriptor {
	switch path {
	case "google/protobuf/any.proto":
		return anypb.File_google_protobuf_any_proto
	case "google/protobuf/duration.proto":
		return durationpb.File_google_protobuf_duration_proto
	case "google/protobuf/empty.proto":
		return emptypb.File_google_protobuf_empty_proto
	case "google/protobuf/field_mask.proto":
		return fieldmaskpb.File_google_protobuf_field_mask_proto
	case "google/protobuf/struct.proto":
		return structpb.File_google_protobuf_struct_proto
	case "google/protobuf/timestamp.proto":
		return timestamppb.File_google_protobuf_timestamp_proto
	case "google/protobuf/wrappers.proto":
		return wrapperspb.File_google_protobuf_wrappers_proto
	}
	return nil
}

// build returns the descriptor of a tree whose imports are linked.
func (l *plainLinker) build(path string, tree *fileNode) (*descriptorpb.FileDescriptorProto, bool) {
	b := &plainBuilder{symbols: newSymbols(tree, l.files), proto3: tree.version == "proto3"}
	return b.file(path, tree)
}

func (b *plainBuilder) file(path string, tree *fileNode) (*descriptorpb.FileDescriptorProto, bool) {
	out := &descriptorpb.FileDescriptorProto{Name: &path}
	if tree.pkg != "" {
		out.Package = &tree.pkg
	}
	switch {
	case b.proto3:
		out.Syntax = &tree.version
	case tree.version != "" && tree.version != "proto2":
		return nil, false
	}
	for i, n := range tree.imports {
		out.Dependency = append(out.Dependency, n.path)
		if n.modifier == "public" {
			out.PublicDependency = append(out.PublicDependency, int32(i))
		}
	}
	if opts := new(descriptorpb.FileOptions); b.options(opts, tree.options, fileOptions) {
		out.Options = opts
	}
	for _, m := range tree.messages {
		out.MessageType = append(out.MessageType, b.message(m, join(tree.pkg, m.name), 0))
	}
	for _, e := range tree.enums {
		out.EnumType = append(out.EnumType, b.enum(e))
	}
	for _, s := range tree.services {
		out.Service = append(out.Service, b.service(s, join(tree.pkg, s.name)))
	}
	return out, !b.odd
}

// symbols says what the names in reach of a file mean.
type symbols struct {
	local    map[string]symbol
	packages map[string]bool // with every prefix
	files    *protoregistry.Files
	visible  map[string]bool // import paths whose names the file may use
	pkg      string
	meta     *bool // what seesMeta has found
}

type symbol uint8

const (
	otherSymbol symbol = iota
	messageSymbol
	enumSymbol
)

func newSymbols(tree *fileNode, files *protoregistry.Files) *symbols {
	s := &symbols{local: map[string]symbol{}, packages: map[string]bool{}, files: files, visible: map[string]bool{}, pkg: tree.pkg}
	s.addPackage(tree.pkg)
	for _, n := range tree.imports {
		if file, err := files.FindFileByPath(n.path); err == nil {
			s.see(file)
		}
	}
	for _, m := range tree.messages {
		s.addMessage(m, tree.pkg)
	}
	for _, e := range tree.enums {
		s.addEnum(e, tree.pkg)
	}
	for _, svc := range tree.services {
		full := join(tree.pkg, svc.name)
		s.local[full] = otherSymbol
		for _, r := range svc.rpcs {
			s.local[join(full, r.name)] = otherSymbol
		}
	}
	return s
}

func (s *symbols) addPackage(pkg string) {
	for pkg != "" {
		s.packages[pkg] = true
		pkg = pkg[:max(strings.LastIndexByte(pkg, '.'), 0)]
	}
}

// see makes the names of a file and of its public imports visible.
func (s *symbols) see(file protoreflect.FileDescriptor) {
	if s.visible[file.Path()] {
		return
	}
	s.visible[file.Path()] = true
	s.addPackage(string(file.Package()))
	for i := range file.Imports().Len() {
		if im := file.Imports().Get(i); im.IsPublic {
			s.see(im.FileDescriptor)
		}
	}
}

func (s *symbols) addMessage(m *messageNode, scope string) {
	full := join(scope, m.name)
	s.local[full] = messageSymbol
	for _, f := range m.fields {
		s.local[join(full, f.name)] = otherSymbol
		if f.key != "" {
			s.local[join(full, entryName(f.name))] = otherSymbol
		}
	}
	for _, o := range m.oneofs {
		s.local[join(full, o.name)] = otherSymbol
		for _, f := range o.fields {
			s.local[join(full, f.name)] = otherSymbol
		}
	}
	for _, n := range m.messages {
		s.addMessage(n, full)
	}
	for _, e := range m.enums {
		s.addEnum(e, full)
	}
}

func (s *symbols) addEnum(e *enumNode, scope string) {
	s.local[join(scope, e.name)] = enumSymbol
	for _, v := range e.values {
		s.local[join(scope, v.name)] = otherSymbol
	}
}

// find returns what a full name stands for, and whether it stands for anything.
func (s *symbols) find(full string) (symbol, bool) {
	if kind, ok := s.local[full]; ok {
		return kind, true
	}
	d, err := s.files.FindDescriptorByName(protoreflect.FullName(full))
	if err != nil || !s.visible[d.ParentFile().Path()] {
		return otherSymbol, s.packages[full]
	}
	switch d := d.(type) {
	case protoreflect.MessageDescriptor:
		if !d.IsMapEntry() {
			return messageSymbol, true
		}
	case protoreflect.EnumDescriptor:
		return enumSymbol, true
	}
	return otherSymbol, true
}

// resolve returns the full name of a type that is named in a scope. It knows only
// the clear case: the first part of the name means something in exactly the
// innermost scope that has it, and that leads to a type.
func (s *symbols) resolve(name, scope string) (full string, kind symbol) {
	if rest, ok := strings.CutPrefix(name, "."); ok {
		kind, _ = s.find(rest)
		return name, kind
	}
	first, _, _ := strings.Cut(name, ".")
	for {
		if _, ok := s.find(join(scope, first)); ok {
			kind, _ = s.find(join(scope, name))
			return "." + join(scope, name), kind
		}
		if scope == "" {
			return "", otherSymbol
		}
		scope = scope[:max(strings.LastIndexByte(scope, '.'), 0)]
	}
}

// entryName is the name of the message that holds the entries of a map.
func entryName(field string) string {
	var b []byte
	up := true
	for i := range len(field) {
		c := field[i]
		if c == '_' {
			up = true
			continue
		}
		if up && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		up = false
		b = append(b, c)
	}
	return string(b) + "Entry"
}

// inOrder sorts what the tree keeps apart by its place in the text.
func inOrder[T any](items []T, place func(T) int) []T {
	slices.SortStableFunc(items, func(a, b T) int { return place(a) - place(b) })
	return items
}
