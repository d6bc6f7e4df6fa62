package codec_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

func avroWriters() *fakeRegistry {
	return registryOf(map[uint32]lang.Source{
		7: noteSource(),
		6: {Type: lang.Avro, Path: "notes-value v1", Text: `{"type":"record","name":"a.b.Note","fields":[]}`},
		5: {Type: lang.Avro, Path: "notes-value v0", Text: `{"type":"record","name":"a.b.Note","fields":[],"x":"unreadable"}`},
		3: {Type: lang.Avro, Path: "notes-value v3", Text: `{"type":"record", "doc": "other doc", "name":"a.b.Note", "fields":[{"name":"text","type":{"type":"string"}}]}`},
		4: {Type: lang.Protobuf, Path: "notes-value v9", Text: notesProto},
	})
}

func TestDeserializerReadsOwnAndOldWriters(t *testing.T) {
	t.Parallel()
	d := codec.NewDeserializer(avroWriters(), noteType())
	for range 2 {
		for id, want := range map[uint32]string{7: "hi", 6: "old hi", 3: "hi"} {
			got, err := d.Decode(t.Context(), framed(id, "hi."))
			if err != nil || got.text != want {
				t.Errorf("Decode of id %d = %v, %v; want %q", id, got, err, want)
			}
		}
	}
}

// Resolving is done once for an id, also when it fails: the answer cannot change.
func TestDeserializerResolvesOnce(t *testing.T) {
	t.Parallel()
	typ, resolved := noteType(), 0
	resolve := typ.Resolve
	typ.Resolve = func(w lang.Source) (func(string, *note) error, error) {
		resolved++
		return resolve(w)
	}
	d := codec.NewDeserializer(avroWriters(), typ)
	for range 3 {
		_, _ = d.Decode(t.Context(), framed(6, "hi."))
		_, _ = d.Decode(t.Context(), framed(5, "hi."))
		_, _ = d.Decode(t.Context(), framed(7, "hi."))
	}
	if resolved != 2 {
		t.Errorf("Resolve was called %d times, want 2", resolved)
	}
}

// An event belongs to its receiver: nothing that becomes of the payload shows.
func TestDecodedEventDoesNotAliasThePayload(t *testing.T) {
	t.Parallel()
	data := framed(7, "hello.")
	v, err := codec.NewDeserializer(avroWriters(), noteType()).Decode(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if v.text != "hello" {
		t.Errorf("text = %q after the payload was cleared", v.text)
	}
}

func TestDecodeErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	d := codec.NewDeserializer(avroWriters(), noteType(), codec.InSubject("notes-value"))
	for name, c := range map[string]struct {
		data []byte
		want codec.DecodeError // without Err
		says string
		is   error
	}{
		"empty":        {nil, codec.DecodeError{}, "0 bytes", codec.ErrNotFramed},
		"not framed":   {[]byte("{....}"), codec.DecodeError{}, "0x7b", codec.ErrNotFramed},
		"unknown id":   {framed(99, "hi."), codec.DecodeError{ID: 99}, "id 99", codec.ErrUnknownID},
		"cut off":      {framed(7, "hi"), codec.DecodeError{ID: 7, Path: "text", Offset: 7}, "cut off", nil},
		"trailing":     {framed(7, "hi.x"), codec.DecodeError{ID: 7, Offset: 8}, "after the value", nil},
		"unreadable":   {framed(5, "hi."), codec.DecodeError{ID: 5, Offset: -1}, "field x cannot be read", nil},
		"other format": {framed(4, "hi."), codec.DecodeError{ID: 4, Offset: -1}, "PROTOBUF, expected AVRO", nil},
	} {
		_, err := d.Decode(t.Context(), c.data)
		var got *codec.DecodeError
		if !errors.As(err, &got) || !errors.Is(err, codec.ErrUndecodable) {
			t.Errorf("%s: Decode = %v, want a DecodeError, which is ErrUndecodable", name, err)
			continue
		}
		c.want.Subject, c.want.Name, c.want.Err = "notes-value", "a.b.Note", got.Err
		if *got != c.want {
			t.Errorf("%s: Decode = %+v, want %+v", name, *got, c.want)
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `subject "notes-value"`) {
			t.Errorf("%s: error %q does not say %q and the subject", name, err, c.says)
		}
		if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: error %q is not %q", name, err, c.is)
		}
	}
}

// Without a subject of its own, an error names where the writer's schema is kept.
func TestDecodeErrorTakesTheSubjectOfTheWriter(t *testing.T) {
	t.Parallel()
	_, err := codec.NewDeserializer(avroWriters(), noteType()).Decode(t.Context(), framed(6, "hi"))
	if err == nil || !strings.Contains(err.Error(), "notes-value v1") {
		t.Errorf("Decode = %v, want an error with the writer's subject", err)
	}
}

func TestRegistryThatCannotBeAskedIsNoFaultOfTheData(t *testing.T) {
	t.Parallel()
	reg, down := avroWriters(), errors.New("connection refused")
	reg.before = func(context.Context, uint32) error { return down }
	d := codec.NewDeserializer(reg, noteType())
	if _, err := d.Decode(t.Context(), framed(7, "hi.")); !errors.Is(err, down) || errors.Is(err, codec.ErrUndecodable) {
		t.Errorf("Decode = %v, want %v, not ErrUndecodable", err, down)
	}
	reg.before = nil
	if _, err := d.Decode(t.Context(), framed(7, "hi.")); err != nil {
		t.Errorf("Decode once the registry is back = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Decode(ctx, framed(6, "hi.")); !errors.Is(err, context.Canceled) || errors.Is(err, codec.ErrUndecodable) {
		t.Errorf("Decode with a context that has ended = %v, want context.Canceled", err)
	}
}

func TestAvroTypeWithoutResolveReadsOnlyItsOwnSchema(t *testing.T) {
	t.Parallel()
	typ := noteType()
	typ.Resolve = nil
	d := codec.NewDeserializer(avroWriters(), typ)
	if _, err := d.Decode(t.Context(), framed(7, "hi.")); err != nil {
		t.Errorf("Decode of its own = %v", err)
	}
	if _, err := d.Decode(t.Context(), framed(6, "hi.")); !errors.Is(err, codec.ErrUndecodable) {
		t.Errorf("Decode of another = %v, want ErrUndecodable", err)
	}
}

// The same text with another reference behind it is another schema.
func TestReferencesArePartOfTheWritersSchema(t *testing.T) {
	t.Parallel()
	with := func(ref string) lang.Source {
		src := lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"a.b.Note","fields":[{"name":"x","type":"a.b.X"}]}`}
		src.References = []lang.Reference{{Name: "a.b.X", Source: &lang.Source{Type: lang.Avro, Text: ref}}}
		return src
	}
	enum := func(symbol string) string { return `{"type":"enum","name":"a.b.X","symbols":["` + symbol + `"]}` }
	typ := noteType()
	typ.Source = with(enum("A"))
	d := codec.NewDeserializer(registryOf(map[uint32]lang.Source{1: with(enum("A")), 2: with(enum("B"))}), typ)
	for id, want := range map[uint32]string{1: "hi", 2: "old hi"} {
		if got, err := d.Decode(t.Context(), framed(id, "hi.")); err != nil || got.text != want {
			t.Errorf("Decode of id %d = %v, %v; want %q", id, got, err, want)
		}
	}
}

func protoWriters() *fakeRegistry {
	return registryOf(map[uint32]lang.Source{
		1: {Type: lang.Protobuf, Text: notesProto},
		// Note came first in this version, and a map field hides a message.
		2: {Type: lang.Protobuf, Text: `package a.b; message Note { map<string, string> m = 1; message In {} }`},
		3: {Type: lang.Protobuf, Text: `package a.b; message Other {}`},
		4: {Type: lang.Protobuf, Text: `package a.b; message Other {`},
	})
}

func TestDeserializerFindsTheMessageInTheWritersFile(t *testing.T) {
	t.Parallel()
	d := codec.NewDeserializer(protoWriters(), protoType())
	for _, data := range [][]byte{
		framed(1, "\x02\x02hi."), framed(1, "\x82\x00\x02hi."), // usual and long-winded
		framed(2, "\x00hi."), framed(2, "\x02\x00hi."),
	} {
		if got, err := d.Decode(t.Context(), data); err != nil || got.text != "hi" {
			t.Errorf("Decode(%x) = %v, %v; want hi", data, got, err)
		}
	}
}

func TestDeserializerNamesTheMessageThatItGot(t *testing.T) {
	t.Parallel()
	d := codec.NewDeserializer(protoWriters(), protoType())
	for data, says := range map[string]string{
		string(framed(1, "\x00hi.")):         "is a message a.b.Envelope, expected a.b.Note",
		string(framed(1, "\x04\x00\x00hi.")): "is a message a.b.Envelope.Note",
		string(framed(2, "\x04\x00\x02hi.")): "is a message a.b.Note.In", // as one that counts map entries
		string(framed(1, "\x02\x08hi.")):     "[4] are not in the writer's schema",
		string(framed(3, "\x00hi.")):         "no message a.b.Note",
		string(framed(4, "\x00hi.")):         "outline",
	} {
		_, err := d.Decode(t.Context(), []byte(data))
		if !errors.Is(err, codec.ErrUndecodable) || !strings.Contains(err.Error(), says) {
			t.Errorf("Decode(%x) = %v, want one that says %q", data, err, says)
		}
	}
}

func TestDecodeErrorOffsetCountsTheWholePayload(t *testing.T) {
	t.Parallel()
	_, err := codec.NewDeserializer(protoWriters(), protoType()).Decode(t.Context(), framed(1, "\x02\x02hi.x"))
	var got *codec.DecodeError
	if !errors.As(err, &got) || got.Offset != 10 {
		t.Errorf("Decode = %v, want an error at byte 10", err)
	}
}

func TestDeserializerAllocations(t *testing.T) {
	d, p := codec.NewDeserializer(avroWriters(), noteType()), codec.NewDeserializer(protoWriters(), protoType())
	ctx := t.Context()
	avro, proto := framed(7, "some longer text."), framed(1, "\x02\x02some longer text.")
	// The event, and the one copy that all its strings share.
	if n := testing.AllocsPerRun(1000, func() { _, _ = d.Decode(ctx, avro) }); n > 2 {
		t.Errorf("Avro: %v allocations, want at most 2", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = p.Decode(ctx, proto) }); n > 2 {
		t.Errorf("Protobuf: %v allocations, want at most 2", n)
	}
}

// Whatever the bytes are, the answer is an event or a DecodeError.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(framed(7, "hi."))
	f.Add(framed(1, "\x02\x02hi."))
	f.Add(framed(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"))
	avro, proto := codec.NewDeserializer(avroWriters(), noteType()), codec.NewDeserializer(protoWriters(), protoType())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range []*codec.Deserializer[note]{avro, proto} {
			v, err := d.Decode(t.Context(), data)
			var fault *codec.DecodeError
			if (v == nil) == (err == nil) || err != nil && !errors.As(err, &fault) {
				t.Fatalf("Decode(%x) = %v, %v", data, v, err)
			}
		}
	})
}
