package protorules_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

var fieldTypes = []string{
	"int32", "int64", "uint32", "uint64", "bool", "sint32", "sint64", "fixed32", "sfixed32", "fixed64", "sfixed64",
	"float", "double", "string", "bytes", "E", "N", "map<string, int32>", "map<int32, N>",
}

// randomSchema has some of the fields 1 to 4, each of any type.
func randomSchema(t *testing.T, r *rand.Rand) *protobuf.Schema {
	t.Helper()
	var b strings.Builder
	b.WriteString("syntax = \"proto3\"; package p; enum E { E_NONE = 0; E_ONE = 1; } message N { string s = 1; } message M { reserved 9;")
	for n := 1; n <= 4; n++ {
		typ := fieldTypes[r.IntN(len(fieldTypes))]
		label := []string{"", "", "optional ", "repeated "}[r.IntN(4)]
		if strings.HasPrefix(typ, "map") {
			label = ""
		}
		fmt.Fprintf(&b, " %s%s f%d = %d;", label, typ, r.IntN(3)*10+n, n)
	}
	b.WriteString(" }")
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "m.proto", Text: b.String()})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return s
}

func randomValue(f protoreflect.FieldDescriptor, m protoreflect.Message, r *rand.Rand) protoreflect.Value {
	n := r.Int64() | 1
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(2.5)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("é")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0xff})
	}
	v := m.NewField(f)
	return v
}

// fillAll sets every field of m to something that is written.
func fillAll(m protoreflect.Message, r *rand.Rand) {
	fs := m.Descriptor().Fields()
	for i := range fs.Len() {
		f := fs.Get(i)
		switch {
		case f.IsMap():
			mp := m.Mutable(f).Map()
			key := randomValue(f.MapKey(), m, r).MapKey()
			if f.MapValue().Message() != nil {
				mp.Set(key, mp.NewValue())
			} else {
				mp.Set(key, randomValue(f.MapValue(), m, r))
			}
		case f.IsList() && f.Message() != nil:
			fillAll(m.Mutable(f).List().AppendMutable().Message(), r)
		case f.IsList():
			m.Mutable(f).List().Append(randomValue(f, m, r))
		case f.Message() != nil:
			fillAll(m.Mutable(f).Message(), r)
		default:
			m.Set(f, randomValue(f, m, r))
		}
	}
}

// compatible asks the cheap judge first: the other one looks for places.
func compatible(t *testing.T, newer, older *protobuf.Schema) bool {
	t.Helper()
	return len(protorules.Check(newer, older)) == 0 && len(gate(t, newer, older)) == 0
}

// Where no rule speaks, data of the old schema is read by the new one: without
// an error, and no field that both have is unknown to the reader.
func TestCompatibleDataCrosses(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	var schemas []*protobuf.Schema
	for range 24 {
		schemas = append(schemas, randomSchema(t, r))
	}
	silent := 0
	for _, older := range schemas {
		for _, newer := range schemas {
			if !compatible(t, newer, older) {
				continue
			}
			if older != newer {
				silent++
			}
			cross(t, newer, older, r)
		}
	}
	silent += crossSmall(t, r)
	if silent < 20 {
		t.Errorf("only %d pairs of different schemas are compatible: the test shows little", silent)
	}
}

// crossSmall pairs schemas of one field, where many are compatible.
func crossSmall(t *testing.T, r *rand.Rand) int {
	t.Helper()
	var schemas []*protobuf.Schema
	for _, typ := range fieldTypes {
		s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "m.proto",
			Text: "syntax = \"proto3\"; package p; enum E { E_NONE = 0; E_ONE = 1; } message N { string s = 1; } message M { " + typ + " f = 1; }"})
		if err != nil {
			t.Fatal(err)
		}
		schemas = append(schemas, s)
	}
	silent := 0
	for _, older := range schemas {
		for _, newer := range schemas {
			if older != newer && compatible(t, newer, older) {
				silent++
				cross(t, newer, older, r)
			}
		}
	}
	return silent
}

func cross(t *testing.T, newer, older *protobuf.Schema, r *rand.Rand) {
	t.Helper()
	written := dynamicpb.NewMessage(older.File().Messages().ByName("M"))
	fillAll(written, r)
	data, err := proto.Marshal(written)
	if err != nil {
		t.Fatal(err)
	}
	read := dynamicpb.NewMessage(newer.File().Messages().ByName("M"))
	if err := proto.Unmarshal(data, read); err != nil {
		t.Errorf("data does not cross: %v\nold: %s\nnew: %s", err, older.Source().Text, newer.Source().Text)
		return
	}
	for rest := []byte(read.GetUnknown()); len(rest) > 0; {
		num, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		if read.Descriptor().Fields().ByNumber(num) != nil {
			t.Errorf("field %d is not understood\nold: %s\nnew: %s", num, older.Source().Text, newer.Source().Text)
		}
		rest = rest[n:]
	}
}
