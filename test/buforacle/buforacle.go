// Package buforacle asks the released buf what it finds breaking, or bad style, so
// that a test can compare. BUF names the program; test/buf.sh builds it from its module and
// prints that name.
package buforacle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Buf is the released program.
type Buf struct{ path string }

// Find returns the program. Without BUF it skips the test, or fails it under
// REQUIRE_SERVICES=1.
func Find(t testing.TB) Buf {
	t.Helper()
	path := os.Getenv("BUF")
	if path == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("the comparison with buf needs the program in BUF: test/buf.sh prints it")
		}
		t.Skip("the comparison with buf runs with BUF set to the program that test/buf.sh prints")
	}
	return Buf{path}
}

// A Finding is a line that buf prints with --error-format json. Its fields
// have Buf's names and defaults.
type Finding struct {
	Path        string `json:"path,omitempty"`
	StartLine   int    `json:"start_line,omitempty"`
	StartColumn int    `json:"start_column,omitempty"`
	EndLine     int    `json:"end_line,omitempty"`
	EndColumn   int    `json:"end_column,omitempty"`
	Type        string `json:"type,omitempty"`
	Message     string `json:"message,omitempty"`
}

// String is the finding for people.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d:%d-%d:%d %s %s", f.Path, f.StartLine, f.StartColumn, f.EndLine, f.EndColumn, f.Type, f.Message)
}

// Build makes an image of a folder, beside it, and returns the name of that file.
func (b Buf) Build(dir string) (string, error) {
	image := dir + ".binpb"
	_, err := b.run(dir, "build", ".", "-o", image)
	return image, err
}

// Breaking compares newer with older, which are folders or images, under a
// configuration in JSON. It runs in the folder newer, so that paths are short.
func (b Buf) Breaking(newer, older, config string) ([]Finding, error) {
	dir, input := newer, "."
	if strings.HasSuffix(newer, ".binpb") {
		dir, input = filepath.Dir(newer), newer
	}
	out, err := b.run(dir, "breaking", input, "--against", older, "--exclude-imports", "--error-format", "json",
		"--config", config, "--against-config", config)
	if err != nil {
		return nil, err
	}
	return findings(out)
}

// Lint lints a folder under a configuration in JSON.
func (b Buf) Lint(dir, config string) ([]Finding, error) {
	out, err := b.run(dir, "lint", ".", "--error-format", "json", "--config", config)
	if err != nil {
		return nil, err
	}
	return findings(out)
}

// findings reads what buf prints with --error-format json.
func findings(out []byte) ([]Finding, error) {
	var found []Finding
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var f Finding
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return nil, fmt.Errorf("a line of buf's: %w: %s", err, lines.Text())
		}
		if f.Type == "COMPILE" {
			return nil, fmt.Errorf("buf cannot compile: %s", f)
		}
		found = append(found, f)
	}
	return found, lines.Err()
}

// A Rule is what buf says of a rule.
type Rule struct {
	ID           string   `json:"id"`
	Categories   []string `json:"categories"`
	Default      bool     `json:"default"`
	Deprecated   bool     `json:"deprecated"`
	Replacements []string `json:"replacements"`
}

// Rules lists the breaking rules of a version of the configuration.
func (b Buf) Rules(dir, version string) ([]Rule, error) {
	return b.rules(dir, "ls-breaking-rules", version)
}

// LintRules lists the lint rules of a version of the configuration.
func (b Buf) LintRules(dir, version string) ([]Rule, error) {
	return b.rules(dir, "ls-lint-rules", version)
}

func (b Buf) rules(dir, command, version string) ([]Rule, error) {
	out, err := b.run(dir, "config", command, "--version", version, "--include-deprecated", "--format", "json")
	if err != nil {
		return nil, err
	}
	var rules []Rule
	for line := range bytes.Lines(out) {
		var r Rule
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// run returns what buf prints. Exit status 100 says that there are findings.
func (b Buf) run(dir string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(b.path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 100 {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("buf %s: %w\n%s%s", args[0], err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}
