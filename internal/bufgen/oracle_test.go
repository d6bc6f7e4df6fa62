package bufgen_test

import (
	"bytes"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/bufgen"
	"github.com/wireproof/wireproof/test/buforacle"
)

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

var update = flag.Bool("update", false, "with BUF: write down what requests buf makes")

// sums holds the digest of every request that buf makes.
const sums = "testdata/oracle/sums.txt"

// Requests and generated files are those of the released buf, to the byte.
func TestGenerateIsBufs(t *testing.T) {
	buforacle.Find(t)
	plugin := programs(t)
	bin := filepath.Dir(plugin)
	if out, err := exec.Command("go", "build", "-o", bin+"/", "google.golang.org/protobuf/cmd/protoc-gen-go").CombinedOutput(); err != nil {
		t.Fatalf("build protoc-gen-go: %v\n%s", err, out)
	}
	var mu sync.Mutex
	var lines []string
	t.Run("trees", func(t *testing.T) {
		eachTemplate(t, plugin, func(t *testing.T, name, tree, template string) {
			want := unpacked(t, tree, template)
			cmd := exec.Command(os.Getenv("BUF"), "generate")
			cmd.Dir = want
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("buf generate: %v\n%s", err, out)
			}
			got := unpacked(t, tree, template)
			generate(t, got, template)
			if n := compareTrees(t, want, got); n == 0 {
				t.Errorf("no generated files were compared")
			}
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, digests(t, name, want)...)
		})
	})
	if *update {
		slices.Sort(lines)
		if err := os.WriteFile(sums, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// Where buf is not there, requests are held against the digests of those that it
// made.
func TestRequestsAreBufs(t *testing.T) {
	plugin := programs(t)
	text, err := os.ReadFile(sums)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(text))
	eachTemplate(t, plugin, func(t *testing.T, name, tree, template string) {
		dir := unpacked(t, tree, template)
		generate(t, dir, template)
		got := digests(t, name, dir)
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("buf made no request %s", line)
			}
		}
		for _, line := range want {
			if strings.HasPrefix(line, name+":") && !slices.Contains(got, line) {
				t.Errorf("buf made the request %s", line)
			}
		}
	})
}

// digests returns a line for each request that was printed below dir.
func digests(t *testing.T, name, dir string) []string {
	var out []string
	for file, text := range files(t, dir) {
		if strings.HasSuffix(file, ".request") {
			sum, _, _ := strings.Cut(text, "\n")
			out = append(out, name+":"+file+":"+sum)
		}
	}
	return out
}

// programs puts a protoc in PATH that writes down its arguments, and returns a
// plugin beside it that prints requests.
func programs(t *testing.T) (plugin string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("plugins of the test are scripts of a shell")
	}
	bin := t.TempDir()
	script(t, bin, "protoc", `[ "$1" = --version ] && echo libprotoc 35.0 && exit
in=$1 out=${2#--java_out=}; shift 2
{ echo "$in $*"; cat | cksum; } >"$out/$(echo "$*" | tr / _).txt"`)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return selfPlugin(t, bin, "dump")
}

// selfPlugin makes a plugin of this program, and returns its path.
func selfPlugin(t *testing.T, dir, mode string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return script(t, dir, "protoc-gen-"+mode, "BUFGEN_TEST_PLUGIN="+mode+" exec '"+self+"'")
}

// script writes a program for the shell, and returns its path.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := os.WriteFile(at, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

// eachTemplate calls do with every tree, and every template for it.
func eachTemplate(t *testing.T, plugin string, do func(t *testing.T, name, tree, template string)) {
	t.Helper()
	trees, err := filepath.Glob("testdata/oracle/*.txtar")
	if err != nil || len(trees) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	for _, tree := range trees {
		archive, err := txtar.ParseFile(tree)
		if err != nil {
			t.Fatal(err)
		}
		all := maps.Clone(templates)
		for _, f := range archive.Files {
			if name, ok := strings.CutSuffix(f.Name, ".gen.yaml"); ok {
				all[name] = string(f.Data)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			full := strings.TrimSuffix(filepath.Base(tree), ".txtar") + "/" + name
			t.Run(full, func(t *testing.T) {
				t.Parallel()
				do(t, full, tree, strings.ReplaceAll(all[name], "PLUGIN", plugin))
			})
		}
	}
}

func generate(t *testing.T, dir, template string) {
	t.Helper()
	gen, err := bufconfig.ParseGen("buf.gen.yaml", template)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if _, err := bufgen.Run(t.Context(), bufgen.Options{Gen: gen, Dir: dir, Stderr: &stderr}); err != nil {
		t.Fatalf("Run: %v\n%s", err, stderr.Bytes())
	}
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
