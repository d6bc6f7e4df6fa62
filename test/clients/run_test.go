package clients_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A language starts programs that use its clients.
type language struct {
	dir  string
	args func(t *testing.T) []string // of the interpreter
	env  func(t *testing.T) []string
}

var python = language{
	dir:  "python",
	args: func(t *testing.T) []string { return []string{needs(t, "CLIENTS_PYTHON")} },
	env:  func(*testing.T) []string { return []string{"PYTHONDONTWRITEBYTECODE=1"} },
}

var javascript = language{
	dir:  "javascript",
	args: func(*testing.T) []string { return []string{"node"} },
	env:  func(t *testing.T) []string { return []string{"NODE_PATH=" + needs(t, "CLIENTS_NODE_MODULES")} },
}

// run runs a program against a registry and makes a subtest of each check that it
// reports. A program that dies, or reports nothing, fails.
func (l language) run(t *testing.T, program string, env ...string) {
	t.Helper()
	schemas, err := filepath.Abs("../../schemas")
	if err != nil {
		t.Fatal(err)
	}
	args := append(l.args(t), program)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = l.dir
	cmd.Env = slices.Concat(os.Environ(), l.env(t), []string{"SCHEMAS=" + schemas}, env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	checks := 0
	for line := range strings.Lines(stdout.String()) {
		var got struct{ Check, Error string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Check == "" {
			t.Errorf("the program says %q, which is not the outcome of a check", line)
			continue
		}
		checks++
		t.Run(got.Check, func(t *testing.T) {
			if got.Error != "" {
				t.Error(got.Error)
			}
		})
	}
	if err != nil || checks == 0 {
		t.Errorf("%s: %v after %d checks\n%s", program, err, checks, stderr.String())
	}
}

// programs are all that have checks, by the language that runs them.
var programs = []struct {
	language
	files []string
}{
	{python, []string{"subjects.py", "contexts.py", "avro_values.py", "protobuf_values.py", "json_values.py", "contracts.py"}},
	{javascript, []string{"kafkajs.js", "confluent.js", "confluent_values.js"}},
}

// TestClients runs every program against a registry of its own, on each store.
func TestClients(t *testing.T) {
	for _, store := range slices.Sorted(maps.Keys(stores)) {
		for _, p := range programs {
			for _, file := range p.files {
				t.Run(store+"/"+p.dir+"/"+file, func(t *testing.T) {
					t.Parallel()
					p.args(t)
					p.env(t) // before a server is started for nothing
					url := serve(t, stores[store](t)...)
					p.run(t, file, "REGISTRY_URL="+url, "WORK="+t.TempDir())
				})
			}
		}
	}
}
