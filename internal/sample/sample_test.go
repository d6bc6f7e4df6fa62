package sample_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/internal/sample"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
)

const (
	orderV1 = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`
	orderV2 = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"n","type":"long"}]}`
	other   = `{"type":"record","name":"Other","namespace":"shop","fields":[]}`
	paidV1  = "syntax = \"proto3\"; package shop; message Paid { string id = 1; Line line = 2; message Line { string sku = 1; } }"
	paidV2  = "syntax = \"proto3\"; package shop; message Paid { string id = 1; Line line = 2; message Line { int64 sku = 1; } }"
	seenV1  = `{"title":"Seen","type":"object","properties":{"n":{"type":"integer"}}}`
)

// schemas is a registry in memory.
type schemas map[uint32]lang.Source

func (s schemas) SchemaByID(_ context.Context, id uint32) (lang.Source, error) {
	if src, ok := s[id]; ok {
		return src, nil
	}
	if id == 99 {
		return lang.Source{}, errors.New("the registry is down")
	}
	return lang.Source{}, codec.ErrUnknownID
}

func target(t *testing.T, name string, typ lang.Type, text string) sample.Target {
	t.Helper()
	for _, l := range all.Languages() {
		if l.Type() == typ {
			s, err := l.Parse(lang.Source{Type: typ, Path: name, Text: text})
			if err != nil {
				t.Fatal(err)
			}
			return sample.Target{Name: name, Subject: "topic-" + name, Schema: s}
		}
	}
	t.Fatalf("no language %s", typ)
	return sample.Target{}
}

func sequence(messages ...[]byte) iter.Seq2[sample.Message, error] {
	return func(yield func(sample.Message, error) bool) {
		for i, m := range messages {
			if !yield(sample.Message{Where: fmt.Sprint("m", i), Data: m}, nil) {
				return
			}
		}
	}
}

func framed(id uint32, value ...byte) []byte { return append(codec.AppendFrame(nil, id), value...) }

// told writes a report down.
func told(r sample.Report) string {
	var out strings.Builder
	fmt.Fprintf(&out, "read %d, skipped %d\n", r.Read, r.Skipped)
	for _, f := range r.Faults {
		fmt.Fprintf(&out, "%d × %s (%s) first %s: %s\n", f.Count, f.Subject, f.Writer, f.First, f.Err)
	}
	return out.String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	source := schemas{
		1: {Type: lang.Avro, Path: "v1", Text: orderV1}, 2: {Type: lang.Avro, Path: "v2", Text: orderV2}, 3: {Type: lang.Avro, Path: "o", Text: other},
		4: {Type: lang.Protobuf, Path: "paid.proto", Text: paidV1}, 5: {Type: lang.JSON, Path: "seen", Text: seenV1},
	}
	line := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("sku"))
	paid := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), line)
	r, err := sample.Check(t.Context(), sequence(
		framed(1, 2, 'a'), framed(2, 2, 'a', 4), framed(2, 2, 'a'), framed(2, 4, 'b', 'b', 2), framed(3), nil, []byte("raw"), framed(7),
		framed(4, append([]byte{0}, paid...)...), framed(4, 0), framed(4, 2, 8), framed(5, []byte(`{"n":1}`)...), framed(5, []byte(`{"n":"x"}`)...),
	), source, []sample.Target{target(t, "shop.Order", lang.Avro, orderV2), target(t, "shop.Paid", lang.Protobuf, paidV2), target(t, "Seen", lang.JSON, seenV1)})
	if err != nil {
		t.Fatal(err)
	}
	got := told(r)
	for _, want := range []string{
		"read 4, skipped 2\n", // two orders, an empty payment, a document; another record, a tombstone
		"1 × topic-shop.Order (id 1) first m0: ",
		"1 × topic-shop.Order (id 2) first m2: ",
		"first m6: ", "first m7: ",
		`1 × topic-shop.Paid (id 4) first m8: field 1 "sku" of shop.Paid.Line was written with another type than int64`,
		"first m10: the writer's schema has no message at [4]",
		"1 × topic-Seen (id 5) first m12: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	if r.Broken() != 7 {
		t.Errorf("Broken = %d, want 7\n%s", r.Broken(), got)
	}
}

// TestIncomplete: what could not be asked is an error, never a clean report.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	targets := []sample.Target{target(t, "shop.Order", lang.Avro, orderV2)}
	if _, err := sample.Check(t.Context(), sequence(framed(99)), schemas{}, targets); err == nil {
		t.Error("a registry that is down is no error")
	}
	if _, err := sample.Check(t.Context(), sequence(framed(1)), nil, targets); err == nil {
		t.Error("no registry is no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sample.Check(ctx, sequence(nil), schemas{}, targets); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}

func TestFaultsAreGrouped(t *testing.T) {
	t.Parallel()
	messages := make([][]byte, 1000)
	for i := range messages {
		messages[i] = framed(1, 2, byte('a'+i%20))
	}
	r, err := sample.Check(t.Context(), sequence(messages...), schemas{1: {Type: lang.Avro, Text: orderV1}}, []sample.Target{target(t, "shop.Order", lang.Avro, orderV2)})
	if err != nil || len(r.Faults) != 1 || r.Faults[0].Count != 1000 {
		t.Errorf("%v, %s", err, told(r))
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	var container bytes.Buffer
	w, err := ocf.NewWriter(&container, twmb.MustParse(orderV1), ocf.WithCodec(ocf.SnappyCodec()))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Encode(map[string]any{"id": "a"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	source := schemas{1: {Type: lang.Avro, Text: orderV1}}
	letter := `{"payload":"` + base64.StdEncoding.EncodeToString(framed(1, 2, 'a')) + `"}`
	order1, order2 := target(t, "shop.Order", lang.Avro, orderV1), target(t, "shop.Order", lang.Avro, orderV2)
	for _, tc := range []struct {
		name, text   string
		target       sample.Target
		read, broken int
	}{
		{"a.avro", container.String(), order1, 3, 0},
		{"a.avro", container.String(), order2, 0, 3},
		{"a.jsonl", letter + "\n\n" + letter + "\n", order1, 2, 0},
		{"a.jsonl", `{"n":1}` + "\n" + `{"n":"x"}`, target(t, "Seen", lang.JSON, seenV1), 1, 1},
		{"a.json", `{"id":"a","line":{"sku":"3"}}`, target(t, "shop.Paid", lang.Protobuf, paidV2), 1, 0},
		{"a.json", `{"id":"a","line":{"sku":"x"}}`, target(t, "shop.Paid", lang.Protobuf, paidV2), 0, 1},
		{"a.json", `{"id":"a"}`, order1, 0, 1},
		{"a.bin", string(framed(1, 2, 'a')), order1, 1, 0},
		{"a.bin", "", order1, 0, 1},
	} {
		r, err := sample.Check(t.Context(), sample.File(tc.name, strings.NewReader(tc.text)), source, []sample.Target{tc.target})
		if err != nil || r.Read != tc.read || r.Broken() != tc.broken {
			t.Errorf("%s with %s: %v, %s", tc.name, tc.target.Schema.Source().Text, err, told(r))
		}
	}
	for _, broken := range []string{"", "Obj", container.String()[:container.Len()-20]} {
		if _, err := sample.Check(t.Context(), sample.File("a.avro", strings.NewReader(broken)), nil, []sample.Target{order1}); err == nil {
			t.Errorf("a container of %d bytes is no error", len(broken))
		}
	}
}

// FuzzFile: no file makes the reader fail in another way than with an error.
func FuzzFile(f *testing.F) {
	f.Add("a.avro", []byte("Obj\x01"))
	f.Add("a.jsonl", []byte(`{"payload":"AAAA"}`))
	f.Add("a", []byte{0, 0, 0, 0, 1, 2})
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if len(data) > 1<<16 {
			return // larger files only take longer
		}
		source := schemas{1: {Type: lang.Avro, Text: orderV1}, 4: {Type: lang.Protobuf, Text: paidV1}, 5: {Type: lang.JSON, Text: seenV1}}
		targets := []sample.Target{target(t, "shop.Order", lang.Avro, orderV2), target(t, "shop.Paid", lang.Protobuf, paidV2)}
		r, err := sample.Check(t.Context(), sample.File(name, bytes.NewReader(data)), source, targets)
		if err == nil && r.Read+r.Skipped+r.Broken() == 0 && len(bytes.TrimSpace(data)) > 0 && name == "a" {
			t.Errorf("%q: a message is neither read nor broken nor skipped", data)
		}
	})
}
