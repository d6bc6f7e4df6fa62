package bufconfig_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

func TestParseV2(t *testing.T) {
	t.Parallel()
	w, err := bufconfig.Parse("buf.yaml", `version: v2
modules:
  - path: proto
    name: buf.example/acme/proto
    includes: [proto/a]
    excludes: [proto/a/x]
  - path: ./api/
    breaking:
      use: [WIRE, FILE_SAME_PACKAGE]
      ignore: [api/old, api/b.proto]
deps:
  - buf.example/acme/other:v1
lint:
  use: [STANDARD]
breaking:
  use: [FILE]
  except: [FILE_SAME_PACKAGE]
  ignore: [proto/a/y, elsewhere]
  ignore_only:
    FIELD_SAME_TYPE: [proto/a/z.proto, api]
  ignore_unstable_packages: true
`)
	if err != nil {
		t.Fatal(err)
	}
	lint := bufconfig.Check{Version: "v2", Use: []string{"STANDARD"}, Lint: bufconfig.LintOptions{CommentIgnores: true}}
	want := &bufconfig.Workspace{
		Version: "v2", Dir: ".", Deps: []string{"buf.example/acme/other:v1"}, Lint: lint,
		Breaking: bufconfig.Check{
			Version: "v2", Use: []string{"FILE"}, Except: []string{"FILE_SAME_PACKAGE"}, Ignore: []string{"elsewhere", "proto/a/y"},
			IgnoreOnly: map[string][]string{"FIELD_SAME_TYPE": {"api", "proto/a/z.proto"}}, IgnoreUnstable: true,
		},
		Modules: []bufconfig.Module{{
			Dir: "api", Roots: []string{"api"}, Target: true, Lint: lint,
			Breaking: bufconfig.Check{Version: "v2", Use: []string{"FILE_SAME_PACKAGE", "WIRE"}, Ignore: []string{"b.proto", "old"}},
		}, {
			Dir: "proto", Name: "buf.example/acme/proto", Roots: []string{"proto"}, Target: true, Lint: lint,
			Includes: []string{"proto/a"}, Excludes: []string{"proto/a/x"},
			Breaking: bufconfig.Check{
				Version: "v2", Use: []string{"FILE"}, Except: []string{"FILE_SAME_PACKAGE"}, Ignore: []string{"a/y"},
				IgnoreOnly: map[string][]string{"FIELD_SAME_TYPE": {"a/z.proto"}}, IgnoreUnstable: true,
			},
		}},
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Error(diff)
	}
}

func TestParseMistakes(t *testing.T) {
	t.Parallel()
	v2 := "version: v2\n"
	for _, tt := range []struct{ name, text, want string }{
		{"no version", "name: a\n", "buf.yaml: there is no version"},
		{"unknown version", "version: v3\n", `version is "v3", did you mean`},
		{"unknown key", v2 + "breaking:\n  uses: [FILE]\n", `buf.yaml:3:3: unknown key "breaking.uses", did you mean "use"?`},
		{"not a list", v2 + "breaking:\n  use: FILE\n", `buf.yaml:3:8: breaking.use is "FILE"; expected a list`},
		{"key of v2", "version: v1\nmodules: []\n", `buf.yaml:2:1: unknown key "modules"`},
		{"roots in v1", "version: v1\nbuild:\n  roots: [a]\n", "build.roots is of version v1beta1"},
		{"name and modules", v2 + "name: a/b/c\nmodules:\n  - path: x\n", "each of the modules has its own name"},
		{"bad name", v2 + "name: acme/proto\n", `expected host/owner/module`},
		{"same name", v2 + "modules:\n  - {path: a, name: h/o/m}\n  - {path: b, name: h/o/m}\n", `two modules have the name "h/o/m"`},
		{"out of the folder", v2 + "modules:\n  - path: ../x\n", `buf.yaml:3:11: modules[0].path is "../x"; expected a path that does not leave`},
		{"include outside", v2 + "modules:\n  - path: a\n    includes: [b]\n", `"b" is not inside the module "a"`},
		{"include is module", v2 + "modules:\n  - path: a\n    includes: [a]\n", `"a" is the folder of the module`},
		{"include is file", v2 + "modules:\n  - path: a\n    includes: [a/x.proto]\n", `"a/x.proto" is a file; expected a folder`},
		{"includes overlap", v2 + "modules:\n  - path: a\n    includes: [a/x, a/x/y]\n", `include "a/x/y" is within include "a/x"`},
		{"exclude of include", v2 + "modules:\n  - path: a\n    includes: [a/x]\n    excludes: [a/y]\n", `exclude "a/y" is in none of the includes`},
		{"exclude around include", v2 + "modules:\n  - path: a\n    includes: [a/x/y]\n    excludes: [a/x]\n", `include "a/x/y" is within exclude "a/x"`},
		{"own ignore outside", v2 + "modules:\n  - path: a\n    breaking:\n      ignore: [b]\n", `"b" is not inside the module "a"`},
		{"nothing is ignored", "version: v1\nbreaking:\n  ignore:\n    -\n", "breaking.ignore[0] is empty"},
		{"nothing is ignored beside something", v2 + "modules:\n  - path: a\n    lint:\n      ignore: [a/b, \"\"]\n", "modules[0].lint.ignore[1] is empty"},
		{"a rule ignores nothing", v2 + "breaking:\n  ignore_only:\n    WIRE: [\"\"]\n", "breaking.ignore_only.WIRE[0] is empty"},
		{"ignore_only is module", v2 + "modules:\n  - path: a\nbreaking:\n  ignore_only:\n    WIRE: [a]\n", `"a" is the whole module`},
		{"exclude is root", "version: v1beta1\nbuild:\n  roots: [a]\n  excludes: [a]\n", `"a" is a root, and all of it is excluded`},
		{"exclude in no root", "version: v1beta1\nbuild:\n  roots: [a]\n  excludes: [b]\n", `exclude "b" is in none of the roots`},
		{"empty", "", "buf.yaml: there is no version"},
		{"no yaml", "version: [", "buf.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := bufconfig.Parse("buf.yaml", tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// A mistake in what is said of all modules is told once.
func TestParseMistakeOnce(t *testing.T) {
	t.Parallel()
	_, err := bufconfig.Parse("buf.yaml", "version: v2\nmodules: [{ path: a }, { path: b }]\nbreaking: { ignore: [\"\"] }\n")
	if err == nil || strings.Count(err.Error(), "breaking.ignore[0] is empty") != 1 {
		t.Errorf("Parse = %v, want one error", err)
	}
}

// The folder of a module under ignore switches the check off, a folder around it
// does not.
func TestIgnoredModule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, ignore string
		disabled     bool
	}{{".", ".", true}, {"proto", "proto", true}, {"proto", ".", false}, {".", "proto", false}} {
		w, err := bufconfig.Parse("buf.yaml", "version: v2\nmodules:\n  - path: "+tt.path+"\nbreaking:\n  ignore: ["+tt.ignore+"]\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Modules[0].Breaking.Disabled; got != tt.disabled {
			t.Errorf("module %s ignoring %s: disabled = %v", tt.path, tt.ignore, got)
		}
	}
}

func TestImportPath(t *testing.T) {
	t.Parallel()
	w, err := bufconfig.Parse("buf.yaml", "version: v1beta1\nbuild:\n  roots: [a, b]\n  excludes: [a/x]\n")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"a/1.proto": "1.proto", "b/c/2.proto": "c/2.proto", "a/x/3.proto": "", "d/4.proto": "", "a/5.txt": "", "ab/6.proto": ""} {
		if got, ok := w.Modules[0].ImportPath(file); got != want || ok != (want != "") {
			t.Errorf("ImportPath(%q) = %q, %v, want %q", file, got, ok, want)
		}
	}
}

func TestIgnores(t *testing.T) {
	t.Parallel()
	c := bufconfig.Check{Ignore: []string{"a", "b.proto"}, IgnoreOnly: map[string][]string{"R": {"c"}, "CATEGORY": {"d"}}}
	for _, tt := range []struct {
		file string
		want bool
	}{{"a/x.proto", true}, {"a.proto", false}, {"ab/x.proto", false}, {"b.proto", true}, {"c/x.proto", true}, {"d/x.proto", true}, {"e/x.proto", false}} {
		if got := c.Ignores(tt.file, "R", []string{"CATEGORY"}); got != tt.want {
			t.Errorf("Ignores(%q) = %v, want %v", tt.file, got, tt.want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	fsys := fstest.MapFS{
		"v2/buf.yaml":            file("version: v2\nmodules:\n  - path: p/a\n  - path: p/b\n  - path: q\n"),
		"v2/p/a/x.proto":         file(""),
		"v1/buf.work.yaml":       file("version: v1\ndirectories: [b, a]\n"),
		"v1/a/buf.yaml":          file("version: v1\nname: h/o/a\nbuild:\n  excludes: [x]\n"),
		"v1/b/y.proto":           file(""),
		"both/buf.yaml":          file("version: v2\n"),
		"both/buf.work.yaml":     file("version: v1\ndirectories: [a]\n"),
		"nested/buf.work.yaml":   file("version: v1\ndirectories: [a]\n"),
		"nested/a/buf.yaml":      file("version: v2\n"),
		"overlap/buf.work.yaml":  file("version: v1\ndirectories: [a, a/b]\n"),
		"old/buf.yaml":           file("version: v1beta1\nbuild:\n  roots: [p, q]\n"),
		"nothing/here/a/z.proto": file(""),
	}
	for _, tt := range []struct{ dir, root, want, err string }{
		{"v2", "v2", "p/a+ p/b+ q+", ""},
		{"v2/p", "v2", "p/a+ p/b+ q", ""},
		{"v2/q", "v2", "p/a p/b q+", ""},
		{"v2/q/deeper", "", "", `is a part of the module at "q"`},
		{"v2/other", "v2/other", ".+", ""},
		{"v1", "v1", "a+ b+", ""},
		{"v1/b", "v1", "a b+", ""},
		{"both", "", "", "both buf.work.yaml and buf.yaml"},
		{"nested", "", "", "expected v1 or v1beta1"},
		{"overlap", "", "", `directory "a/b" is within directory "a"`},
		{"old", "old", ".+", ""},
		{"nothing/here", "nothing/here", ".+", ""},
	} {
		w, err := bufconfig.Loader{ReadFile: fsys.ReadFile}.Load(tt.dir)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Load(%s) = %v, want an error with %q", tt.dir, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("Load(%s): %v", tt.dir, err)
			continue
		}
		var got []string
		for _, m := range w.Modules {
			mark := ""
			if m.Target {
				mark = "+"
			}
			got = append(got, m.Dir+mark)
		}
		if w.Dir != tt.root || strings.Join(got, " ") != tt.want {
			t.Errorf("Load(%s) = %s: %s, want %s: %s", tt.dir, w.Dir, strings.Join(got, " "), tt.root, tt.want)
		}
	}
	w, err := bufconfig.Loader{ReadFile: fsys.ReadFile}.Load("v1")
	if err != nil {
		t.Fatal(err)
	}
	if a := w.Modules[0]; a.Name != "h/o/a" || a.Excludes[0] != "a/x" || a.Roots[0] != "a" {
		t.Errorf("module a = %+v", a)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("version: v2\nmodules:\n  - path: a\n    excludes: [a/b]\n")
	f.Add("version: v1beta1\nbuild: {roots: [a], excludes: [a/b]}\n")
	f.Add("version: v1\nbreaking: {ignore_only: {WIRE: [x]}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := bufconfig.Parse("buf.yaml", text)
		if err != nil {
			return
		}
		for _, m := range w.Modules {
			if strings.HasPrefix(m.Dir, "..") || len(m.Roots) == 0 {
				t.Errorf("module %+v leaves its workspace", m)
			}
		}
	})
}
