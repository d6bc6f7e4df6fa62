package codec_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

// A task is a second event type beside note.
type task struct{ text string }

func taskType(source lang.Source, indexes []int) *codec.Type[task] {
	return &codec.Type[task]{
		Name:    "a.b.Task",
		Source:  source,
		Indexes: indexes,
		Decode:  func(data string, v *task) error { v.text = "task " + data; return nil },
		Resolve: func(lang.Source) (func(string, *task) error, error) {
			return func(data string, v *task) error { v.text = "old task " + data; return nil }, nil
		},
	}
}

var errHandler = errors.New("handler says no")

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// record returns a Mux for both types whose handlers append to *calls.
func record(src codec.SchemaSource, n *codec.Type[note], k *codec.Type[task], calls *[]string) *codec.Mux[string] {
	m := codec.NewMux[string](src)
	must(codec.Handle(m, n, func(_ context.Context, v *note, meta string) error {
		*calls = append(*calls, "note "+v.text+" "+meta)
		if v.text == "fail" {
			return errHandler
		}
		return nil
	}))
	must(codec.Handle(m, k, func(_ context.Context, v *task, meta string) error {
		*calls = append(*calls, v.text+" "+meta)
		return nil
	}, codec.InSubject("tasks")))
	return m
}

func avroTask() lang.Source {
	return lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"Task","namespace":"a.b","fields":[]}`}
}

func TestDispatchAvro(t *testing.T) {
	t.Parallel()
	reg := avroWriters()
	reg.schemas[8] = avroTask()
	reg.schemas[9] = lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"a.b.OldNote","fields":[]}`}
	reg.schemas[10] = lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"a.b.Stranger","fields":[]}`}
	var calls []string
	m := record(reg, noteType(), taskType(avroTask(), nil), &calls)
	for _, c := range []struct {
		id    uint32
		known bool
		name  string
		call  string
	}{
		{7, true, "a.b.Note", "note hi. m"},
		{6, true, "a.b.Note", "note old hi. m"},
		{8, true, "a.b.Task", "task hi.. m"},
		{9, true, "a.b.OldNote", "note old hi. m"}, // an alias of the reader
		{10, false, "a.b.Stranger", ""},
	} {
		calls = nil
		data := "hi.."
		if strings.HasPrefix(c.call, "note") {
			data = "hi."
			c.call = strings.Replace(c.call, "hi.", "hi", 1)
		}
		known, name, err := m.Dispatch(t.Context(), framed(c.id, data), "m")
		if known != c.known || name != c.name || err != nil || strings.Join(calls, "|") != c.call {
			t.Errorf("Dispatch of id %d = %v, %q, %v with calls %q; want %+v", c.id, known, name, err, calls, c)
		}
	}
}

func TestDispatchProtobuf(t *testing.T) {
	t.Parallel()
	file := lang.Source{Type: lang.Protobuf, Text: `package a.b;
		message Task { map<int32, int32> m = 1; message Stranger {} }
		message Note {}`}
	var calls []string
	m := record(registryOf(map[uint32]lang.Source{1: file}), protoType(), taskType(file, []int{0}), &calls)
	for _, c := range []struct {
		data  string
		known bool
		name  string
		call  string
	}{
		{"\x00hi.", true, "a.b.Task", "task hi. m"},
		{"\x02\x00hi.", true, "a.b.Task", "task hi. m"},
		{"\x02\x02hi.", true, "a.b.Note", "note hi m"},
		{"\x04\x00\x00hi.", false, "a.b.Task.Stranger", ""},
		{"\x04\x00\x02hi.", false, "a.b.Task.Stranger", ""}, // counted with the map's entry
	} {
		calls = nil
		known, name, err := m.Dispatch(t.Context(), framed(1, c.data), "m")
		if known != c.known || name != c.name || err != nil || strings.Join(calls, "|") != c.call {
			t.Errorf("Dispatch of %q = %v, %q, %v with calls %q; want %+v", c.data, known, name, err, calls, c)
		}
	}
}

func TestHandleRefusesASecondHandler(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *note, int) error { return nil }
	m := codec.NewMux[int](avroWriters())
	must(codec.Handle(m, noteType(), nothing))
	if err := codec.Handle(m, noteType(), nothing); err == nil {
		t.Error("a type has two handlers")
	}
	other := noteType()
	other.Name = "a.b.Other"
	if err := codec.Handle(m, other, nothing); err == nil || !strings.Contains(err.Error(), "a.b.OldNote") {
		t.Errorf("Handle of another type with the same alias = %v, want an error", err)
	}
	other.Name, other.Aliases = "a.b.OldNote", nil // a name goes before an alias
	if err := codec.Handle(m, other, nothing); err != nil {
		t.Errorf("Handle of a type whose name is an alias = %v", err)
	}
}

func TestDispatchFaults(t *testing.T) {
	t.Parallel()
	reg := avroWriters()
	reg.schemas[20] = lang.Source{Type: lang.JSON, Text: `{}`}
	reg.schemas[21] = lang.Source{Type: lang.Avro, Text: `["null"]`}
	reg.schemas[22] = lang.Source{Type: lang.Protobuf, Text: `message {`}
	var calls []string
	m := record(reg, noteType(), taskType(avroTask(), nil), &calls)
	for name, data := range map[string][]byte{
		"empty":                   nil,
		"not framed":              []byte("xxxxxxx"),
		"unknown id":              framed(99, "hi."),
		"trailing":                framed(7, "hi.x"),
		"unreadable writer":       framed(5, "hi."),
		"language without a name": framed(20, "{}"),
		"union":                   framed(21, "\x00"),
		"not an outline":          framed(22, "\x00"),
		"no indexes":              framed(4, ""),
		"forged indexes":          framed(4, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"),
		"index of nothing":        framed(4, "\x02\x08"),
		"reader of another kind":  framed(4, "\x02\x02hi."),
	} {
		_, _, err := m.Dispatch(t.Context(), data, "m")
		var fault *codec.DecodeError
		if !errors.As(err, &fault) || !errors.Is(err, codec.ErrUndecodable) {
			t.Errorf("%s: Dispatch = %v, want a DecodeError", name, err)
		}
	}
	if len(calls) != 0 {
		t.Errorf("handlers were called: %q", calls)
	}
}

func TestDispatchPassesTheHandlersErrorOn(t *testing.T) {
	t.Parallel()
	var calls []string
	m := record(avroWriters(), noteType(), taskType(avroTask(), nil), &calls)
	known, _, err := m.Dispatch(t.Context(), framed(7, "fail."), "m")
	if err != errHandler || !known { // it must be that very error
		t.Errorf("Dispatch = %v, %v; want the handler's error itself", known, err)
	}
}

func TestDispatchTellsARegistryThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	reg, down := avroWriters(), errors.New("connection refused")
	reg.before = func(context.Context, uint32) error { return down }
	var calls []string
	m := record(reg, noteType(), taskType(avroTask(), nil), &calls)
	known, _, err := m.Dispatch(t.Context(), framed(7, "hi."), "m")
	if known || !errors.Is(err, down) || errors.Is(err, codec.ErrUndecodable) {
		t.Errorf("Dispatch = %v, %v; want unknown and %v", known, err, down)
	}
}

func TestDispatchAllocations(t *testing.T) {
	m := codec.NewMux[int](avroWriters())
	must(codec.Handle(m, noteType(), func(context.Context, *note, int) error { return nil }))
	p := codec.NewMux[int](protoWriters())
	must(codec.Handle(p, protoType(), func(context.Context, *note, int) error { return nil }))
	ctx := t.Context()
	avro, proto := framed(7, "some longer text."), framed(1, "\x02\x02some longer text.")
	// What decoding costs by itself: the event, and the text of its strings.
	if n := testing.AllocsPerRun(1000, func() { _, _, _ = m.Dispatch(ctx, avro, 1) }); n > 2 {
		t.Errorf("Avro: %v allocations, want at most 2", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _, _ = p.Dispatch(ctx, proto, 1) }); n > 2 {
		t.Errorf("Protobuf: %v allocations, want at most 2", n)
	}
}

func BenchmarkDispatch(b *testing.B) {
	m := codec.NewMux[int](avroWriters())
	must(codec.Handle(m, noteType(), func(context.Context, *note, int) error { return nil }))
	p := codec.NewMux[int](protoWriters())
	must(codec.Handle(p, protoType(), func(context.Context, *note, int) error { return nil }))
	for name, c := range map[string]struct {
		mux  *codec.Mux[int]
		data []byte
	}{"avro": {m, framed(7, "text.")}, "protobuf": {p, framed(1, "\x02\x02text.")}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = c.mux.Dispatch(b.Context(), c.data, 1)
			}
		})
	}
}
