package clients_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A language runs programs that use its clients.
type language struct {
	dir       string
	extension string
	args      func(t *testing.T) []string // of the interpreter
	env       func(t *testing.T) []string
	programs  []string
}

var python = language{
	dir:       "python",
	extension: ".py",
	args:      func(t *testing.T) []string { return []string{needs(t, "CLIENTS_PYTHON"), "main.py"} },
	env:       func(*testing.T) []string { return []string{"PYTHONDONTWRITEBYTECODE=1"} },
	programs:  []string{"subjects.py", "contexts.py", "avro_values.py", "protobuf_values.py", "json_values.py", "contracts.py"},
}

var javascript = language{
	dir:       "javascript",
	extension: ".js",
	args:      func(*testing.T) []string { return []string{"node", "main.js"} },
	env:       func(t *testing.T) []string { return []string{"NODE_PATH=" + needs(t, "CLIENTS_NODE_MODULES")} },
	programs:  []string{"kafkajs.js", "confluent.js", "confluent_values.js"},
}

// A job is a program and the registry that it speaks to, or with a comma the two
// servers of one. The label names it in the output of tests.
type job struct{ label, file, url string }

// run runs jobs in one process and makes a subtest of each check that they
// report. A process that dies, and a job without a check, fail.
func (l language) run(t *testing.T, jobs []job, env ...string) {
	t.Helper()
	schemas, err := filepath.Abs("../../schemas")
	if err != nil {
		t.Fatal(err)
	}
	args := l.args(t)
	for _, j := range jobs {
		args = append(args, j.label+"="+j.file+"="+j.url)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = l.dir
	cmd.Env = slices.Concat(os.Environ(), l.env(t), []string{"SCHEMAS=" + schemas}, env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	checks := map[string]int{}
	for line := range strings.Lines(stdout.String()) {
		var got struct{ Program, Check, Error string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Check == "" {
			t.Errorf("%s says %q, which is not the outcome of a check", l.dir, line)
			continue
		}
		checks[got.Program]++
		t.Run(got.Program+"/"+got.Check, func(t *testing.T) {
			if got.Error != "" {
				t.Error(got.Error)
			}
		})
	}
	for _, j := range jobs {
		if checks[j.label] == 0 {
			t.Errorf("%s has reported no check", j.label)
		}
	}
	if err != nil || t.Failed() {
		t.Errorf("%s ended with %v and said:\n%s", l.dir, err, stderr.String())
	}
}

// TestClients runs every program against a registry of its own, on each store.
// With a password and TLS, one program of each client shows that it gets in.
func TestClients(t *testing.T) {
	for _, l := range []language{python, javascript} {
		t.Run(l.dir, func(t *testing.T) {
			t.Parallel()
			l.args(t)
			l.env(t) // before servers are started for nothing
			var jobs []job
			add := func(kind, file, url string) { jobs = append(jobs, job{kind + "/" + file, file, url}) }
			for _, file := range l.programs {
				add("memory", file, serve(t, "--memory"))
				add("sqlite", file, serve(t, "--data", t.TempDir()))
			}
			url, ca := serveSecured(t)
			first := l.programs[0]
			add("secured", first, url)
			secured := "secured" + l.extension
			add("secured", secured, url)
			l.run(t, jobs, "WORK="+t.TempDir(), "CA="+ca, "NODE_EXTRA_CA_CERTS="+ca)
		})
	}
}
