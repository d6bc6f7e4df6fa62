package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lintTree is a workspace of two modules with problems of most kinds.
func lintTree() map[string]string {
	return map[string]string{
		".git/HEAD":            "ref: refs/heads/main\n",
		"one/a/v1/a.proto":     "syntax = \"proto3\";\npackage a.v1;\nimport \"b/b.proto\";\nimport \"google/protobuf/empty.proto\";\n// buf:lint:ignore MESSAGE_PASCAL_CASE\nmessage under_score {\n  string fooBar = 1;\n  // buf:lint:ignore FIELD_LOWER_SNAKE_CASE\n  b.E bazQux = 2;\n}\nservice Orders {\n  rpc Drop(google.protobuf.Empty) returns (google.protobuf.Empty);\n  rpc get(under_score) returns (under_score);\n}\n",
		"one/a/v1/Camel.proto": "syntax = \"proto3\";\npackage a.v1;\noption go_package = \"x\";\nenum E { FIRST = 0; E_NONE = 1; }\n",
		"one/x/old.proto":      "package x;\nmessage X { optional string _Descriptor = 1; }\n",
		"two/b/b.proto":        "syntax = \"proto3\";\npackage b;\nenum E { option allow_alias = true; E_UNSPECIFIED = 0; E_B = 0; }\n",
		"two/b/c.proto":        "syntax = \"proto3\";\npackage c;\nimport public \"b/b.proto\";\nmessage C { b.E e = 1; }\n",
		"two/gen/g.proto":      "edition = \"2023\";\npackage gen;\nmessage G { string s = 1 [features.field_presence = LEGACY_REQUIRED]; }\n",
	}
}

// lintWorkspaces are configurations of every version, by what they are about.
func lintWorkspaces() map[string]map[string]string {
	const modules = "version: v2\nmodules:\n  - path: one\n  - path: two\n"
	v2 := func(rest string) map[string]string { return map[string]string{"buf.yaml": modules + rest} }
	work := func(one, two string) map[string]string {
		return map[string]string{"buf.work.yaml": "version: v1\ndirectories: [one, two]\n", "one/buf.yaml": one, "two/buf.yaml": two}
	}
	return map[string]map[string]string{
		"v2 defaults":             v2(""),
		"v2 ignore":               v2("lint:\n  ignore: [one/x, two/b/b.proto, elsewhere]\n"),
		"v2 ignore a module":      v2("lint:\n  ignore: [two]\n"),
		"v2 ignore everything":    v2("lint:\n  ignore: [.]\n"),
		"v2 ignore_only":          v2("lint:\n  ignore_only:\n    PACKAGE_VERSION_SUFFIX: [two/b]\n    BASIC: [one/a/v1]\n    IMPORT_NO_WEAK: [one/x]\n"),
		"v2 ignore_only of one":   v2("lint:\n  ignore_only:\n    PACKAGE_DIRECTORY_MATCH: [two/b/c.proto]\n    STANDARD: [one/x/old.proto]\n"),
		"v2 use and except":       v2("lint:\n  use: [STANDARD, COMMENTS, UNARY_RPC, IMPORT_NO_WEAK]\n  except: [COMMENT_FIELD, MINIMAL, PROTOVALIDATE]\n"),
		"v2 no comment ignores":   v2("lint:\n  disallow_comment_ignores: true\n"),
		"v2 options":              v2("lint:\n  enum_zero_value_suffix: _NONE\n  service_suffix: s\n  rpc_allow_same_request_response: true\n  rpc_allow_google_protobuf_empty_requests: true\n  rpc_allow_google_protobuf_empty_responses: true\n"),
		"v2 empty requests":       v2("lint:\n  rpc_allow_google_protobuf_empty_requests: true\n"),
		"v2 no built-in rules":    v2("lint:\n  disable_builtin: true\n"),
		"v2 sections of modules":  {"buf.yaml": "version: v2\nmodules:\n  - path: one\n    lint:\n      use: [MINIMAL]\n      ignore: [one/x]\n  - path: two\n    excludes: [two/gen]\nlint:\n  use: [COMMENTS]\n"},
		"v2 breaking of a module": {"buf.yaml": "version: v2\nmodules:\n  - path: one\n    breaking:\n      use: [FILE]\n  - path: two\n    lint:\n      disallow_comment_ignores: true\nlint:\n  use: [COMMENTS]\n"},
		"v1 defaults":             work("version: v1\n", "version: v1\n"),
		"v1 comment ignores":      work("version: v1\nlint:\n  allow_comment_ignores: true\n", "version: v1\nlint:\n  use: [DEFAULT]\n  ignore: [gen]\n"),
		"v1 ignore_only":          work("version: v1\nlint:\n  ignore_only:\n    BASIC: [a/v1/a.proto]\n", "version: v1\nbuild:\n  excludes: [gen]\nlint:\n  ignore: [.]\n"),
		"v1 no files":             {"buf.work.yaml": "version: v1\ndirectories: [one, two]\n"},
		"v1beta1 roots":           {"buf.yaml": "version: v1beta1\nbuild:\n  roots: [one, two]\n  excludes: [two/gen]\nlint:\n  use: [DEFAULT, OTHER]\n  except: [STYLE_DEFAULT]\n  ignore: [x]\n"},
		"v1beta1 ignore_only":     {"buf.yaml": "version: v1beta1\nbuild:\n  roots: [one, two]\nlint:\n  allow_comment_ignores: true\n  ignore_only:\n    PACKAGE_AFFINITY: [a]\n    FILE_LAYOUT: [b/c.proto, gen]\n"},
	}
}

// Problems are those of the released command, for every kind of workspace.
func TestLintAsReleased(t *testing.T) {
	t.Parallel()
	buf := releasedBuf(t)
	workspaces := lintWorkspaces()
	for _, name := range slices.Sorted(maps.Keys(workspaces)) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, lintTree())
			writeFiles(t, dir, workspaces[name])
			inputs := []string{".", "two"}
			if strings.HasPrefix(name, "v1beta1") { // where two is no module
				inputs = inputs[:1]
			}
			for _, input := range inputs {
				cmd := exec.Command(buf, "lint", input, "--error-format", "json")
				cmd.Dir = dir
				want, err := cmd.Output()
				var exit *exec.ExitError
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 100) {
					t.Fatalf("buf lint %s: %v\n%s%s", input, err, want, exit.Stderr)
				}
				args := []string{"lint", "--output", "buf-json"}
				if input != "." {
					args = append(args, input)
				}
				code, got, stderr := runIn(dir, args...)
				if code != 0 || plainLines(got) != plainLines(string(want)) {
					t.Errorf("%s: exit code %d\n%s%s\nwant\n%s", input, code, got, stderr, want)
				}
			}
		})
	}
}

// plainLines leaves out how JSON escapes text.
func plainLines(text string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(text)
}

// releasedBuf is the program to compare with. Without BUF, the test is skipped, or
// fails under REQUIRE_SERVICES=1.
func releasedBuf(t *testing.T) string {
	t.Helper()
	buf := os.Getenv("BUF")
	switch {
	case buf != "":
	case os.Getenv("REQUIRE_SERVICES") == "1":
		t.Fatal("the comparison with buf needs the program in BUF: test/buf.sh prints it")
	default:
		t.Skip("the comparison with buf runs with BUF set to the program that test/buf.sh prints")
	}
	if _, err := os.Stat(filepath.Clean(buf)); err != nil {
		t.Fatal(err)
	}
	return buf
}
