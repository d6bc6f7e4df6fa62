package bufgen_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/bufgen"
	"github.com/wireproof/wireproof/lang"
)

// relative is a template that generates Go into a folder.
func relative(out string) string {
	return "version: v2\nplugins: [{local: protoc-gen-go, out: " + out + ", opt: paths=source_relative}]\n"
}

func run(t *testing.T, o bufgen.Options, text string) (*bufgen.Result, error) {
	t.Helper()
	o.Gen = template(t, text)
	return bufgen.Run(t.Context(), o)
}

// changes returns what a run did, a line for each file.
func changes(r *bufgen.Result) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, c.Kind+" "+c.Path)
	}
	return out
}

// A run with Check tells what one without does, which a third finds done; what is
// current is not touched.
func TestChanges(t *testing.T) {
	t.Parallel()
	dir := written(t, shop)
	write := func(name, text string) {
		t.Helper()
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(at, []byte(text), 0o600), os.Chmod(at, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	clean := true
	steps := []struct {
		name  string
		setup func()
		clean *bool
		want  []string
	}{
		{"first", func() {}, nil, []string{"missing gen/a.pb.go", "missing gen/new/new.pb.go"}},
		{"again", func() {}, nil, nil},
		{"stale", func() { write("gen/a.pb.go", "old") }, nil, []string{"stale gen/a.pb.go"}},
		{"extra", func() { write("gen/deep/er/b.pb.go", "x") }, nil, nil},
		{"clean", func() {}, &clean, []string{"extra gen/deep/er/b.pb.go"}},
		{"clean again", func() {}, &clean, nil},
	}
	for _, s := range steps {
		s.setup()
		before := files(t, dir)
		checked, err := run(t, bufgen.Options{Dir: dir, Clean: s.clean, Check: true}, relative("gen"))
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Errorf("%s: a check changed files:\n%s", s.name, diff)
		}
		done, err := run(t, bufgen.Options{Dir: dir, Clean: s.clean}, relative("gen"))
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := changes(done); !slices.Equal(got, s.want) || !slices.Equal(changes(checked), s.want) || done.Files != 2 {
			t.Errorf("%s: %d files, changes %q, foretold %q, want %q", s.name, done.Files, got, changes(checked), s.want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "gen/a.pb.go")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of a file that was there is %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "gen/deep")); err == nil {
		t.Error("clean left an empty folder")
	}
}

// Clean keeps what another plugin generates into a folder inside, and refuses to
// remove sources, repositories and the folder that it runs in.
func TestCleanRefuses(t *testing.T) {
	t.Parallel()
	clean := true
	two := "version: v2\nplugins:\n  - {local: protoc-gen-go, out: gen, opt: paths=source_relative}\n  - {local: protoc-gen-go, out: gen/more, opt: paths=source_relative}\n"
	for _, tt := range []struct{ name, template, extra, err string }{
		{"nested", two, "", ""},
		{"here", relative("."), "", "in which this folder is"},
		{"above", relative(".."), "", "in which this folder is"},
		{"sources", relative("new"), "", "clean would remove new/new.proto"},
		{"repository", relative("gen"), "gen/sub/.git/HEAD", "clean would remove gen/sub/.git"},
		{"missing", relative("none/at/all"), "", ""},
	} {
		tree := maps.Clone(shop)
		if tt.extra != "" {
			tree[tt.extra] = "x"
		}
		dir := written(t, tree)
		before := files(t, dir)
		_, err := run(t, bufgen.Options{Dir: dir, Clean: &clean}, tt.template)
		if tt.err == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: Run = %v, want an error with %q", tt.name, err, tt.err)
		}
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Errorf("%s: files were changed:\n%s", tt.name, diff)
		}
	}
}

// No link leads out of the folder of a plugin, neither to write nor to remove.
func TestLinksOut(t *testing.T) {
	t.Parallel()
	dir, elsewhere := written(t, shop), written(t, map[string]string{"keep.go": "x", "file.go": "y"})
	gen := filepath.Join(dir, "gen")
	if err := os.MkdirAll(gen, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(elsewhere, filepath.Join(gen, "new")), os.Symlink(filepath.Join(elsewhere, "file.go"), filepath.Join(gen, "file.go"))); err != nil {
		t.Skip(err)
	}
	if _, err := run(t, bufgen.Options{Dir: dir}, relative("gen")); err == nil {
		t.Error("a file was written through a link out of the folder")
	}
	if _, err := run(t, bufgen.Options{Dir: dir, Paths: []string{"a.proto"}, Clean: new(true)}, relative("gen")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"keep.go": "x", "file.go": "y"}, files(t, elsewhere)); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Lstat(filepath.Join(gen, "file.go")); err == nil {
		t.Error("clean left a link to a file")
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	tree := maps.Clone(shop)
	tree["bad/bad.proto"] = "syntax = \"proto3\";\nmessage Bad { None n = 1; }\n"
	tree["dep/buf.yaml"] = "version: v2\ndeps: [buf.example/acme/dep]\n"
	tree["dep/dep.proto"] = "syntax = \"proto3\";\nimport \"acme/dep.proto\";\n"
	tree["empty/readme.txt"] = ""
	tree["twice/buf.yaml"] = "version: v2\nmodules: [{path: a}, {path: b}]\n"
	tree["twice/a/x.proto"], tree["twice/b/x.proto"] = "syntax = \"proto3\";\n", "syntax = \"proto3\";\n"
	dir := written(t, tree)
	for _, tt := range []struct {
		o    bufgen.Options
		want string
	}{
		{bufgen.Options{Input: "none"}, `input "none": there is no such folder`},
		{bufgen.Options{Input: "a.proto"}, "this is a file; expected a folder"},
		{bufgen.Options{Input: ".git#branch=main"}, "only folders are read here"},
		{bufgen.Options{Paths: []string{"empty"}}, "there are no .proto files to generate for"},
		{bufgen.Options{Input: "bad"}, "is a part of the module"},
		{bufgen.Options{Paths: []string{"bad"}}, "bad/bad.proto:2:15"},
		{bufgen.Options{Paths: []string{"none"}}, `path "none": there is no such file or folder`},
		{bufgen.Options{Paths: []string{"new"}, ExcludePaths: []string{"new/"}}, `path "new" is both asked for and excluded`},
		{bufgen.Options{Input: "dep"}, "does not have buf.example/acme/dep (no buf.lock pins it): let buf fetch them here once"},
		{bufgen.Options{Input: "twice"}, `import path "x.proto" means two files: twice/a/x.proto and twice/b/x.proto`},
		{bufgen.Options{IncludeWKT: new(true)}, "--include-wkt needs --include-imports"},
	} {
		tt.o.Dir = dir
		_, err := run(t, tt.o, relative("gen"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Run(%+v) = %v, want an error with %q", tt.o, err, tt.want)
		}
	}
	_, err := run(t, bufgen.Options{Dir: dir, Paths: []string{"bad"}}, relative("gen"))
	var list lang.ErrorList
	if !errors.As(err, &list) {
		t.Errorf("Run = %T, want an error list", err)
	}
	w, err := bufconfig.Parse("buf.yaml", "version: v2\nmodules: [{path: ., excludes: [bad, dep, twice, new]}]\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := run(t, bufgen.Options{Dir: dir, Config: w}, relative("gen"))
	if err != nil || !slices.Equal(changes(got), []string{"missing gen/a.pb.go"}) {
		t.Errorf("Run with another buf.yaml = %+v, %v", got, err)
	}
}

// Two inputs that generate one file differently are told of, and it is the later
// one that stays, as with Buf.
func TestTwoInputs(t *testing.T) {
	t.Parallel()
	text := func(message string) string {
		return "syntax = \"proto3\";\npackage a;\noption go_package = \"example.com/a\";\nmessage " + message + " {}\n"
	}
	dir := written(t, map[string]string{"one/a.proto": text("One"), "two/a.proto": text("Two")})
	got, err := run(t, bufgen.Options{Dir: dir}, relative("gen")+"inputs: [{directory: one}, {directory: two}]\n")
	if err != nil || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "generates gen/a.pb.go for two inputs, differently") {
		t.Errorf("Run = %+v, %v, want a warning", got, err)
	}
	if made := files(t, dir)["gen/a.pb.go"]; !strings.Contains(made, "type Two struct") {
		t.Errorf("the file is not of the later input:\n%s", made)
	}
}

// Modules of a registry are read where buf has put them, and rules of managed mode
// know them by their names.
func TestModulesOfARegistry(t *testing.T) {
	cache := written(t, map[string]string{
		"v3/modules/b5/buf.example/acme/dep/0123abcd/module.yaml":          "version: v1\nfiles_dir: files\n",
		"v3/modules/b5/buf.example/acme/dep/0123abcd/files/acme/dep.proto": "syntax = \"proto3\";\npackage acme;\noption go_package = \"example.com/dep\";\nmessage Dep {}\n",
	})
	t.Setenv("BUF_CACHE_DIR", cache)
	dir := written(t, map[string]string{
		"buf.yaml": "version: v2\ndeps: [buf.example/acme/dep]\n",
		"buf.lock": "version: v2\ndeps:\n  - name: buf.example/acme/dep\n    commit: 0123abcd\n    digest: b5:00\n",
		"a.proto":  "syntax = \"proto3\";\npackage a;\nimport \"acme/dep.proto\";\nmessage A { acme.Dep dep = 1; }\n",
	})
	const managed = "managed: {enabled: true, override: [{file_option: go_package_prefix, value: example.com/gen}]"
	for rule, want := range map[string]string{
		"}\n": `"example.com/gen/acme"`, ", disable: [{module: buf.example/acme/dep}]}\n": `"example.com/dep"`,
	} {
		if _, err := run(t, bufgen.Options{Dir: dir}, relative("gen")+managed+rule); err != nil {
			t.Fatal(err)
		}
		made := files(t, dir)
		if !strings.Contains(made["gen/a.pb.go"], want) {
			t.Errorf("with %s a.pb.go does not import %s:\n%.1500s", rule, want, made["gen/a.pb.go"])
		}
		if _, ok := made["gen/acme/dep.pb.go"]; ok {
			t.Error("a file of the registry was generated without include_imports")
		}
	}
}
