package gate_test

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/internal/gate"
)

func TestBundle(t *testing.T) {
	t.Parallel()
	files := map[string]string{"wireproof.yaml": "version: 1\n", "schemas/a.avsc": "{}", "schemas/ä b.proto": ""}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := gate.WriteBundle(out, files); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same files give other bytes")
	}
	b, err := gate.ReadBundle(&first)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := fs.ReadFile(b.Tree, name); err != nil || string(got) != want {
			t.Errorf("%s reads %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDescriptorSets(t *testing.T) {
	t.Parallel()
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		{Name: proto.String("a.proto"), Syntax: proto.String("proto3"), Package: proto.String("p")},
		{Name: proto.String("b.proto"), Syntax: proto.String("proto3"), Dependency: []string{"a.proto"}},
	}}
	binary, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{binary, text} {
		b, err := gate.ReadBundle(bytes.NewReader(data))
		if err != nil || b.Tree != nil || len(b.Files) != 2 || len(b.Files["b.proto"].References) != 1 {
			t.Errorf("ReadBundle = %+v, %v", b, err)
		}
	}
}

// FuzzReadBundle: no bytes do harm, and what is read can be walked.
func FuzzReadBundle(f *testing.F) {
	var good bytes.Buffer
	if err := gate.WriteBundle(&good, map[string]string{"wireproof.yaml": "version: 1\n"}); err != nil {
		f.Fatal(err)
	}
	f.Add(good.String())
	f.Add("PK\x03\x04")
	f.Add(`{"file":[{"name":"a.proto"}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		b, err := gate.ReadBundle(strings.NewReader(data))
		if err != nil {
			return
		}
		if b.Tree == nil && len(b.Files) == 0 {
			t.Errorf("%q is read as nothing, without an error", data)
		}
		if b.Tree != nil {
			_ = fs.WalkDir(b.Tree, ".", func(string, fs.DirEntry, error) error { return nil })
		}
	})
}
