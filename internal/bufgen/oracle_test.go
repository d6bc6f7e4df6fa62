package bufgen_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/bufgen"
	"github.com/wireproof/wireproof/test/buforacle"
)

// The program of the test is also a plugin, which prints the request it gets.
func TestMain(m *testing.M) {
	if os.Getenv("BUFGEN_TEST_PLUGIN") != "" {
		if err := dumpPlugin(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func dumpPlugin(stdin io.Reader, stdout io.Writer) error {
	in, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	req := &pluginpb.CodeGeneratorRequest{}
	if err := proto.Unmarshal(in, req); err != nil {
		return err
	}
	name := strings.ReplaceAll(req.GetFileToGenerate()[0], "/", "_")
	text := fmt.Sprintf("%x\n%s", sha256.Sum256(in), prototext.MarshalOptions{Multiline: true, EmitUnknown: true, AllowPartial: true}.Format(req))
	out, err := proto.Marshal(&pluginpb.CodeGeneratorResponse{
		SupportedFeatures: proto.Uint64(3), MinimumEdition: proto.Int32(int32(descriptorpb.Edition_EDITION_PROTO2)),
		MaximumEdition: proto.Int32(int32(descriptorpb.Edition_EDITION_2024)),
		File:           []*pluginpb.CodeGeneratorResponse_File{{Name: proto.String(name + ".request"), Content: proto.String(text)}},
	})
	if err != nil {
		return err
	}
	_, err = stdout.Write(out)
	return err
}

// templates are what is generated from every tree; PLUGIN is the plugin that
// prints requests.
var templates = map[string]string{
	"directory": `version: v2
plugins:
  - {local: protoc-gen-go, out: gen/relative, opt: paths=source_relative}
  - {local: protoc-gen-go, out: gen/module, opt: [module=example.com]}
  - {local: [PLUGIN], out: gen/dump, opt: [a=1, b=2]}
`,
	"all": `version: v2
plugins:
  - {local: protoc-gen-go, out: gen/go, strategy: all}
  - {local: [PLUGIN], out: gen/dump, strategy: all}
`,
	"imports": `version: v2
plugins:
  - {local: [PLUGIN], out: gen/imports, include_imports: true}
  - {local: [PLUGIN], out: gen/wkt, include_imports: true, include_wkt: true}
  - {local: [PLUGIN], out: gen/all, include_imports: true, strategy: all}
  - {local: [PLUGIN], out: gen/allwkt, include_imports: true, include_wkt: true, strategy: all}
  - {local: protoc-gen-go, out: gen/go, include_imports: true, opt: paths=source_relative}
`,
	"managed": `version: v2
managed: {enabled: true}
plugins:
  - {local: [PLUGIN], out: gen/dump, include_imports: true}
  - {local: protoc-gen-go, out: gen/go, opt: paths=source_relative}
`,
	"rules": `version: v2
managed:
  enabled: true
  disable:
    - {module: buf.example/acme/vendor}
    - {file_option: java_multiple_files}
    - {file_option: csharp_namespace, path: acme/shop}
    - {field_option: jstype, field: acme.shop.v1.Order.more}
    - {file_option: java_package_suffix, path: acme/old}
  override:
    - {file_option: go_package_prefix, value: example.com/gen}
    - {file_option: go_package, value: "example.com/gen/other;other", path: acme/old/old.proto}
    - {file_option: java_package_prefix, value: net}
    - {file_option: java_package_suffix, value: pb}
    - {file_option: java_package, value: one.two, path: acme/new}
    - {file_option: java_outer_classname, value: Outer, path: acme/shop/v1/money.proto}
    - {file_option: java_string_check_utf8, value: true}
    - {file_option: optimize_for, value: LITE_RUNTIME}
    - {file_option: optimize_for, value: SPEED, path: acme/new}
    - {file_option: cc_enable_arenas, value: false}
    - {file_option: objc_class_prefix, value: OBJ, module: buf.example/acme/proto}
    - {file_option: csharp_namespace_prefix, value: Acme.Prefix}
    - {file_option: php_namespace, value: 'A\B', path: acme/new}
    - {file_option: php_metadata_namespace_suffix, value: Meta}
    - {file_option: ruby_package_suffix, value: Pb}
    - {file_option: swift_prefix, value: SW}
    - {field_option: jstype, value: JS_NORMAL}
    - {field_option: jstype, value: JS_STRING, field: acme.shop.v1.Order.total}
plugins:
  - {local: [PLUGIN], out: gen/dump, include_imports: true, strategy: all}
  - {local: protoc-gen-go, out: gen/go, opt: paths=source_relative}
`,
}

// Requests and generated files are those of the released buf, to the byte.
func TestGenerateIsBufs(t *testing.T) {
	t.Parallel()
	buforacle.Find(t)
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+"/", "google.golang.org/protobuf/cmd/protoc-gen-go").CombinedOutput(); err != nil {
		t.Fatalf("build protoc-gen-go: %v\n%s", err, out)
	}
	plugin := dumper(t, bin)
	trees, err := filepath.Glob("testdata/oracle/*.txtar")
	if err != nil || len(trees) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	for _, tree := range trees {
		for _, name := range slices.Sorted(maps.Keys(templates)) {
			t.Run(filepath.Base(tree)+"/"+name, func(t *testing.T) {
				t.Parallel()
				template := strings.ReplaceAll(templates[name], "PLUGIN", plugin)
				want := unpacked(t, tree, template)
				cmd := exec.Command(os.Getenv("BUF"), "generate")
				cmd.Dir, cmd.Env = want, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("buf generate: %v\n%s", err, out)
				}
				got := unpacked(t, tree, template)
				gen, err := bufconfig.ParseGen("buf.gen.yaml", template)
				if err != nil {
					t.Fatal(err)
				}
				var stderr bytes.Buffer
				if _, err := bufgen.Run(t.Context(), bufgen.Options{Gen: gen, Dir: got, Stderr: &stderr}); err != nil {
					t.Fatalf("Run: %v\n%s", err, stderr.Bytes())
				}
				if n := compareTrees(t, want, got); n < 4 {
					t.Errorf("%d generated files were compared", n)
				}
			})
		}
	}
}

// dumper makes a plugin that prints requests, and returns its path.
func dumper(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plugin := filepath.Join(dir, "protoc-gen-dump")
	if err := os.WriteFile(plugin, []byte("#!/bin/sh\nBUFGEN_TEST_PLUGIN=1 exec '"+self+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return plugin
}

// unpacked writes a tree and its template into a folder.
func unpacked(t *testing.T, archive, template string) string {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"buf.gen.yaml": template}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return written(t, files)
}

// written writes files into a new folder.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// files returns the files of a folder by their names.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	fsys := os.DirFS(dir)
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, p)
		out[path.Clean(p)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compareTrees holds two folders against each other. It returns how many files were
// generated.
func compareTrees(t *testing.T, want, got string) (generated int) {
	t.Helper()
	wants, gots := files(t, want), files(t, got)
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		if strings.HasPrefix(name, "gen/") {
			generated++
		}
		text, ok := gots[name]
		if !ok {
			t.Errorf("buf generates %s", name)
			continue
		}
		if text != wants[name] {
			diff := cmp.Diff(strings.Split(wants[name], "\n"), strings.Split(text, "\n"))
			t.Errorf("%s is not what buf generates:\n%s", name, diff[:min(len(diff), 3000)])
		}
	}
	for name := range gots {
		if _, ok := wants[name]; !ok {
			t.Errorf("buf does not generate %s", name)
		}
	}
	return generated
}
