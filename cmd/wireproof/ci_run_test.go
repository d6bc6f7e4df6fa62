package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program returns the command that a variable names, with which test/services.sh
// says where it is.
func program(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatalf("%s is not set; make integration sets it", variable)
		}
		t.Skipf("runs where %s names the command; make integration sets it", variable)
	}
	return path
}

const (
	orderV1  = `{"type":"record","name":"OrderPlaced","namespace":"orders.v1","fields":[{"name":"order_id","type":"string"}]}`
	orderBad = `{"type":"record","name":"OrderPlaced","namespace":"orders.v1","fields":[{"name":"order_id","type":"string"},{"name":"n","type":"int"}]}`
	orderV2  = `{"type":"record","name":"OrderPlaced","namespace":"orders.v1","fields":[{"name":"order_id","type":"string"},{"name":"n","type":"int","default":0}]}`
	settings = "version: 1\nevents: [{ schema: orders.avsc, topic: orders, key: order_id }]\n"
)

// commit makes the shop a repository, once, and commits all of it.
func (s *shop) commit(message string) {
	s.t.Helper()
	if _, err := os.Stat(filepath.Join(s.dir, ".git")); err != nil {
		s.sh("git init -q -b main . && git config user.email ci@example.com && git config user.name CI")
	}
	s.sh("git add -A && git commit -q --no-verify -m '" + message + "'")
}

// The hooks, as pre-commit runs them from a repository that is this work tree: a
// breaking change and stale Go are refused, a compatible change is not.
func TestPreCommitRuns(t *testing.T) {
	preCommit := program(t, "CI_PRE_COMMIT")
	s := newShop(t)
	s.env = append(s.env, "PRE_COMMIT_HOME="+filepath.Join(t.TempDir(), "home"), "PRE_COMMIT_COLOR=never")
	hooks := t.TempDir()
	copyTree := exec.Command("sh", "-ec", `git -C ../.. ls-files -z | tar -C ../.. --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -C "$0" -xf -
cd "$0" && git init -q -b main . && git add -A && git -c user.email=ci@example.com -c user.name=CI commit -q -m hooks && git rev-parse HEAD`, hooks)
	out, err := copyTree.Output()
	if err != nil {
		t.Fatal(err)
	}
	s.write(".pre-commit-config.yaml", "repos:\n- repo: "+hooks+"\n  rev: "+strings.TrimSpace(string(out))+"\n  hooks: [{ id: wireproof-check }, { id: wireproof-generate }]\n")
	self, err := exec.LookPath("wireproof") // this test's own binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	s.write("wireproof.yaml", settings)
	s.sh("mkdir schemas")
	s.write("schemas/orders.avsc", orderV1)
	s.sh(self + " generate")
	s.commit("first")
	run := "git add -A && " + preCommit + " run"
	if out, err := s.try(run + " --all-files"); err != nil || strings.Count(out, "Passed") != 2 {
		t.Fatalf("nothing has changed: %v\n%s", err, out)
	}
	s.write("schemas/orders.avsc", orderBad)
	out2, err := s.try(run)
	if err == nil || !strings.Contains(out2, "AVRO_FIELD_ADDED_NO_DEFAULT") || !strings.Contains(out2, "stale") || strings.Count(out2, "Failed") != 2 {
		t.Errorf("a breaking change, and Go that is not current: %v\n%s", err, out2)
	}
	s.write("schemas/orders.avsc", orderV2)
	s.sh(self + " generate")
	if out, err := s.try(run); err != nil || strings.Count(out, "Passed") != 2 {
		t.Errorf("a compatible change: %v\n%s", err, out)
	}
}

// The template, as a runner takes it apart and runs it: a merge request with a
// breaking change fails, with its findings in the reports that GitLab shows; one
// with a compatible change passes.
func TestGitLabRuns(t *testing.T) {
	gitlab := program(t, "CI_GITLAB")
	s := newShop(t)
	template, err := os.ReadFile("../../ci/gitlab.yml")
	if err != nil {
		t.Fatal(err)
	}
	s.sh("go get -tool " + modulePath + "/cmd/wireproof@" + moduleVersion + " && mkdir schemas")
	s.write("template.yml", string(template))
	s.write(".gitlab-ci.yml", "include: [{ local: template.yml }]\n")
	s.write(".gitignore", ".gitlab-ci-local\nwireproof-*\n")
	s.write("wireproof.yaml", settings)
	s.write("schemas/orders.avsc", orderV1)
	s.commit("first")
	// The runner makes its variables of the address; nothing is fetched from there.
	s.sh("git remote add origin https://gitlab.example.com/shop/shop.git && git update-ref refs/remotes/origin/main main && git remote set-head origin main")
	// A job with an image has the folder of its container there, also without one.
	run := gitlab + " wireproof --force-shell-executor --home " + t.TempDir() + " --variable CI_PROJECT_DIR=" + s.dir +
		" --variable CI_PIPELINE_SOURCE=merge_request_event --variable CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main"
	s.sh("git checkout -q -b change")
	s.write("schemas/orders.avsc", orderBad)
	s.commit("a field without a default")
	out, err := s.try(run)
	if err == nil || !strings.Contains(out, "AVRO_FIELD_ADDED_NO_DEFAULT") {
		t.Fatalf("a breaking change: %v\n%s", err, out)
	}
	read := func(name string) []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var quality []struct {
		Check       string `json:"check_name"`
		Fingerprint string
		Severity    string
		Location    struct{ Path string }
	}
	if err := json.Unmarshal(read("wireproof-quality.json"), &quality); err != nil {
		t.Fatal(err)
	}
	if len(quality) == 0 || quality[0].Check != "AVRO_FIELD_ADDED_NO_DEFAULT" || quality[0].Fingerprint == "" || quality[0].Location.Path != "schemas/orders.avsc" {
		t.Errorf("code quality: %+v", quality)
	}
	var junit struct {
		Suites []struct {
			Failures int `xml:"failures,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(read("wireproof-junit.xml"), &junit); err != nil || len(junit.Suites) == 0 || junit.Suites[0].Failures == 0 {
		t.Errorf("JUnit: %+v, %v", junit, err)
	}
	s.write("schemas/orders.avsc", orderV2)
	s.commit("with a default")
	if out, err := s.try(run); err != nil {
		t.Errorf("a compatible change: %v\n%s", err, out)
	}
}
