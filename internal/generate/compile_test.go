package generate_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/internal/generate"
	"github.com/wireproof/wireproof/internal/randavro"
	"github.com/wireproof/wireproof/lang"
)

// genPath is the import path of the output folder in these tests.
const genPath = "example.com/shop/gen"

// A checker is an importer of generated packages, which it type-checks, and of
// all others. Everything is checked once, under one lock.
type checker struct {
	fset  *token.FileSet
	rest  types.Importer
	files map[string][]generate.File // by import path
	made  map[string]*types.Package
}

var (
	libraries = sync.OnceValues(func() (*checker, error) {
		const module = "github.com/wireproof/wireproof/"
		out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}",
			"encoding/binary", module+"codec/...", module+"event", "google.golang.org/protobuf/runtime/protoimpl", "google.golang.org/protobuf/types/...").Output()
		if err != nil {
			return nil, err
		}
		exports := map[string]string{}
		for line := range strings.Lines(string(out)) {
			at, file, _ := strings.Cut(strings.TrimSpace(line), "=")
			exports[at] = file
		}
		fset := token.NewFileSet()
		return &checker{fset: fset, rest: importer.ForCompiler(fset, "gc", func(at string) (io.ReadCloser, error) {
			return os.Open(exports[at])
		})}, nil
	})
	checking sync.Mutex // guards the importer of libraries
)

// everywhere is a machine of no system and no processor, to find files that Go
// builds on some machines only.
var everywhere = build.Context{
	GOOS: "none", GOARCH: "none", Compiler: "gc",
}

func (c *checker) Import(at string) (*types.Package, error) {
	files, ours := c.files[at]
	if !ours {
		return c.rest.Import(at)
	}
	if p := c.made[at]; p != nil {
		return p, nil
	}
	var parsed []*ast.File
	for _, f := range files {
		everywhere := everywhere
		everywhere.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Data)), nil }
		if ok, err := everywhere.MatchFile(".", path.Base(f.Path)); !ok || err != nil {
			continue
		}
		p, err := parser.ParseFile(c.fset, f.Path, f.Data, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, p)
	}
	p, err := (&types.Config{Importer: c}).Check(at, c.fset, parsed, nil)
	c.made[at] = p
	return p, err
}

// compiles type-checks files, which are generated for [genPath].
func compiles(files []generate.File) error {
	checking.Lock()
	defer checking.Unlock()
	known, err := libraries()
	if err != nil {
		return err
	}
	c := &checker{known.fset, known.rest, map[string][]generate.File{}, map[string]*types.Package{}}
	for _, f := range files {
		at := path.Join(genPath, path.Dir(f.Path))
		c.files[at] = append(c.files[at], f)
	}
	for at := range c.files {
		if _, err := c.Import(at); err != nil {
			return err
		}
	}
	return nil
}

func oneAvro(text string) ([]generate.File, error) {
	src := lang.Source{Type: lang.Avro, Path: "a/v1/a.avsc", Text: text}
	return generate.Avro([]generate.AvroFile{{Source: src, Package: "av1", ImportPath: genPath + "/a/v1", Dir: "a/v1"}})
}

func TestAvroCompiles(t *testing.T) {
	t.Parallel()
	record := func(types ...string) string {
		fields := make([]string, len(types))
		for i, typ := range types {
			fields[i] = `{"name":"f` + string(rune('a'+i)) + `","type":` + typ + `}`
		}
		return `{"type":"record","name":"A","fields":[` + strings.Join(fields, ",") + `]}`
	}
	texts := []string{
		record(`["int","string"]`),
		record(`["null","int","string"]`),
		record(`["null"]`, `{"type":"array","items":["null"]}`, `{"type":"map","values":["null"]}`, `["null",{"type":"array","items":["null"]}]`),
		record(`[{"type":"array","items":"null"},{"type":"map","values":"null"},"null"]`),
		record(`{"type":"map","values":{"type":"fixed","name":"F","size":0}}`, `["null","F"]`, `["F","null","A"]`),
		record(`[{"type":"array","items":["null",{"type":"long","logicalType":"timestamp-nanos"},"string"]},{"type":"map","values":{"type":"array","items":["null","A"]}}]`),
	}
	for seed := range uint64(100) {
		texts = append(texts, randavro.Schema(seed, 0))
	}
	for _, text := range texts {
		files, err := oneAvro(text)
		if err == nil {
			err = compiles(files)
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAvroRefusesWhatHasNoValue(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{`[]`, `{"type":"array","items":[]}`} {
		_, err := oneAvro(`{"type":"record","name":"A","fields":[{"name":"f","type":` + typ + `}]}`)
		if want := "a/v1/a.avsc:1:58: a union without types has no value"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", typ, err, want)
		}
	}
}

// Each record holds two of the next one: a value has 2^60 parts, and no byte.
func TestAvroGenerationEnds(t *testing.T) {
	t.Parallel()
	text := `{"type":"record","name":"R0","fields":[{"name":"n","type":"null"}]}`
	for i := 1; i < 60; i++ {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":"R%d"},{"name":"c","type":{"type":"array","items":"R%d"}}]}`, i, text, i-1, i-1)
	}
	done := make(chan error, 1)
	go func() {
		_, err := oneAvro(text)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("generating 60 records does not end")
	}
}
