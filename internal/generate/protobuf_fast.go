package generate

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/gofeaturespb"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

const (
	protofastPackage = protogen.GoImportPath("github.com/wireproof/wireproof/codec/protofast")
	codecPackage     = protogen.GoImportPath("github.com/wireproof/wireproof/codec")
	langPackage      = protogen.GoImportPath("github.com/wireproof/wireproof/lang")
	syncPackage      = protogen.GoImportPath("sync")
	mathPackage      = protogen.GoImportPath("math")
	utf8Package      = protogen.GoImportPath("unicode/utf8")
	slicesPackage    = protogen.GoImportPath("slices")
)

// A fastFile prints x.fast.go.
type fastFile struct {
	gen    *protoGenerator
	file   *protogen.File
	schema *protobuf.Schema
	g      *protogen.GeneratedFile
}

func newFastFile(gen *protoGenerator, plugin *protogen.Plugin, file *protogen.File, schema *protobuf.Schema) *fastFile {
	g := plugin.NewGeneratedFile(file.GeneratedFilenamePrefix+".fast.go", file.GoImportPath)
	return &fastFile{gen, file, schema, g}
}

// fastLocal are the names of variables in x.fast.go, which would hide a package.
var fastLocal = regexp.MustCompile(`^(at|data|depth|dst|end|entry|err|i|inner|j|k|list|n|ok|out|start|tag|u|v|w|x)$`)

// aliased ends the import path of a package that is imported under a longer name,
// while the file is printed: protogen names a package after the end of its path.
const aliased = "/as/"

// rewriteImport returns the import path that stands in the file.
func rewriteImport(at protogen.GoImportPath) protogen.GoImportPath {
	real, _, _ := strings.Cut(string(at), aliased)
	return protogen.GoImportPath(real)
}

// typeName returns the name of a type inside a method.
func (f *fastFile) typeName(id protogen.GoIdent) string {
	if name := path.Base(string(id.GoImportPath)); id.GoImportPath != f.file.GoImportPath && fastLocal.MatchString(name) {
		id.GoImportPath += protogen.GoImportPath(aliased + name + "types")
	}
	return f.g.QualifiedGoIdent(id)
}

func (f *fastFile) print() {
	g := f.g
	g.P(Header, " from ", f.file.Desc.Path(), ". DO NOT EDIT.")
	g.P()
	g.P("package ", f.file.GoPackageName)
	indexes := map[string][]int{}
	for _, m := range f.schema.Messages() {
		indexes[m.FullName] = m.Indexes
	}
	if len(indexes) > 0 {
		f.printSource()
	}
	f.messages(f.file.Messages, indexes)
}

func (f *fastFile) messages(ms []*protogen.Message, indexes map[string][]int) {
	for _, m := range ms {
		if m.Desc.IsMapEntry() {
			continue
		}
		if path, ok := indexes[string(m.Desc.FullName())]; ok {
			f.printType(m, path)
		}
		switch {
		case clashes(m):
		case covered(m):
			f.printAppend(m)
			f.printDecode(m)
		default:
			f.printFallback(m)
		}
		f.messages(m.Messages, indexes)
	}
}

// sourceVar names the variable that holds the schema of the file.
func (f *fastFile) sourceVar() string {
	name := "sourceOf"
	for part := range strings.SplitSeq(strings.TrimPrefix(f.file.GoDescriptorIdent.GoName, "File_"), "_") {
		if part != "" {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.TrimSuffix(name, "Proto")
}

func (f *fastFile) printSource() {
	g := f.g
	g.P()
	g.P("// ", f.sourceVar(), " is the text of ", f.file.Desc.Path(), " with what it imports.")
	g.P("var ", f.sourceVar(), " = ", g.QualifiedGoIdent(syncPackage.Ident("OnceValue")), "(func() ", langPackage.Ident("Source"), " {")
	vars := map[string]string{}
	f.printReferences(f.schema.Source(), vars)
	g.P("return ", f.sourceLiteral(f.schema.Source(), vars))
	g.P("})")
}

// printReferences prints a variable for each text that s draws in, once however
// often it is imported. vars are the variables, by import path.
func (f *fastFile) printReferences(s lang.Source, vars map[string]string) {
	for _, r := range s.References {
		if r.Source == nil || vars[r.Name] != "" {
			continue
		}
		f.printReferences(*r.Source, vars)
		vars[r.Name] = "ref" + strconv.Itoa(len(vars)+1)
		f.g.P(vars[r.Name], " := ", f.sourceLiteral(*r.Source, vars))
	}
}

func (f *fastFile) sourceLiteral(s lang.Source, vars map[string]string) string {
	source := f.g.QualifiedGoIdent(langPackage.Ident("Source"))
	var b strings.Builder
	fmt.Fprintf(&b, "%s{\nType: %s,\nPath: %q,\nText: %s,\n", source, f.g.QualifiedGoIdent(langPackage.Ident("Protobuf")), s.Path, stringLiteral(s.Text))
	if len(s.References) > 0 {
		fmt.Fprintf(&b, "References: []%s{\n", f.g.QualifiedGoIdent(langPackage.Ident("Reference")))
		for _, r := range s.References {
			fmt.Fprintf(&b, "{Name: %q, ", r.Name)
			if r.Subject != "" {
				fmt.Fprintf(&b, "Subject: %q, Version: %d, ", r.Subject, r.Version)
			}
			if r.Source != nil {
				fmt.Fprintf(&b, "Source: &%s", vars[r.Name])
			}
			b.WriteString("},\n")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}")
	return b.String()
}

// stringLiteral spells text readably where Go allows it.
func stringLiteral(s string) string {
	if strconv.CanBackquote(strings.NewReplacer("\n", "", "\t", "").Replace(s)) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func (f *fastFile) printType(m *protogen.Message, indexes []int) {
	g := f.g
	name := m.GoIdent.GoName
	fn := ProtoTypeFunc(f.schema, string(m.Desc.FullName()))
	typ := g.QualifiedGoIdent(codecPackage.Ident("Type")) + "[" + name + "]"
	g.P()
	g.P("// ", fn, " describes ", m.Desc.FullName(), " to package codec.")
	g.P("func ", fn, "() *", typ, " { return typeOf", name, "() }")
	g.P()
	g.P("var typeOf", name, " = ", syncPackage.Ident("OnceValue"), "(func() *", typ, " {")
	g.P("return &", typ, "{")
	g.P("Name: ", strconv.Quote(string(m.Desc.FullName())), ",")
	g.P("Source: ", f.sourceVar(), "(),")
	g.P("Indexes: []int{", strings.Trim(strings.ReplaceAll(fmt.Sprint(indexes), " ", ", "), "[]"), "},")
	if clashes(m) {
		g.P("Append: func(dst []byte, v *", name, ") ([]byte, error) { return ", protofastPackage.Ident("AppendMessage"), "(dst, v) },")
		g.P("Decode: func(data string, v *", name, ") error { return ", protofastPackage.Ident("MergeMessage"), "(v, data) },")
	} else {
		g.P("Append: func(dst []byte, v *", name, ") ([]byte, error) { return v.AppendFast(dst) },")
		g.P("Decode: func(data string, v *", name, ") error { return v.DecodeFast(data) },")
	}
	g.P("}")
	g.P("})")
}

const (
	appendDoc = "// AppendFast appends the encoding of x to dst: the bytes that a deterministic"
	decodeDoc = "// DecodeFast adds what data says to x, as a merging proto.Unmarshal does. The"
)

func (f *fastFile) printFallback(m *protogen.Message) {
	g := f.g
	g.P()
	g.P(appendDoc)
	g.P("// proto.Marshal makes, which it calls: the message uses what the generated code")
	g.P("// does not cover. On error it returns dst as it was.")
	g.P("func (x *", m.GoIdent, ") AppendFast(dst []byte) ([]byte, error) {")
	g.P("return ", protofastPackage.Ident("AppendMessage"), "(dst, x)")
	g.P("}")
	g.P()
	g.P("// DecodeFast adds what data says to x. It calls a merging proto.Unmarshal: the")
	g.P("// message uses what the generated code does not cover.")
	g.P("func (x *", m.GoIdent, ") DecodeFast(data string) error {")
	g.P("return ", protofastPackage.Ident("MergeMessage"), "(x, data)")
	g.P("}")
}

// clashes reports whether fields of the message take the names of the methods.
func clashes(m *protogen.Message) bool {
	for _, fd := range m.Fields {
		if fd.GoName == "AppendFast" || fd.GoName == "DecodeFast" {
			return true
		}
	}
	for _, o := range m.Oneofs {
		if o.GoName == "AppendFast" || o.GoName == "DecodeFast" {
			return true
		}
	}
	return false
}

// covered reports whether the generated code knows everything that the message
// uses. What it does not know is left to proto.Marshal and proto.Unmarshal:
// groups and delimited fields, the opaque and hybrid API, message sets, and
// messages that can reach a required field or an extension, because whether
// those are complete is known only at the end of the outermost message.
func covered(m *protogen.Message) bool {
	if m.APILevel != gofeaturespb.GoFeatures_API_OPEN || reachesRequired(m.Desc, map[protoreflect.FullName]bool{}) {
		return false
	}
	for _, fd := range m.Fields {
		if fd.Desc.Kind() == protoreflect.GroupKind {
			return false
		}
	}
	return true
}

func reachesRequired(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[m.FullName()] {
		return false
	}
	seen[m.FullName()] = true
	if m.RequiredNumbers().Len() > 0 || m.ExtensionRanges().Len() > 0 {
		return true
	}
	for i := range m.Fields().Len() {
		if sub := m.Fields().Get(i).Message(); sub != nil && reachesRequired(sub, seen) {
			return true
		}
	}
	return false
}

// How a message that a field holds is called.
type messageCall uint8

const (
	byReflection messageCall = iota
	byMethod                 // exported: of another package
	byOwnMethod              // of this file's package; carries the depth
	byTimestamp
	byDuration
)

func (f *fastFile) call(m *protogen.Message) messageCall {
	switch m.Desc.FullName() {
	case "google.protobuf.Timestamp":
		return byTimestamp
	case "google.protobuf.Duration":
		return byDuration
	}
	_, ours := f.gen.params[m.Desc.ParentFile().Path()]
	switch {
	case !ours || clashes(m):
		return byReflection
	case m.GoIdent.GoImportPath == f.file.GoImportPath && covered(m):
		return byOwnMethod
	}
	return byMethod
}

func tagBytes(fd protoreflect.FieldDescriptor, typ protowire.Type) string {
	var out []string
	for _, b := range protowire.AppendTag(nil, fd.Number(), typ) {
		out = append(out, "0x"+strconv.FormatUint(uint64(b), 16))
	}
	return strings.Join(out, ", ")
}

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	}
	return protowire.VarintType
}

func mustBeUTF8(fd protoreflect.FieldDescriptor) bool {
	e, ok := fd.(interface{ EnforceUTF8() bool })
	return fd.Kind() == protoreflect.StringKind && (!ok || e.EnforceUTF8())
}
