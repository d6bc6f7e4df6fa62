package codec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

func newNotes(t testing.TB) *codec.Serializer[note] {
	t.Helper()
	reg := registryOf(map[uint32]lang.Source{7: noteSource()})
	reg.subjects["notes-value"] = 7
	s, err := codec.NewSerializer(t.Context(), reg, "notes-value", noteType())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSerializerAppends(t *testing.T) {
	t.Parallel()
	s := newNotes(t)
	got, err := s.Append([]byte("x"), &note{"hi"})
	if want := "x\x00\x00\x00\x00\x07hi."; err != nil || string(got) != want {
		t.Errorf("Append = %q, %v; want %q", got, err, want)
	}
	if s.ID() != 7 {
		t.Errorf("ID() = %d, want 7", s.ID())
	}
}

func TestSerializerFramesProtobufWithIndexes(t *testing.T) {
	t.Parallel()
	reg := fakeRegistrar{registryOf(map[uint32]lang.Source{})}
	s, err := codec.NewSerializer(t.Context(), reg, "notes-value", protoType(), codec.RegisterSchemas())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Encode(&note{"hi"})
	if want := "\x00\x00\x00\x00\x01\x02\x02hi."; err != nil || string(got) != want {
		t.Errorf("Encode = %q, %v; want %q", got, err, want)
	}
}

func TestSerializerReturnsDstAsItWasOnError(t *testing.T) {
	t.Parallel()
	s := newNotes(t)
	got, err := s.Append([]byte("x"), &note{"bad"})
	if !errors.Is(err, errBroken) || string(got) != "x" {
		t.Errorf("Append = %q, %v; want \"x\" and the encoder's error", got, err)
	}
	if got, err := s.Encode(&note{"bad"}); got != nil || !errors.Is(err, errBroken) {
		t.Errorf("Encode = %q, %v; want the encoder's error", got, err)
	}
	if got, err := s.Append([]byte("x"), nil); err == nil || string(got) != "x" {
		t.Errorf("Append of nil = %q, %v; want an error", got, err)
	}
}

// Whoever reads the error knows what to type.
func TestUnregisteredSchemaSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	_, err := codec.NewSerializer(t.Context(), registryOf(nil), "notes-value", noteType())
	if !errors.Is(err, codec.ErrNotRegistered) {
		t.Fatalf("NewSerializer = %v, want ErrNotRegistered", err)
	}
	for _, want := range []string{"notes-value", "a.b.Note", "schemas/a/b/note.avsc", "wireproof push"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
}

func TestRegistryThatCannotBeAskedIsNotUnregistered(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	_, err := codec.NewSerializer(t.Context(), downRegistry{err: down}, "s", noteType(), codec.RegisterSchemas())
	if !errors.Is(err, down) || errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("NewSerializer = %v, want only %v", err, down)
	}
}

type downRegistry struct {
	codec.SchemaSource
	err error
}

func (d downRegistry) Lookup(context.Context, string, lang.Source) (uint32, error) { return 0, d.err }

func TestRegisterSchemasNeedsARegistrar(t *testing.T) {
	t.Parallel()
	_, err := codec.NewSerializer(t.Context(), registryOf(nil), "s", noteType(), codec.RegisterSchemas())
	if !errors.Is(err, codec.ErrNotRegistered) || !strings.Contains(err.Error(), "cannot register") {
		t.Errorf("NewSerializer = %v, want an error that says that the registry cannot register", err)
	}
}

// Events of all sizes, from several goroutines, stay as they were encoded
// whatever is encoded or appended later.
func TestEncodedMessagesKeepTheirBytes(t *testing.T) {
	t.Parallel()
	s := newNotes(t)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			var got [][]byte
			var want []string
			for i := range 600 {
				text := strings.Repeat(string(rune('a'+worker)), i*i%(1+37*i)) + fmt.Sprint(i)
				out, err := s.Encode(&note{text})
				if err != nil {
					t.Error(err)
					return
				}
				if cap(out) != len(out) {
					t.Errorf("capacity %d of a message of %d bytes", cap(out), len(out))
				}
				_ = append(out, "overrun"...)
				got, want = append(got, out), append(want, string(framed(7, text+".")))
			}
			for i := range got {
				if string(got[i]) != want[i] {
					t.Errorf("worker %d: message %d has changed", worker, i)
				}
			}
		})
	}
	wg.Wait()
}

func TestMessagesLargerThanAChunk(t *testing.T) {
	t.Parallel()
	s := newNotes(t)
	for range 3 {
		for _, size := range []int{1, 4 << 10, 16 << 10, 64 << 10, 300 << 10, 20} {
			text := strings.Repeat("x", size)
			got, err := s.Encode(&note{text})
			if err != nil || !bytes.Equal(got, framed(7, text+".")) {
				t.Fatalf("Encode of %d bytes = %d bytes, %v", size, len(got), err)
			}
		}
	}
}

// One large message makes those after it neither slow nor heavy: a broker client
// keeps many of them.
func TestSmallMessagesAfterALargeOne(t *testing.T) {
	s := newNotes(t)
	if _, err := s.Encode(&note{strings.Repeat("x", 16<<20)}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make([][]byte, 64)
	for i := range kept {
		var err error
		if kept[i], err = s.Encode(&note{"small"}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 48<<20 {
		t.Errorf("%d bytes were allocated for 64 small messages", n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 1<<20 {
		t.Errorf("64 small messages keep %d bytes", n)
	}
	runtime.KeepAlive(kept)
}

func TestSerializerAllocations(t *testing.T) {
	s, v, dst := newNotes(t), &note{"some text"}, make([]byte, 0, 64)
	if n := testing.AllocsPerRun(1000, func() { dst, _ = s.Append(dst[:0], v) }); n != 0 {
		t.Errorf("Append makes %v allocations, want 0", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Encode(v) }); n != 0 { // one for a chunk of thousands
		t.Errorf("Encode makes %v allocations, want 0 on average", n)
	}
}

func BenchmarkEncode(b *testing.B) {
	s, v := newNotes(b), &note{strings.Repeat("x", 300)}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Encode(v)
	}
}
