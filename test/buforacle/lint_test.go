package buforacle_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/test/buforacle"
)

// lintTrees are the fixtures of the lint rules, and the newer sides of those of
// breaking changes.
func lintTrees(t *testing.T) map[string]tree {
	t.Helper()
	out := map[string]tree{}
	breaking := tree{}
	for _, p := range fixtures(t) {
		maps.Copy(breaking, p.now)
	}
	out["breaking changes"] = breaking
	paths, err := filepath.Glob("../../compat/protorules/testdata/lint/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, p := range paths {
		archive, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all := tree{}
		for _, f := range archive.Files {
			all[f.Name] = string(f.Data)
		}
		out[filepath.Base(p)] = all
	}
	return out
}

// bufLint asks the released buf.
func bufLint(t *testing.T, files tree, config string) []buforacle.Finding {
	t.Helper()
	buforacle.Find(t)
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var stderr bytes.Buffer
	cmd := exec.Command(os.Getenv("BUF"), "lint", ".", "--error-format", "json", "--config", config)
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 100) {
		t.Fatalf("buf lint: %v\n%s", err, stderr.Bytes())
	}
	var found []buforacle.Finding
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var f buforacle.Finding
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		found = append(found, f)
	}
	return found
}

// Every finding of buf lint is found, with its place and words, and no other.
func TestLintIsBufs(t *testing.T) {
	t.Parallel()
	buforacle.Find(t)
	trees := lintTrees(t)
	total := 0
	for _, version := range []string{"v1", "v2"} {
		for _, name := range slices.Sorted(maps.Keys(trees)) {
			use := []string{"STANDARD", "COMMENTS", "UNARY_RPC", "PACKAGE_NO_IMPORT_CYCLE"}
			if version == "v2" {
				use = append(use, "STABLE_PACKAGE_NO_IMPORT_UNSTABLE")
			}
			config := fmt.Sprintf(`{"version":%q,"lint":{"use":["%s"],"except":["PROTOVALIDATE"]}}`, version, strings.Join(use, `","`))
			if version == "v1" {
				config = strings.Replace(config, `"except"`, `"allow_comment_ignores":true,"except"`, 1)
			}
			image, err := side(trees[name]).compile(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set, err := protorules.SelectLint(version, use, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, f := range protorules.Lint(image, set, protorules.LintOptions{CommentIgnores: true}) {
				got = append(got, buforacle.Finding{Path: f.New.Path, StartLine: f.New.Line, StartColumn: f.New.Col,
					EndLine: f.New.EndLine, EndColumn: f.New.EndCol, Type: f.Rule.ID, Message: f.Message}.String())
			}
			for _, f := range bufLint(t, trees[name], config) {
				want = append(want, f.String())
			}
			slices.Sort(got)
			slices.Sort(want)
			total += len(want)
			for _, f := range want {
				if !slices.Contains(got, f) {
					t.Errorf("%s %s: buf finds\n%s", version, name, f)
				}
			}
			for _, f := range got {
				if !slices.Contains(want, f) {
					t.Errorf("%s %s: buf does not find\n%s", version, name, f)
				}
			}
		}
	}
	t.Logf("%d findings are the same", total)
}
