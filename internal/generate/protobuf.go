package generate

import (
	"bytes"
	"errors"
	"fmt"
	"go/token"
	"path"
	"strings"

	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// A ProtoFile is a .proto file for which Go is generated.
type ProtoFile struct {
	Source     lang.Source
	Package    string // Go package; a name in the file's go_package wins
	ImportPath string // of the Go package
	Dir        string // of the files, relative to the output folder
}

// Protobuf generates two files for each of files: x.pb.go, which is what
// protoc-gen-go prints, and x.fast.go with methods that append and decode
// without reflection and a description of each message for package codec.
//
// A go_package option names the Go package. Its import path is not followed:
// the file lies where the settings put it, and other files import it from there.
func Protobuf(files []ProtoFile) ([]File, error) {
	gen, err := newProtoGenerator(files)
	if err != nil {
		return nil, err
	}
	var out []File
	for _, f := range files {
		made, err := gen.file(f)
		if err != nil {
			return nil, fmt.Errorf("generate Go for %s: %w", f.Source.Path, err)
		}
		out = append(out, made...)
	}
	return out, nil
}

// protoPackage returns the name of the Go package of a file.
func protoPackage(f ProtoFile) (string, error) {
	s, err := protobuf.Parse(f.Source)
	if err != nil {
		return "", err
	}
	opts, ok := s.File().Options().(*descriptorpb.FileOptions)
	if !ok || opts.GetGoPackage() == "" {
		return f.Package, nil
	}
	at, name, found := strings.Cut(opts.GetGoPackage(), ";")
	if !found {
		name = strings.Map(func(r rune) rune {
			if r == '-' || r == '.' {
				return '_'
			}
			return r
		}, path.Base(at))
	}
	if !token.IsIdentifier(name) {
		return "", fmt.Errorf("%s: the go_package option %q names no Go package; write \"import/path;name\"", f.Source.Path, opts.GetGoPackage())
	}
	return name, nil
}

// A protoGenerator generates the files of one run; params says for each import
// path which Go package holds its types.
type protoGenerator struct {
	params map[string]string
}

func newProtoGenerator(files []ProtoFile) (*protoGenerator, error) {
	gen := &protoGenerator{params: map[string]string{}}
	for _, f := range files {
		name, err := protoPackage(f)
		if err != nil {
			return nil, err
		}
		gen.params[f.Source.Path] = f.ImportPath + ";" + name
	}
	return gen, nil
}

// request is what a compiler would send to a plugin for the file. The caller
// owns it: protogen writes into what it is given.
func (gen *protoGenerator) request(f ProtoFile) (*pluginpb.CodeGeneratorRequest, error) {
	set, err := protobuf.CompileSet(f.Source)
	if err != nil {
		return nil, err
	}
	if err := gen.checkImports(set); err != nil {
		return nil, err
	}
	params := []string{"paths=source_relative"}
	for _, p := range set.File {
		if to, ok := gen.params[p.GetName()]; ok {
			params = append(params, "M"+p.GetName()+"="+to)
		}
	}
	return &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{f.Source.Path},
		ProtoFile:      set.File,
		Parameter:      proto.String(strings.Join(params, ",")),
	}, nil
}

func (gen *protoGenerator) file(f ProtoFile) ([]File, error) {
	req, err := gen.request(f)
	if err != nil {
		return nil, err
	}
	plugin, err := protogen.Options{ImportRewriteFunc: rewriteImport}.New(req)
	if err != nil {
		return nil, err
	}
	plugin.SupportedFeatures = internal_gengo.SupportedFeatures
	schema, err := protobuf.Parse(f.Source)
	if err != nil {
		return nil, err
	}
	file := plugin.FilesByPath[f.Source.Path]
	if e := file.Proto.GetEdition(); e > internal_gengo.SupportedEditionsMaximum {
		return nil, fmt.Errorf("edition %s is newer than what protoc-gen-go supports", strings.TrimPrefix(e.String(), "EDITION_"))
	}
	internal_gengo.GenerateFile(plugin, file)
	fast := newFastFile(gen, plugin, file, schema)
	fast.print()
	response := plugin.Response()
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	var out []File
	for _, r := range response.File {
		out = append(out, File{
			Path: path.Join(f.Dir, goFileName(path.Base(r.GetName()))),
			Data: pinVersions([]byte(r.GetContent())),
		})
	}
	return out, nil
}

// checkImports refuses an import for which no Go would exist.
func (gen *protoGenerator) checkImports(set *descriptorpb.FileDescriptorSet) error {
	for _, p := range set.File {
		_, ours := gen.params[p.GetName()]
		if !ours && p.GetOptions().GetGoPackage() == "" {
			return fmt.Errorf("%s is imported, but no Go is generated for it and it has no go_package option", p.GetName())
		}
	}
	return nil
}

// pinVersions replaces the version lines of protoc-gen-go: they name a build of
// a library, and would change generated files without a change of the schema.
func pinVersions(text []byte) []byte {
	const line = "// \tprotoc-gen-go "
	start := bytes.Index(text, []byte(line))
	if start < 0 {
		return text
	}
	end := start + bytes.IndexByte(text[start:], '\n')
	return append(append(append([]byte(nil), text[:start]...), line+"(in wireproof)"...), text[end:]...)
}

// ProtoTypeName returns the name of the Go type of a message.
func ProtoTypeName(s *protobuf.Schema, fullMessage string) string {
	var names []string
	d := findMessage(s, fullMessage)
	for parent := protoreflect.Descriptor(d); parent != nil; parent = parent.Parent() {
		if m, ok := parent.(protoreflect.MessageDescriptor); ok && m != nil {
			names = append([]string{string(m.Name())}, names...)
		}
	}
	return goCamel(strings.Join(names, "."))
}

// goCamel is protoc-gen-go's spelling of a name: an underscore before a small
// letter goes and the letter grows, a dot becomes an underscore.
func goCamel(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		small := i+1 < len(s) && 'a' <= s[i+1] && s[i+1] <= 'z'
		switch {
		case c == '.' && small:
		case c == '.':
			b = append(b, '_')
		case c == '_' && (i == 0 || s[i-1] == '.'):
			b = append(b, 'X')
		case c == '_' && small:
		case '0' <= c && c <= '9':
			b = append(b, c)
		default:
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			b = append(b, c)
			for ; i+1 < len(s) && 'a' <= s[i+1] && s[i+1] <= 'z'; i++ {
				b = append(b, s[i+1])
			}
		}
	}
	return string(b)
}

// ProtoTypeFunc returns the name of the generated function that describes a
// message: the type's name with Type after it, or with EventType where the file
// has another element of that name.
func ProtoTypeFunc(s *protobuf.Schema, fullMessage string) string {
	name := ProtoTypeName(s, fullMessage)
	taken := goNames(s)
	for _, suffix := range []string{"Type", "EventType", "EventTypeOf"} {
		if !taken[name+suffix] {
			return name + suffix
		}
	}
	return name + "EventTypeOfMessage"
}

// goNames returns the names of the Go types of a file: of messages, of enums, and of
// the fields of oneofs.
func goNames(s *protobuf.Schema) map[string]bool {
	names := map[string]bool{}
	prefix := string(s.File().Package())
	if prefix != "" {
		prefix += "."
	}
	name := func(d protoreflect.Descriptor) string {
		return goCamel(strings.TrimPrefix(string(d.FullName()), prefix))
	}
	add := func(d protoreflect.Descriptor) { names[name(d)] = true }
	var walk func(ms protoreflect.MessageDescriptors, es protoreflect.EnumDescriptors)
	walk = func(ms protoreflect.MessageDescriptors, es protoreflect.EnumDescriptors) {
		for i := range es.Len() {
			add(es.Get(i))
		}
		for i := range ms.Len() {
			add(ms.Get(i))
			for j := range ms.Get(i).Fields().Len() {
				f := ms.Get(i).Fields().Get(j)
				if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
					names[name(ms.Get(i))+"_"+goCamel(string(f.Name()))] = true
				}
			}
			walk(ms.Get(i).Messages(), ms.Get(i).Enums())
		}
	}
	walk(s.File().Messages(), s.File().Enums())
	return names
}

func findMessage(s *protobuf.Schema, full string) protoreflect.MessageDescriptor {
	rest := strings.TrimPrefix(full, string(s.File().Package())+".")
	var found protoreflect.MessageDescriptor
	ms := s.File().Messages()
	for _, name := range strings.Split(rest, ".") {
		if ms == nil {
			return nil
		}
		if found = ms.ByName(protoreflect.Name(name)); found == nil {
			return nil
		}
		ms = found.Messages()
	}
	return found
}

// protoGetter returns the name of the method that returns a field, which
// protoc-gen-go makes longer where another method has it.
func protoGetter(s *protobuf.Schema, message, field string) (string, error) {
	set, err := protobuf.CompileSet(s.Source())
	if err != nil {
		return "", err
	}
	req := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{s.Source().Path}, ProtoFile: set.File}
	params := make([]string, len(set.File))
	for i, f := range set.File {
		params[i] = "M" + f.GetName() + "=wireproof.invalid/p;p" // no name of a method depends on it
	}
	req.Parameter = proto.String(strings.Join(params, ","))
	plugin, err := protogen.Options{}.New(req)
	if err != nil {
		return "", err
	}
	ms := plugin.FilesByPath[s.Source().Path].Messages
	for len(ms) > 0 {
		m := ms[0]
		ms = append(ms[1:], m.Messages...)
		for _, f := range m.Fields {
			if string(m.Desc.FullName()) == message && string(f.Desc.Name()) == field {
				name, _ := f.MethodName("Get")
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("%s has no field %s.%s", s.Source().Path, message, field)
}

// ProtoKeyExpr returns a Go expression for the key bytes of a field of a message
// held in the variable recv, and the packages that the expression needs. Text is
// its UTF-8, bytes are themselves, integers are big-endian.
func ProtoKeyExpr(s *protobuf.Schema, message, field, recv string) (expr string, imports []string, err error) {
	m := findMessage(s, message)
	if m == nil {
		return "", nil, fmt.Errorf("%s has no message %s", s.Source().Path, message)
	}
	f := m.Fields().ByName(protoreflect.Name(field))
	if f == nil {
		return "", nil, fmt.Errorf("the key %q is no field of %s", field, message)
	}
	if f.Cardinality() == protoreflect.Repeated {
		return "", nil, fmt.Errorf("the key %s.%s is a list or map; a key is text, bytes or an integer", message, field)
	}
	getter, err := protoGetter(s, message, field)
	if err != nil {
		return "", nil, err
	}
	get := recv + "." + getter + "()"
	switch f.Kind() {
	case protoreflect.StringKind:
		return "[]byte(" + get + ")", nil, nil
	case protoreflect.BytesKind:
		// A copy that is not nil, for a nil key is no key.
		return "append([]byte{}, " + get + "...)", nil, nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "binary.BigEndian.AppendUint32(nil, uint32(" + get + "))", []string{"encoding/binary"}, nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "binary.BigEndian.AppendUint64(nil, uint64(" + get + "))", []string{"encoding/binary"}, nil
	}
	return "", nil, fmt.Errorf("the key %s.%s is of kind %s; a key is text, bytes or an integer", message, field, f.Kind())
}
