package generate

import (
	"bytes"
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

var updateProto = flag.Bool("update-prototest", false, "rewrite prototest from testdata/protobuf")

// protoSource reads a fixture with what it imports.
func protoSource(t *testing.T, name string) lang.Source {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/protobuf", name))
	if err != nil {
		t.Fatal(err)
	}
	src := lang.Source{Type: lang.Protobuf, Path: name, Text: string(text)}
	imports, err := protobuf.Imports(src.Text)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range imports {
		if !strings.HasPrefix(i, "google/") {
			dep := protoSource(t, i)
			src.References = append(src.References, lang.Reference{Name: i, Source: &dep})
		}
	}
	return src
}

func protoFixtures(t *testing.T) []ProtoFile {
	t.Helper()
	var out []ProtoFile
	for _, name := range []string{"all/v1/all.proto", "dep/v1/money.proto", "edition/v1/edition.proto", "legacy/v1/legacy.proto"} {
		dir := path.Dir(name)
		out = append(out, ProtoFile{
			Source: protoSource(t, name), Package: strings.ReplaceAll(dir, "/", ""), Dir: dir,
			ImportPath: "github.com/wireproof/wireproof/internal/generate/prototest/" + dir,
		})
	}
	return out
}

// The package prototest is what the generator prints; it is compiled and tested
// there.
func TestProtobufIsCurrent(t *testing.T) {
	files, err := Protobuf(protoFixtures(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		at := filepath.Join("prototest", filepath.FromSlash(f.Path))
		if *updateProto {
			if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, f.Data, 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(at)
		if err != nil || !bytes.Equal(have, f.Data) {
			t.Errorf("%s is not what the generator prints (run with -update-prototest): %v\n%s", at, err, cmp.Diff(string(have), string(f.Data)))
		}
	}
	again, err := Protobuf(protoFixtures(t))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(files, again); d != "" {
		t.Errorf("a second run prints something else:\n%s", d)
	}
}
