package prototest

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wireproof/wireproof/codec/protofast"
	allv1 "github.com/wireproof/wireproof/internal/generate/prototest/all/v1"
	depv1 "github.com/wireproof/wireproof/internal/generate/prototest/dep/v1"
	editionv1 "github.com/wireproof/wireproof/internal/generate/prototest/edition/v1"
	legacyv1 "github.com/wireproof/wireproof/internal/generate/prototest/legacy/v1"
)

// fast is what the generator adds to a message.
type fast interface {
	proto.Message
	AppendFast(dst []byte) ([]byte, error)
	DecodeFast(data string) error
}

func kinds() []fast {
	return []fast{
		new(allv1.All), new(allv1.All_Nested), new(allv1.Empty), new(allv1.HasClash), new(allv1.Thing), new(depv1.Money),
		new(legacyv1.Plain), new(legacyv1.Needs), new(legacyv1.HoldsNeeds), new(legacyv1.Grouped), new(legacyv1.Extended),
		new(editionv1.Mixed), new(editionv1.Delimited),
	}
}

func fresh(m fast) fast { return m.ProtoReflect().New().Interface().(fast) }

var deterministic = proto.MarshalOptions{Deterministic: true}

// sameAppend holds that both ways to encode m give the same bytes or both fail.
func sameAppend(t *testing.T, m fast) []byte {
	t.Helper()
	want, wantErr := deterministic.Marshal(m)
	got, err := m.AppendFast([]byte("before"))
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%T: AppendFast says %v, proto.Marshal says %v", m, err, wantErr)
	}
	if err != nil {
		if string(got) != "before" {
			t.Fatalf("%T: on error dst is %q", m, got)
		}
		return nil
	}
	if !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Fatalf("%T: AppendFast gives\n%x\nproto.Marshal gives\n%x", m, got[6:], want)
	}
	return want
}

// sameDecode holds that both ways to decode data give equal messages or both
// fail.
func sameDecode(t *testing.T, kind fast, data []byte) {
	t.Helper()
	want, got := fresh(kind), fresh(kind)
	wantErr := proto.Unmarshal(data, want)
	err := got.DecodeFast(string(data))
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%T: DecodeFast says %v, proto.Unmarshal says %v, of %x", kind, err, wantErr, data)
	}
	if err != nil {
		return
	}
	if !proto.Equal(want, got) {
		t.Fatalf("%T: DecodeFast gives %v\nproto.Unmarshal gives %v\nof %x", kind, got, want, data)
	}
	a, b := sameAppend(t, got), sameAppend(t, want)
	if !bytes.Equal(a, b) {
		t.Fatalf("%T: what was decoded encodes to\n%x and\n%x", kind, a, b)
	}
}

// fill sets fields at random, through reflection, to values of every size.
func fill(m protoreflect.Message, r *rand.Rand, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if r.IntN(3) == 0 || f.Message() != nil && depth == 0 {
			continue
		}
		switch {
		case f.IsMap():
			mp := m.Mutable(f).Map()
			for range r.IntN(4) {
				k := scalar(f.MapKey(), r).MapKey()
				if f.MapValue().Message() != nil {
					v := mp.NewValue()
					fill(v.Message(), r, depth-1)
					mp.Set(k, v)
				} else {
					mp.Set(k, scalar(f.MapValue(), r))
				}
			}
		case f.IsList():
			l := m.Mutable(f).List()
			for range r.IntN(4) {
				if f.Message() != nil {
					fill(l.AppendMutable().Message(), r, depth-1)
				} else {
					l.Append(scalar(f, r))
				}
			}
		case f.Message() != nil:
			fill(m.Mutable(f).Message(), r, depth-1)
		default:
			m.Set(f, scalar(f, r))
		}
	}
	if r.IntN(4) == 0 {
		m.SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 99_999, protowire.BytesType), []byte("kept")))
	}
}

func scalar(f protoreflect.FieldDescriptor, r *rand.Rand) protoreflect.Value {
	n := r.Int64() >> r.IntN(64)
	if r.IntN(8) == 0 {
		n = 0
	}
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n&1 == 1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(r.IntN(f.Enum().Values().Len())).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32([]float32{0, float32(math.Copysign(0, -1)), 1.5, float32(math.Inf(1))}[r.IntN(4)])
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{0, math.Copysign(0, -1), -1.5, math.MaxFloat64}[r.IntN(4)])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytes.Repeat([]byte{0xfe}, r.IntN(3)*70))
	}
	return protoreflect.ValueOfString(strings.Repeat("é", r.IntN(3)*70))
}

// Messages of every kind with random content cross in both directions, whole and
// cut off at each byte.
func TestAgreesWithGoogleProtobuf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range kinds() {
		for range 150 {
			m := fresh(kind)
			fill(m.ProtoReflect(), r, 3)
			data := sameAppend(t, m)
			sameDecode(t, kind, data)
			for range min(len(data), 40) {
				sameDecode(t, kind, data[:r.IntN(len(data))])
			}
		}
	}
}

// A value with one byte changed is read in the same way by both.
func TestAgreesOnDamagedData(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, kind := range kinds() {
		for range 40 {
			m := fresh(kind)
			fill(m.ProtoReflect(), r, 2)
			data := sameAppend(t, m)
			for range min(len(data), 60) {
				bad := bytes.Clone(data)
				bad[r.IntN(len(bad))] = byte(r.Uint32())
				sameDecode(t, kind, bad)
			}
		}
	}
}

// Fields may come twice, out of order and in the other encoding of a list.
func TestMergesWhatComesTwice(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, kind := range kinds() {
		for range 60 {
			a, b := fresh(kind), fresh(kind)
			fill(a.ProtoReflect(), r, 2)
			fill(b.ProtoReflect(), r, 2)
			sameDecode(t, kind, append(sameAppend(t, a), sameAppend(t, b)...))
		}
	}
	var data []byte
	for _, n := range []protowire.Number{41, 42, 43, 46} {
		data = protowire.AppendBytes(protowire.AppendTag(data, n, protowire.BytesType), []byte{1, 0x80, 1, 0})
		data = protowire.AppendVarint(protowire.AppendTag(data, n, protowire.VarintType), math.MaxUint64)
	}
	sameDecode(t, new(allv1.All), data)
}

func TestNilInsideMessages(t *testing.T) {
	sameAppend(t, (*allv1.All)(nil))
	for _, m := range []fast{
		&allv1.All{RNested: []*allv1.All_Nested{nil, {Id: 1}}},
		&allv1.All{Times: []*timestamppb.Timestamp{nil}},
		&allv1.All{Pick: (*allv1.All_PString)(nil)},
		&allv1.All{Pick: &allv1.All_PNested{}},
		&allv1.All{Pick: &allv1.All_PTime{}},
		&allv1.All{OBytes: []byte{}},
	} {
		sameAppend(t, m)
	}
}

func TestTextMustBeUTF8(t *testing.T) {
	const bad = "\xff"
	for _, m := range []fast{
		&allv1.All{AString: bad}, &allv1.All{OString: proto.String(bad)}, &allv1.All{RString: []string{"", bad}},
		&allv1.All{MString: map[string]string{bad: ""}}, &allv1.All{MString: map[string]string{"": bad}},
		&allv1.All{Pick: &allv1.All_PString{PString: bad}}, &allv1.All{ANested: &allv1.All_Nested{Text: bad}},
		&legacyv1.Plain{Text: proto.String(bad)}, &editionv1.Mixed{Implicit: bad}, &editionv1.Mixed{Unchecked: bad},
	} {
		sameAppend(t, m)
	}
	data := protowire.AppendString(protowire.AppendTag(nil, 14, protowire.BytesType), bad)
	sameDecode(t, new(allv1.All), data)
	var de *protofast.DecodeError
	err := new(allv1.All).DecodeFast(string(data))
	if !errors.As(err, &de) || de.Message != "all.v1.All" || de.Field != "a_string" || !errors.Is(err, protofast.ErrUTF8) {
		t.Errorf("got %v", err)
	}
}

func TestForgedLengthsAreRefusedBeforeAllocating(t *testing.T) {
	for _, n := range []protowire.Number{14, 15, 42, 48, 54, 57, 61, 71, 9999} {
		data := protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.BytesType), 1<<40)
		sameDecode(t, new(allv1.All), data)
	}
}

func TestNestingHasALimit(t *testing.T) {
	deep := func(n int) string {
		var data []byte
		for range n { // from the inside out: a body and its header
			head := protowire.AppendVarint(protowire.AppendTag(nil, 18, protowire.BytesType), uint64(len(data)))
			data = append(head, data...)
		}
		return string(data)
	}
	if err := new(allv1.All).DecodeFast(deep(2000)); err != nil {
		t.Errorf("2000 levels: %v", err)
	}
	if err := new(allv1.All).DecodeFast(deep(protofast.MaxDepth + 1)); !errors.Is(err, protofast.ErrDepth) {
		t.Errorf("too many levels: %v", err)
	}
	groups := strings.Repeat("\xfb\x01", 20_000)
	if err := new(allv1.All).DecodeFast(groups); !errors.Is(err, protofast.ErrDepth) {
		t.Errorf("nested unknown groups: %v", err)
	}
}

func sample() *allv1.All {
	return &allv1.All{
		ABool: true, AInt32: -1, AInt64: 1 << 40, ASint64: -5, AFloat: 2.5, AString: strings.Repeat("long ", 40), ABytes: []byte("raw"),
		AColour: allv1.Colour_RED, ANested: &allv1.All_Nested{Id: 7, Text: "é", Deep: &allv1.All_Nested_Deep{Back: []*allv1.All_Nested{{Id: 1}}}},
		OInt32: proto.Int32(0), OString: proto.String(""), RInt32: []int32{1, -2, 300}, RString: []string{"a", ""}, RNested: []*allv1.All_Nested{{}, {Id: 2}},
		MString: map[string]string{"k": "v", "a": "b"}, MNested: map[int32]*allv1.All_Nested{-1: {Id: 3}, 2: nil},
		MBool: map[bool][]byte{true: []byte("t"), false: nil}, MMoney: map[string]*depv1.Money{"m": {Units: 4}},
		At: timestamppb.New(timestamppb.Now().AsTime()), Took: durationpb.New(-5), Money: &depv1.Money{Currency: "EUR", Units: 12},
		Pick: &allv1.All_PMoney{PMoney: &depv1.Money{Units: 1}},
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	m := sample()
	sameAppend(t, m)
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := m.AppendFast(dst); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("AppendFast allocates %v times", n)
	}
}

func TestDecodeAllocatesNothingForFlatMessages(t *testing.T) {
	data := string(sameAppend(t, &depv1.Money{Currency: "EUR", Units: 1 << 50}))
	var m depv1.Money
	if n := testing.AllocsPerRun(100, func() {
		if err := m.DecodeFast(data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("DecodeFast allocates %v times", n)
	}
}

func TestTypesDescribeMessages(t *testing.T) {
	typ := allv1.All_NestedType()
	if typ.Name != "all.v1.All.Nested" || len(typ.Indexes) != 2 || typ.Indexes[0] != 0 || typ.Indexes[1] != 0 || typ.Resolve != nil {
		t.Errorf("got %+v", typ)
	}
	if !strings.Contains(typ.Source.Text, "message All {") || len(typ.Source.References) != 1 || !strings.Contains(typ.Source.References[0].Source.Text, "message Money") {
		t.Errorf("the source is %+v", typ.Source)
	}
	if got := allv1.ThingEventType().Name; got != "all.v1.Thing" {
		t.Errorf("the type beside an enum ThingType is %q", got)
	}
	clash := &allv1.Clash{AppendFast: "x"}
	data, err := allv1.ClashType().Append(nil, clash)
	if err != nil {
		t.Fatal(err)
	}
	var back allv1.Clash
	if err := allv1.ClashType().Decode(string(data), &back); err != nil || !proto.Equal(clash, &back) {
		t.Errorf("got %v, %v", &back, err)
	}
	if first, second := allv1.AllType(), allv1.AllType(); first != second {
		t.Error("two calls give two types")
	}
}

func FuzzDecode(f *testing.F) {
	data, err := deterministic.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{0x0b, 0x0c})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range kinds() {
			sameDecode(t, kind, data)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	m := sample()
	dst := make([]byte, 0, 4096)
	b.Run("fast", func(b *testing.B) {
		for b.Loop() {
			_, _ = m.AppendFast(dst)
		}
	})
	b.Run("google", func(b *testing.B) {
		for b.Loop() {
			_, _ = deterministic.MarshalAppend(dst, m)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data, _ := deterministic.Marshal(sample())
	text := string(data)
	b.Run("fast", func(b *testing.B) {
		for b.Loop() {
			_ = new(allv1.All).DecodeFast(text)
		}
	})
	b.Run("google", func(b *testing.B) {
		for b.Loop() {
			_ = proto.Unmarshal(data, new(allv1.All))
		}
	})
}
