package codec_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

// The tests of this file are what other serializers have got wrong, each at
// least once, in the order of a survey of them. 8 is tested where it belongs, in
// registry/srsource; 10, unions, in codec/hambacodec and with generated code.

// 1: a forged count of message indexes makes a reader panic.
func TestPitfall01ForgedIndexCount(t *testing.T) {
	data := framed(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f")
	d := codec.NewDeserializer(protoWriters(), protoType())
	if _, err := d.Decode(t.Context(), data); !errors.Is(err, codec.ErrUndecodable) {
		t.Errorf("Decode = %v, want ErrUndecodable", err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = codec.CutIndexes(data[5:]) }); n > 5 { // the error's own
		t.Errorf("CutIndexes makes %v allocations", n)
	}
}

// 2: meeting an old writer changes the id that is written.
func TestPitfall02ReadingChangesNoWriter(t *testing.T) {
	t.Parallel()
	typ, reg := noteType(), avroWriters()
	reg.subjects["notes-value"] = 7
	s, err := codec.NewSerializer(t.Context(), reg, "notes-value", typ)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.NewDeserializer(reg, typ).Decode(t.Context(), framed(6, "hi.")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Encode(&note{"hi"}); err != nil || !bytes.Equal(got, framed(7, "hi.")) {
		t.Errorf("Encode after an old writer was met = %x, %v; want id 7", got, err)
	}
}

// 3: what is registered has lost defaults, documentation and aliases.
func TestPitfall03TheSourceTextIsRegistered(t *testing.T) {
	t.Parallel()
	reg := fakeRegistrar{registryOf(map[uint32]lang.Source{})}
	s, err := codec.NewSerializer(t.Context(), reg, "notes-value", noteType(), codec.RegisterSchemas())
	if err != nil {
		t.Fatal(err)
	}
	if got := reg.schemas[s.ID()].Text; got != noteText {
		t.Errorf("registered %s, want %s", got, noteText)
	}
}

// 4: while one id is asked for, those that are known have to wait.
func TestPitfall04AMissBlocksNoHit(t *testing.T) {
	t.Parallel()
	reg := avroWriters()
	asked, answer := make(chan struct{}), make(chan struct{})
	reg.before = func(_ context.Context, id uint32) error {
		if id == 6 {
			close(asked)
			<-answer
		}
		return nil
	}
	d := codec.NewDeserializer(reg, noteType())
	done := make(chan error)
	go func() {
		_, err := d.Decode(t.Context(), framed(6, "hi."))
		done <- err
	}()
	<-asked
	for range 2 { // a miss of another id, then a hit
		if _, err := d.Decode(t.Context(), framed(7, "hi.")); err != nil {
			t.Error(err)
		}
	}
	close(answer)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// 5: a file of an edition is registered as something that cannot be read.
func TestPitfall05Editions(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`edition = "2023"; package a.b; option features.utf8_validation = NONE; message X {} message Note { string text = 1 [features.field_presence = IMPLICIT]; }`,
		`edition = "2024"; package a.b; import option "x.proto"; local message X {} export message Note { string text = 1; }`,
	} {
		typ := protoType()
		typ.Source.Text = text
		reg := fakeRegistrar{registryOf(map[uint32]lang.Source{})}
		s, err := codec.NewSerializer(t.Context(), reg, "notes-value", typ, codec.RegisterSchemas())
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.Encode(&note{"hi"})
		if err != nil {
			t.Fatal(err)
		}
		if reg.schemas[1].Text != text {
			t.Errorf("registered %q, want %q", reg.schemas[1].Text, text)
		}
		if got, err := codec.NewDeserializer(reg, protoType()).Decode(t.Context(), data); err != nil || got.text != "hi" {
			t.Errorf("Decode = %v, %v", got, err)
		}
	}
}

// 6: a serializer needs a C compiler, and a hundred packages.
func TestPitfall06NoCgoAndNoForeignPackages(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{.CgoFiles}}{{end}}", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "github.com/wireproof/wireproof/") || !strings.HasSuffix(line, " []") {
			t.Errorf("package codec links %s", line)
		}
	}
}

// 7: requests that nobody asked for, for each topic or each message.
func TestPitfall07OneLookup(t *testing.T) {
	t.Parallel()
	reg := avroWriters()
	reg.subjects["notes-value"] = 7
	s, err := codec.NewSerializer(t.Context(), reg, "notes-value", noteType())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Encode(&note{"hi"}); err != nil {
			t.Fatal(err)
		}
	}
	if lookups, asked := reg.lookups.Load(), reg.asked.Load(); lookups != 1 || asked != 0 {
		t.Errorf("%d look-ups and %d other requests, want 1 and 0", lookups, asked)
	}
}

// 9: the user has to say where a message stands in its file, and may say it wrongly.
func TestPitfall09MessageIndexesAreFound(t *testing.T) {
	t.Parallel()
	typ := protoType()
	typ.Indexes = nil
	reg := fakeRegistrar{registryOf(map[uint32]lang.Source{})}
	s, err := codec.NewSerializer(t.Context(), reg, "notes-value", typ, codec.RegisterSchemas())
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Encode(&note{"hi"})
	if want := framed(1, "\x02\x02hi."); err != nil || !bytes.Equal(data, want) {
		t.Errorf("Encode = %x, %v; want %x", data, err, want)
	}
	if got, err := codec.NewDeserializer(reg, typ).Decode(t.Context(), data); err != nil || got.text != "hi" {
		t.Errorf("Decode = %v, %v", got, err)
	}
	for _, wrong := range [][]int{{0}, {2}, {0, 0}} {
		typ.Indexes = wrong
		if _, err := codec.NewSerializer(t.Context(), reg, "notes-value", typ); err == nil || !strings.Contains(err.Error(), "a.b.Note") {
			t.Errorf("NewSerializer with indexes %v = %v, want an error", wrong, err)
		}
	}
	typ.Indexes, typ.Name = nil, "a.b.Missing"
	if _, err := codec.NewSerializer(t.Context(), reg, "notes-value", typ); err == nil || !strings.Contains(err.Error(), "a.b.Missing") {
		t.Errorf("NewSerializer of a message that is not in its file = %v, want an error", err)
	}
}

// 11: a buffer that is used again mixes messages that a broker client still holds.
func TestPitfall11EncodeUsesNoMemoryTwice(t *testing.T) {
	t.Parallel()
	s := newNotes(t)
	first, err := s.Encode(&note{"first"})
	if err != nil {
		t.Fatal(err)
	}
	_ = append(first, "xxxxxxxxxxxxxxxxxxxxxxxx"...)
	_, _ = s.Encode(&note{"bad"}) // its bytes were written, and are given up
	second, err := s.Encode(&note{"second"})
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 {
		_, _ = s.Encode(&note{"zzzzzzzzzzzzzzz"})
	}
	if !bytes.Equal(first, framed(7, "first.")) || !bytes.Equal(second, framed(7, "second.")) {
		t.Errorf("messages are %q and %q by now", first, second)
	}
}

// 12: the start of a message is taken for message indexes that a producer has
// left out.
func TestPitfall12MissingIndexes(t *testing.T) {
	t.Parallel()
	d := codec.NewDeserializer(protoWriters(), protoType())
	message := "\x0a\x02hi" // field 1, two bytes: five indexes that are not there
	_, err := d.Decode(t.Context(), framed(1, message))
	if !errors.Is(err, codec.ErrNotFramed) || !strings.Contains(err.Error(), "message index") {
		t.Errorf("Decode = %v, want ErrNotFramed and the cause", err)
	}
}
