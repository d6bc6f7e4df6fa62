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

// actionStep returns the script and the variables of the action's one step, for a
// caller that gives some inputs, as a runner works them out; and the outputs that
// the action takes from it.
func actionStep(t *testing.T, inputs map[string]string) (run string, env, outputs []string) {
	t.Helper()
	var action struct {
		Inputs  map[string]struct{ Default string }
		Outputs map[string]struct{ Value string }
		Runs    struct {
			Steps []struct {
				ID, Shell, Run string
				Env            map[string]string
			}
		}
	}
	readYAML(t, "../../action.yml", &action)
	if len(action.Runs.Steps) != 1 || action.Runs.Steps[0].Shell != "bash" {
		t.Fatalf("action.yml: %+v, want one step in bash", action.Runs.Steps)
	}
	step := action.Runs.Steps[0]
	for name, value := range step.Env {
		input, ok := strings.CutPrefix(value, "${{ inputs.")
		input, closed := strings.CutSuffix(input, " }}")
		declared, known := action.Inputs[input]
		if !ok || !closed || !known {
			t.Fatalf("action.yml: %s is %q, want an input of the action", name, value)
		}
		given, ok := inputs[input]
		if !ok {
			given = declared.Default
		}
		env = append(env, name+"="+given)
	}
	for name, o := range action.Outputs {
		if want := "${{ steps." + step.ID + ".outputs." + name + " }}"; o.Value != want {
			t.Errorf("action.yml: the output %s is %q, want %q", name, o.Value, want)
		}
		outputs = append(outputs, name)
	}
	return step.Run, env, outputs
}

// TestAction runs the step of the GitHub action, with a runner's variables: the
// exit code is that of the command, the files of the step are written, and the step
// gives each output that the action promises.
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
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	self, err := exec.LookPath("wireproof") // this test's own binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	run, env, promised := actionStep(t, map[string]string{"directory": "svc", "against": "dir:" + filepath.Join(dir, "old"), "arguments": "--prove 10 --seed 3"})
	write("step.sh", run)
	// As a runner starts a step of shell bash.
	cmd := exec.Command(bash, "--noprofile", "--norc", "-eo", "pipefail", filepath.Join(dir, "step.sh"))
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), env...), "WIREPROOF="+self, "NO_COLOR=1", "GITHUB_ACTION_PATH="+root,
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
	for _, name := range promised {
		if !strings.Contains("\n"+string(outputs), "\n"+name+"=") {
			t.Errorf("the step does not give the output %q of the action:\n%s", name, outputs)
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
