package generate_test

import (
	"bytes"
	"flag"
	"go/format"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/generate"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// avroFiles loads every .avsc file of fsys.
func avroFiles(t *testing.T, fsys fs.FS, importPath string) []generate.AvroFile {
	t.Helper()
	c, err := catalog.Load(fsys, &config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var files []generate.AvroFile
	for _, f := range c.Files {
		files = append(files, generate.AvroFile{
			Source: f.Source, Package: f.GoPackage(), ImportPath: path.Join(importPath, f.Dir()), Dir: f.Dir(),
		})
	}
	if len(files) == 0 {
		t.Fatal("no schemas")
	}
	return files
}

// The packages below avrotest/gen are what is generated for the fixtures now;
// the tests in avrotest compile and run them.
func TestAvroFixturesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := generate.Avro(avroFiles(t, os.DirFS("testdata/avro/schemas"), "github.com/wireproof/wireproof/internal/generate/avrotest/gen"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if formatted, err := format.Source(f.Data); err != nil || !bytes.Equal(formatted, f.Data) {
			t.Errorf("%s is not formatted: %v", f.Path, err)
		}
		at := filepath.Join("avrotest", "gen", filepath.FromSlash(f.Path))
		if flag.Lookup("update").Value.String() == "true" { // the flag of package golden
			if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, f.Data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(at)
		if err != nil {
			t.Errorf("%v; run go test ./internal/generate -update", err)
			continue
		}
		if diff := cmp.Diff(string(have), string(f.Data)); diff != "" {
			t.Errorf("%s is stale; run go test ./internal/generate -update\n%s", at, diff)
		}
	}
}

// Each archive holds schemas and either the Go made of them or the error.
func TestAvroGolden(t *testing.T) {
	t.Parallel()
	golden.Run(t, "testdata/avro/*.txtar", func(t *testing.T, c *golden.Case) {
		schemas := fstest.MapFS{}
		for _, name := range c.Files() {
			if path.Ext(name) == ".avsc" {
				schemas[name] = &fstest.MapFile{Data: []byte(strings.TrimSuffix(c.File(t, name), "\n"))}
			}
		}
		files, err := generate.Avro(avroFiles(t, schemas, "example.com/gen"))
		wantError := ""
		if err != nil {
			wantError = err.Error()
		}
		c.Golden(t, "error", wantError)
		for _, f := range files {
			c.Golden(t, f.Path, string(f.Data))
		}
	})
}

func TestAvroIsDeterministic(t *testing.T) {
	t.Parallel()
	files := avroFiles(t, os.DirFS("testdata/avro/schemas"), "example.com/gen")
	first, err := generate.Avro(files)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(files)-1; i < j; i, j = i+1, j-1 {
		files[i], files[j] = files[j], files[i]
	}
	second, err := generate.Avro(files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the order of files shows in the output:\n%s", diff)
	}
}

func TestAvroRootThatIsNoRecord(t *testing.T) {
	t.Parallel()
	src := lang.Source{Type: lang.Avro, Path: "v1/either.avsc", Text: `["null", {"type":"record","name":"A","fields":[]}, {"type":"enum","name":"B","symbols":["X"]}]`}
	files, err := generate.Avro([]generate.AvroFile{{Source: src, Package: "v1", ImportPath: "example.com/gen/v1", Dir: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	text := string(files[0].Data)
	for _, want := range []string{"type A struct", "type B int32", "func EitherSchema() lang.Source"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "codec.Type") {
		t.Errorf("a union has no event type:\n%s", text)
	}
}

func TestAvroKeyExpr(t *testing.T) {
	t.Parallel()
	s, err := avro.Parse(lang.Source{Type: lang.Avro, Path: "k.avsc", Text: `{"type":"record","name":"K","fields":[
		{"name":"s","type":"string"}, {"name":"u_id","type":{"type":"string","logicalType":"uuid"}}, {"name":"b","type":"bytes"},
		{"name":"f","type":{"type":"fixed","name":"F","size":2}}, {"name":"i","type":"int"}, {"name":"l","type":"long"},
		{"name":"n","type":["null","string"]}, {"name":"d","type":"double"}, {"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":4}}]}`})
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"s": "[]byte(e.S)", "u_id": "[]byte(e.UID)", "b": "append([]byte{}, e.B...)", "f": "append([]byte{}, e.F[:]...)",
		"i": "binary.BigEndian.AppendUint32(nil, uint32(e.I))", "l": "binary.BigEndian.AppendUint64(nil, uint64(e.L))",
		"n": "", "d": "", "t": "", "dec": "", "missing": "",
	} {
		got, _, err := generate.AvroKeyExpr(s, field, "e")
		if got != want || (err != nil) != (want == "") {
			t.Errorf("AvroKeyExpr(%s) = %q, %v; want %q", field, got, err, want)
		}
	}
}
