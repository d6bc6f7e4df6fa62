package bufconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

func TestParseGen(t *testing.T) {
	t.Parallel()
	got, err := bufconfig.ParseGen("buf.gen.yaml", `version: v2
clean: true
managed:
  enabled: true
  disable:
    - module: buf.example/acme/a
      file_option: go_package
    - field_option: jstype
      field: a.B.c
  override:
    - file_option: Java_Multiple_Files
      value: false
    - file_option: optimize_for
      value: CODE_SIZE
      path: a/b
plugins:
  - local: protoc-gen-go
    out: gen
    opt: paths=source_relative
  - local: [go, run, ./x]
    out: ./gen/x
    opt: [a=1, b]
    include_imports: true
    include_wkt: true
    strategy: all
  - protoc_builtin: java
    protoc_path: [protoc, -Ix]
    out: java
inputs:
  - directory: proto
    paths: [proto/a]
    exclude_paths: [proto/a/x.proto]
`)
	if err != nil {
		t.Fatal(err)
	}
	want := &bufconfig.Gen{
		Name: "buf.gen.yaml", Clean: true,
		Managed: bufconfig.Managed{
			Enabled: true,
			Disable: []bufconfig.ManagedRule{{FileOption: "go_package", Module: "buf.example/acme/a"}, {FieldOption: "jstype", Field: "a.B.c"}},
			Override: []bufconfig.ManagedRule{
				{FileOption: "java_multiple_files", Value: false}, {FileOption: "optimize_for", Path: "a/b", Value: "CODE_SIZE"},
			},
		},
		Plugins: []bufconfig.GenPlugin{
			{At: "buf.gen.yaml:17:12", Name: "protoc-gen-go", Command: []string{"protoc-gen-go"}, Out: "gen", Opt: "paths=source_relative"},
			{
				At: "buf.gen.yaml:20:12", Name: "go run ./x", Command: []string{"go", "run", "./x"}, List: true,
				Out: "./gen/x", Opt: "a=1,b", IncludeImports: true, IncludeWKT: true, All: true,
			},
			{At: "buf.gen.yaml:26:21", Name: "java", Builtin: "java", Protoc: []string{"protoc", "-Ix"}, Out: "java"},
		},
		Inputs: []bufconfig.GenInput{{At: "buf.gen.yaml:30:16", Directory: "proto", Paths: []string{"proto/a"}, ExcludePaths: []string{"proto/a/x.proto"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseGenMistakes(t *testing.T) {
	t.Parallel()
	const v2 = "version: v2\nplugins:\n  - "
	const managed = "version: v2\nplugins: [{local: x, out: y}]\nmanaged:\n  "
	const inputs = "version: v2\nplugins: [{local: x, out: y}]\ninputs:\n  - "
	for _, tt := range []struct{ name, text, want string }{
		{"v1", "version: v1\nplugins: []\n", "buf.gen.yaml: version is v1; expected v2: buf config migrate rewrites the file"},
		{"v1beta1", "version: v1beta1\n", "buf config migrate"},
		{"no version", "plugins: []\n", "there is no version"},
		{"no plugins", "version: v2\n", "there are no plugins"},
		{"unknown key", "version: v2\nplugin: []\n", `buf.gen.yaml:2:1: unknown key "plugin", did you mean "plugins"?`},
		{"unknown key of a plugin", v2 + "locl: x\n", `buf.gen.yaml:3:5: unknown key "plugins[0].locl", did you mean "local"?`},
		{"no program", v2 + "out: gen\n", "plugins[0] names no program"},
		{"two programs", v2 + "{local: x, protoc_builtin: java, out: gen}\n", "more than one of local, remote and protoc_builtin"},
		{"no out", v2 + "local: x\n", "buf.gen.yaml:3:12: plugins[0] has no out"},
		{"remote", v2 + "remote: buf.build/connectrpc/go:v1.2.3\n    out: gen\n", "buf.gen.yaml:3:13: plugins[0].remote is \"buf.build/connectrpc/go:v1.2.3\", and nothing is sent away to be generated here; install the plugin and write local: protoc-gen-connect-go"},
		{"remote go", v2 + "remote: buf.build/protocolbuffers/go\n    out: gen\n", "write local: protoc-gen-go, which is built in"},
		{"remote java", v2 + "remote: buf.build/protocolbuffers/java:v33.0\n    out: gen\n", "install protoc and write protoc_builtin: java"},
		{"remote other", v2 + "remote: buf.example/acme/x\n    out: gen\n", "with the name of its program, as it is in PATH"},
		{"remote odd", v2 + "remote: \":\"\n    out: gen\n", "with the name of its program, as it is in PATH"},
		{"builtin", v2 + "{protoc_builtin: jav, out: gen}\n", `"jav", did you mean "java"?`},
		{"archive", v2 + "{local: x, out: gen.jar}\n", "archives are not written here"},
		{"wkt", v2 + "{local: x, out: gen, include_wkt: true}\n", "include_wkt needs include_imports"},
		{"strategy", v2 + "{local: x, out: gen, strategy: dirs}\n", `expected directory, all`},
		{"empty command", v2 + "{local: [], out: gen}\n", "plugins[0].local names no program"},
		{"number in a command", v2 + "{local: [a, 1], out: gen}\n", "plugins[0].local[1] is 1; expected text"},
		{"mapping as opt", v2 + "{local: a, out: gen, opt: {a: b}}\n", "expected text or a list of texts"},
		{"revision", v2 + "{local: a, out: gen, revision: 1}\n", "plugins[0].revision is of remote plugins"},
		{"unknown option", managed + "override: [{file_option: go_package_prefx, value: a}]\n", `did you mean "go_package_prefix"?`},
		{"no value", managed + "override: [{file_option: go_package}]\n", "managed.override[0] has no value"},
		{"wrong value", managed + "override: [{file_option: cc_enable_arenas, value: a}]\n", "expected true or false"},
		{"wrong mode", managed + "override: [{file_option: optimize_for, value: FAST}]\n", "expected SPEED, CODE_SIZE, LITE_RUNTIME"},
		{"wrong jstype", managed + "override: [{field_option: jstype, value: JS_STRIN}]\n", `did you mean "JS_STRING"?`},
		{"no option", managed + "override: [{value: a}]\n", "expected file_option or field_option"},
		{"field of a file option", managed + "disable: [{file_option: go_package, field: a.b}]\n", "a file option has no field"},
		{"empty rule", managed + "disable: [{}]\n", "managed.disable[0] is empty"},
		{"path", managed + "disable: [{path: ../a}]\n", "expected an import path"},
		{"module", managed + "disable: [{module: acme}]\n", "expected host/owner/module"},
		{"git", inputs + "git_repo: https://example.com/x.git\n", "buf.gen.yaml:4:15: inputs[0].git_repo: only folders are read here"},
		{"no input", inputs + "paths: [a]\n", "inputs[0] has no directory"},
		{"key of git", inputs + "{directory: a, branch: b}\n", "inputs[0].branch is not of an input with directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := bufconfig.ParseGen("buf.gen.yaml", tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseGen = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// What is read can be run: every plugin has a program and a folder, every rule an
// option, and no input is a guess.
func FuzzParseGen(f *testing.F) {
	f.Add("version: v2\nplugins: [{local: a, out: b}]\n")
	f.Add("version: v2\nclean: true\nplugins: [{protoc_builtin: java, out: b, opt: [x]}]\ninputs: [{directory: .}]\n")
	f.Add("version: v2\nmanaged: {enabled: true, override: [{file_option: go_package, value: a}]}\nplugins: [{local: [a], out: b}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := bufconfig.ParseGen("buf.gen.yaml", text)
		if err != nil {
			return
		}
		if len(g.Plugins) == 0 {
			t.Error("there are no plugins")
		}
		for _, p := range g.Plugins {
			if p.Out == "" || p.Builtin == "" && (len(p.Command) == 0 || p.Command[0] == "") || p.At == "" {
				t.Errorf("plugin %+v cannot be run", p)
			}
		}
		for _, r := range g.Managed.Override {
			if r.FileOption == "" && r.FieldOption == "" || r.Value == nil {
				t.Errorf("rule %+v sets nothing", r)
			}
		}
		for _, in := range g.Inputs {
			if in.Directory == "" {
				t.Errorf("input %+v has no folder", in)
			}
		}
	})
}
