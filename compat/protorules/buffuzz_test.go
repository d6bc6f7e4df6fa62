package protorules_test

import (
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Any two images are compared without harm, and what is found is complete.
func FuzzBreaking(f *testing.F) {
	paths, err := filepath.Glob("testdata/buf/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for i, path := range paths {
		if i%8 != 0 {
			continue
		}
		c := golden.Load(f, path)
		f.Add(wire(f, image(f, c, "new")), wire(f, image(f, c, "old")))
	}
	set := only(f, "v2", "FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR")
	set.Imports = true
	f.Fuzz(func(t *testing.T, newer, older []byte) {
		n, ok := fromWire(newer)
		o, ok2 := fromWire(older)
		if !ok || !ok2 {
			return
		}
		for _, f := range protorules.Breaking(n, o, set) {
			if f.Message == "" || f.NewNote == "" || f.OldNote == "" || f.Pointer == "" || f.Old.Path == "" {
				t.Errorf("incomplete finding of %s: %+v", f.Rule.ID, f)
			}
		}
	})
}

func wire(t testing.TB, im *protobuf.Image) []byte {
	t.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	for _, f := range im.Files() {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f.Descriptor))
	}
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fromWire(data []byte) (*protobuf.Image, bool) {
	set := new(descriptorpb.FileDescriptorSet)
	if len(data) > 1<<16 || proto.Unmarshal(data, set) != nil {
		return nil, false
	}
	im, err := protobuf.NewImage(set, nil)
	return im, err == nil
}
