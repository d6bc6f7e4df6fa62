package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/breaking"
)

// breakingTrees writes two versions of a workspace with two modules.
func breakingTrees(t *testing.T) (newer, older string) {
	t.Helper()
	const config = "version: v2\nmodules:\n  - path: one\n  - path: two\nbreaking:\n  use: [FILE, PACKAGE]\n  ignore_unstable_packages: true\n"
	dir := t.TempDir()
	newer, older = filepath.Join(dir, "newer"), filepath.Join(dir, "older")
	writeFiles(t, older, map[string]string{
		"buf.yaml":                 config,
		"one/a/a.proto":            "syntax = \"proto3\";\npackage a;\nimport \"b/b.proto\";\nmessage M { string s = 1; b.E e = 2; message N {} }\n",
		"one/a/gone.proto":         "syntax = \"proto3\";\npackage gone;\nmessage G {}\n",
		"one/x/v1beta1/x.proto":    "syntax = \"proto3\";\npackage x.v1beta1;\nmessage X { string s = 1; }\n",
		"two/b/b.proto":            "syntax = \"proto3\";\npackage b;\nenum E { E_A = 0; E_B = 1; }\nservice S { rpc R(Q) returns (Q); }\nmessage Q {}\n",
		"two/b/\"quoted\" <.proto": "syntax = \"proto3\";\npackage b;\nmessage Odd { string s = 1; }\n",
	})
	writeFiles(t, newer, map[string]string{
		"buf.yaml":                 config,
		"one/a/a.proto":            "syntax = \"proto3\";\npackage a;\nimport \"b/b.proto\";\nmessage M {\n\tint32 s = 1;\n\tb.E f = 2;\n}\n",
		"one/x/v1beta1/x.proto":    "syntax = \"proto3\";\npackage x.v1beta1;\nmessage X { int32 s = 1; }\n",
		"two/b/b.proto":            "syntax = \"proto3\";\npackage b;\nenum E { E_A = 0; E_C = 1; }\nservice S { rpc R(Q) returns (stream Q); }\nmessage Q {}\n",
		"two/b/\"quoted\" <.proto": "syntax = \"proto3\";\npackage b;\nmessage Odd { bytes s = 1; }\n",
	})
	return newer, older
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func runIn(dir string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"-C", dir}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestBreakingExitCodes(t *testing.T) {
	t.Parallel()
	newer, older := breakingTrees(t)
	for _, tt := range []struct {
		code int
		args []string
	}{
		{0, []string{"--against", newer}},
		{100, []string{"--against", older}},
		{100, []string{"one", "--against", older}},
		{0, []string{"--against", older, "--path", "one/x"}},
		{0, []string{"--against", older, "--timeout", "0", "--config", `{"version":"v2","modules":[{"path":"one"},{"path":"two"}],"breaking":{"ignore":["one","two"]}}`}},
		{1, nil},
		{1, []string{"--against", older, "--error-format", "xml"}},
		{1, []string{"a", "b", "--against", older}},
		{1, []string{"--nonsense"}},
		{1, []string{"--against", filepath.Join(older, "nowhere")}},
		{1, []string{"--against", t.TempDir()}}, // without files
		{1, []string{"--against", "-"}},         // nothing comes
		{1, []string{"--against", "https://example.invalid/x.git#branch=main"}},
		{1, []string{"--against", "git@example.invalid:x.git"}},
		{1, []string{"--against", "https://example.invalid/x.tar.gz"}},
		{1, []string{"--against", older, "--config", "version: v9"}},
		{1, []string{"one/a", "--against", older}},
		{1, []string{"--against", older, "--against-registry"}},
		{1, []string{"--against", older, "--timeout", "1ns"}},
	} {
		code, stdout, stderr := runIn(newer, append([]string{"breaking"}, tt.args...)...)
		if code != tt.code {
			t.Errorf("breaking %q ended with %d, want %d\n%s%s", tt.args, code, tt.code, stdout, stderr)
		}
		if (code == 1) != strings.HasPrefix(stderr, "Failure: ") {
			t.Errorf("breaking %q ended with %d and said %q", tt.args, code, stderr)
		}
	}
}

// The output is that of the released command, byte for byte, in every format and
// for every kind of input.
func TestBreakingAsReleased(t *testing.T) {
	t.Parallel()
	buf := releasedBuf(t)
	newer, older := breakingTrees(t)
	released := func(args ...string) (int, string) {
		cmd := exec.Command(buf, args...)
		cmd.Dir = newer
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	images := filepath.Join(older, "..")
	for _, ext := range []string{"binpb", "json", "txtpb", "yaml", "binpb.gz", "json.zst"} {
		for side, dir := range map[string]string{"old.": older, "new.": newer} {
			if code, out := released("build", dir, "-o", filepath.Join(images, side+ext)); code != 0 {
				t.Fatal(out)
			}
		}
	}
	compare := func(args ...string) {
		t.Helper()
		args = append([]string{"breaking"}, args...)
		wantCode, want := released(append(args, "--exclude-imports")...)
		code, got, stderr := runIn(newer, args...)
		if code != wantCode || got != want {
			t.Errorf("%q ended with %d, want %d\n%s%s\nwant\n%s", args, code, wantCode, got, stderr, want)
		}
	}
	for _, format := range breaking.Formats() {
		compare("--against", older, "--error-format", format)
		compare("--against", newer, "--error-format", format)
	}
	compare("one", "--against", filepath.Join(older, "one"))
	compare("--against", older, "--config", `{"version":"v1","breaking":{"use":["WIRE"]}}`, "--against-config", `{"version":"v1"}`)
	for _, ext := range []string{"binpb", "json", "txtpb", "yaml", "binpb.gz", "json.zst"} {
		compare(filepath.Join(images, "new."+ext), "--against", filepath.Join(images, "old."+ext), "--error-format", "json")
	}
}
