package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestAction runs what the GitHub action runs, with a runner's variables: the
// exit code is that of the command, and the files of the step are written.
func TestAction(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil && os.Getenv("REQUIRE_SERVICES") != "1" {
		t.Skip("the action runs in bash")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tree := range []string{"svc/", "old/"} {
		write(tree+"wireproof.yaml", "version: 1\nevents: [{ schema: a.avsc, topic: t, key: id }]\n")
	}
	write("old/schemas/a.avsc", `{"type":"record","name":"A","fields":[{"name":"id","type":"string"}]}`)
	write("svc/schemas/a.avsc", `{"type":"record","name":"A","fields":[{"name":"id","type":"string"},{"name":"n","type":"int"}]}`)
	script, err := filepath.Abs("../../ci/check.sh")
	if err != nil {
		t.Fatal(err)
	}
	self, err := exec.LookPath("wireproof") // this test's own binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WIREPROOF="+self, "DIRECTORY=svc", "AGAINST=dir:"+filepath.Join(dir, "old"), "ARGUMENTS=--prove 10 --seed 3", "NO_COLOR=1",
		"GITHUB_ACTIONS=true", "GITHUB_OUTPUT="+filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary"), "RUNNER_TEMP="+dir)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != exitFindings {
		t.Fatalf("exit %v, want %d\n%s", err, exitFindings, out)
	}
	if !strings.Contains(string(out), "::error file=schemas/a.avsc,line=1") {
		t.Errorf("no annotation:\n%s", out)
	}
	for name, want := range map[string]string{
		"output": "sarif=" + filepath.Join(dir, "wireproof.sarif"), "summary": "AVRO\\_FIELD\\_ADDED", "wireproof.sarif": `"ruleId": "AVRO_FIELD_ADDED_NO_DEFAULT"`,
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(text), "AVRO_FIELD_ADDED_NO", `AVRO\_FIELD\_ADDED_NO`)+string(text), want) {
			t.Errorf("%s, %v, lacks %q:\n%s", name, err, want, text)
		}
	}
	outputs, _ := os.ReadFile(filepath.Join(dir, "output"))
	for _, want := range []string{"errors=1\n", "deploy=producers first\n"} {
		if !strings.Contains(string(outputs), want) {
			t.Errorf("the outputs lack %q:\n%s", want, outputs)
		}
	}
}

// TestCIFiles: the files that other people's CI reads are YAML and name commands
// and flags that there are.
func TestCIFiles(t *testing.T) {
	t.Parallel()
	var action struct {
		Inputs, Outputs map[string]map[string]any
		Runs            struct {
			Using string
			Steps []map[string]any
		}
	}
	readYAML(t, "../../action.yml", &action)
	if action.Runs.Using != "composite" || len(action.Runs.Steps) != 1 || action.Outputs["sarif"] == nil {
		t.Errorf("action.yml: %+v", action)
	}
	var hooks []struct{ ID, Entry, Language string }
	readYAML(t, "../../.pre-commit-hooks.yaml", &hooks)
	for _, h := range hooks {
		args := strings.Fields(h.Entry)
		cmd, rest, err := (&app{}).root().Find(args[1:])
		if err != nil || args[0] != "wireproof" || cmd.ParseFlags(rest) != nil {
			t.Errorf("hook %s: %q cannot be run: %v", h.ID, h.Entry, err)
		}
	}
	var gitlab map[string]any
	readYAML(t, "../../ci/gitlab.yml", &gitlab)
	if gitlab["wireproof"] == nil {
		t.Error("ci/gitlab.yml has no job wireproof")
	}
}

func readYAML(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
