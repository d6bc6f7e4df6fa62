package gate

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// An element is a part of a schema that has a name: what a difference is told in.
type element struct {
	key   string // the same on both sides for the same element
	path  string // as people call it
	attrs []attr
	pos   lang.Pos
}

type attr struct{ name, value string }

// maxElements bounds an outline; a schema with more is compared as text.
const maxElements = 100_000

// outline lists the elements of a schema, in the order of its text.
func outline(s lang.Schema) ([]element, error) {
	o := &outliner{seen: map[*avro.Type]bool{}}
	switch s := s.(type) {
	case *avro.Schema:
		o.avroType(s.Root, avroName(s.Root))
	case *protobuf.Schema:
		o.protoFile(s)
	default:
		root, err := lang.ParseJSON(s.Source().Path, s.Source().Text)
		if err != nil {
			return nil, err
		}
		o.json(root, "", root.Pos)
	}
	if len(o.out) > maxElements {
		return nil, fmt.Errorf("%s has more than the %d elements that a difference is told in", s.Source().Path, maxElements)
	}
	return o.out, nil
}

type outliner struct {
	out  []element
	seen map[*avro.Type]bool
}

func (o *outliner) add(key, path string, pos lang.Pos, attrs ...attr) {
	kept := attrs[:0]
	for _, a := range attrs {
		if a.value != "" {
			kept = append(kept, a)
		}
	}
	if len(o.out) <= maxElements {
		o.out = append(o.out, element{key, path, kept, pos})
	}
}

func avroName(t *avro.Type) string {
	if t.Name == "" {
		return "schema"
	}
	return t.Name[strings.LastIndexByte(t.Name, '.')+1:]
}

// avroType adds a type at path, and what is below it. A named type is told once,
// where it is defined.
func (o *outliner) avroType(t *avro.Type, path string) {
	switch t.Kind {
	case avro.Array:
		o.avroType(t.Items, path+"[]")
		return
	case avro.Map:
		o.avroType(t.Items, path+"{}")
		return
	case avro.Union:
		for _, b := range t.Branches {
			below := path
			if b.Name != "" {
				below += "<" + avroName(b) + ">"
			}
			o.avroType(b, below)
		}
		return
	}
	if t.Name == "" || o.seen[t] {
		return
	}
	o.seen[t] = true
	attrs := []attr{{"", avroWord(t)}, {"name", t.Name}, {"aliases", strings.Join(t.Aliases, ", ")}, {"doc", t.Doc}}
	switch t.Kind {
	case avro.Enum:
		def := ""
		if t.HasDefault {
			def = t.Default
		}
		o.add("type "+path, path, t.NamePos, append(attrs, attr{"default", def})...)
		for i, s := range t.Symbols {
			o.add(path+"."+s.Name, path+"."+s.Name, s.Pos, attr{"", "symbol"}, attr{"position", strconv.Itoa(i + 1)})
		}
	case avro.Fixed:
		o.add("type "+path, path, t.NamePos, append(attrs, attr{"size", strconv.Itoa(t.Size)})...)
	default:
		o.add("type "+path, path, t.NamePos, attrs...)
		for _, f := range t.Fields {
			below := path + "." + f.Name
			def := ""
			if f.Default != nil {
				def = string(f.Default.AppendJSON(nil))
			}
			o.add(below, below, f.NamePos, attr{"", avroWord(f.Type)}, attr{"default", def}, attr{"aliases", strings.Join(f.Aliases, ", ")}, attr{"doc", f.Doc})
			o.avroType(f.Type, below)
		}
	}
}

var avroKinds = map[avro.Kind]string{
	avro.Null: "null", avro.Boolean: "boolean", avro.Int: "int", avro.Long: "long", avro.Float: "float", avro.Double: "double",
	avro.Bytes: "bytes", avro.String: "string", avro.Record: "record", avro.Enum: "enum", avro.Fixed: "fixed",
}

// avroWord names a type with its logical type.
func avroWord(t *avro.Type) string {
	word := ""
	switch t.Kind {
	case avro.Array:
		return "array of " + avroWord(t.Items)
	case avro.Map:
		return "map of " + avroWord(t.Items)
	case avro.Union:
		parts := make([]string, len(t.Branches))
		for i, b := range t.Branches {
			parts[i] = avroWord(b)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case avro.Record, avro.Enum, avro.Fixed:
		word = avroKinds[t.Kind] + " " + avroName(t)
	default:
		word = avroKinds[t.Kind]
	}
	for _, p := range t.Props {
		if p.Key == "logicalType" && p.Value.Kind == lang.String {
			word += " " + p.Value.Str
		}
	}
	if t.Logical == avro.Decimal {
		word += fmt.Sprintf("(%d,%d)", t.Precision, t.Scale)
	}
	return word
}

func (o *outliner) protoFile(s *protobuf.Schema) {
	f := s.File()
	o.add("package", "package", s.PackagePos(), attr{"", string(f.Package())}, attr{"syntax", f.Syntax().String()})
	o.messages(s, f.Messages(), "")
	o.enums(s, f.Enums(), "")
	o.extensions(s, f.Extensions(), "")
	for i := range f.Services().Len() {
		service := f.Services().Get(i)
		name := string(service.Name())
		o.add("service "+name, name, s.ServicePos(string(service.FullName())), attr{"", "service"})
		for j := range service.Methods().Len() {
			m := service.Methods().Get(j)
			o.add("service "+name+"."+string(m.Name()), name+"."+string(m.Name()), s.MethodPos(string(m.FullName())),
				attr{"", "rpc"}, attr{"request", streamed(m.IsStreamingClient(), m.Input())}, attr{"response", streamed(m.IsStreamingServer(), m.Output())})
		}
	}
}

func streamed(stream bool, m protoreflect.MessageDescriptor) string {
	if stream {
		return "stream " + string(m.FullName())
	}
	return string(m.FullName())
}

func (o *outliner) messages(s *protobuf.Schema, list protoreflect.MessageDescriptors, prefix string) {
	for i := range list.Len() {
		m := list.Get(i)
		if m.IsMapEntry() {
			continue
		}
		name := prefix + string(m.Name())
		o.add("message "+name, name, s.MessagePos(string(m.FullName())), attr{"", "message"},
			attr{"reserved", ranges(m.ReservedRanges(), m.ReservedNames())}, attr{"extensions", ranges(m.ExtensionRanges(), nil)})
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			number := strconv.Itoa(int(f.Number()))
			// A field is its number: with another name it is the same field.
			o.add("message "+name+" "+number, name+"."+string(f.Name()), s.FieldPos(string(m.FullName()), int(f.Number())), append(fieldAttrs(f), attr{"name", string(f.Name())})...)
		}
		o.messages(s, m.Messages(), name+".")
		o.enums(s, m.Enums(), name+".")
		o.extensions(s, m.Extensions(), name+".")
	}
}

func fieldAttrs(f protoreflect.FieldDescriptor) []attr {
	out := []attr{{"", protoWord(f)}, {"number", strconv.Itoa(int(f.Number()))}}
	if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() {
		out = append(out, attr{"oneof", string(one.Name())})
	}
	if f.HasDefault() {
		out = append(out, attr{"default", f.Default().String()})
	}
	if f.HasJSONName() && f.JSONName() != derivedJSONName(string(f.Name())) {
		out = append(out, attr{"json_name", f.JSONName()})
	}
	return append(out, attr{"options", optionsOf(f)})
}

// derivedJSONName is the name that protojson gives a field without json_name.
func derivedJSONName(name string) string {
	var out []byte
	upper := false
	for i := range len(name) {
		c := name[i]
		if c == '_' {
			upper = true
			continue
		}
		if upper && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = false
		out = append(out, c)
	}
	return string(out)
}

// optionsOf prints the options of an element, custom ones included.
func optionsOf(d protoreflect.Descriptor) string {
	if d.Options() == nil || !d.Options().ProtoReflect().IsValid() {
		return ""
	}
	return strings.Join(strings.Fields(fmt.Sprint(d.Options())), " ")
}

func protoWord(f protoreflect.FieldDescriptor) string {
	word := f.Kind().String()
	switch {
	case f.IsMap():
		return "map<" + protoWord(f.MapKey()) + ", " + protoWord(f.MapValue()) + ">"
	case f.Message() != nil:
		word = string(f.Message().FullName())
	case f.Enum() != nil:
		word = string(f.Enum().FullName())
	}
	switch {
	case f.IsList():
		return "repeated " + word
	case f.Cardinality() == protoreflect.Required:
		return "required " + word
	case f.HasOptionalKeyword():
		return "optional " + word
	}
	return word
}

func (o *outliner) enums(s *protobuf.Schema, list protoreflect.EnumDescriptors, prefix string) {
	for i := range list.Len() {
		e := list.Get(i)
		name := prefix + string(e.Name())
		o.add("enum "+name, name, s.EnumPos(string(e.FullName())), attr{"", "enum"}, attr{"reserved", enumRanges(e)})
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			o.add("enum "+name+"."+string(v.Name()), name+"."+string(v.Name()), s.EnumValuePos(string(e.FullName()), int(v.Number())),
				attr{"", "value"}, attr{"number", strconv.Itoa(int(v.Number()))})
		}
	}
}

func (o *outliner) extensions(s *protobuf.Schema, list protoreflect.ExtensionDescriptors, prefix string) {
	for i := range list.Len() {
		x := list.Get(i)
		name := prefix + string(x.Name())
		o.add("extension "+name, name, s.ExtensionPos(string(x.FullName())), append(fieldAttrs(x), attr{"extends", string(x.ContainingMessage().FullName())})...)
	}
}

func ranges(list protoreflect.FieldRanges, names protoreflect.Names) string {
	var out []string
	for i := range list.Len() {
		r := list.Get(i) // the end is exclusive
		out = append(out, span(int(r[0]), int(r[1])-1))
	}
	for i := 0; names != nil && i < names.Len(); i++ {
		out = append(out, strconv.Quote(string(names.Get(i))))
	}
	return strings.Join(out, ", ")
}

func enumRanges(e protoreflect.EnumDescriptor) string {
	var out []string
	for i := range e.ReservedRanges().Len() {
		r := e.ReservedRanges().Get(i) // the end is inclusive
		out = append(out, span(int(r[0]), int(r[1])))
	}
	for i := range e.ReservedNames().Len() {
		out = append(out, strconv.Quote(string(e.ReservedNames().Get(i))))
	}
	return strings.Join(out, ", ")
}

func span(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

// json adds every object as an element whose attributes are its scalar members:
// a JSON Schema is told by its keywords.
func (o *outliner) json(v *lang.Value, path string, pos lang.Pos) {
	var attrs []attr
	if v.Kind != lang.Object {
		attrs = []attr{{"", string(v.AppendJSON(nil))}}
	}
	for _, m := range v.Members {
		if m.Value.Kind != lang.Object && !(m.Value.Kind == lang.Array && holdsObject(m.Value)) {
			attrs = append(attrs, attr{m.Key, string(m.Value.AppendJSON(nil))})
		}
	}
	name := path
	if name == "" {
		name = "schema"
	}
	o.add("/"+path, name, pos, attrs...)
	for _, m := range v.Members {
		below := strings.TrimPrefix(path+"/"+m.Key, "/")
		if m.Value.Kind == lang.Object {
			o.json(m.Value, below, m.KeyPos)
		} else if holdsObject(m.Value) {
			for i, item := range m.Value.Items {
				o.json(item, below+"/"+strconv.Itoa(i), item.Pos)
			}
		}
	}
}

func holdsObject(v *lang.Value) bool {
	for _, item := range v.Items {
		if item.Kind == lang.Object {
			return true
		}
	}
	return false
}
