package clients_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The versions that the comment of the package names are those that run, and
// whatever is fetched is pinned to one version and named without a host.
func TestPins(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//   - (\S+) (\S+) \(`).FindAllStringSubmatch(string(doc), -1) {
		said[m[1]] = m[2]
	}
	pinned := goModules(t)
	for name, version := range pythonPackages(t) {
		pinned[name] = version
	}
	for name, version := range javascriptPackages(t) {
		pinned[name] = version
		if said[name] == "" {
			t.Errorf("%s is pinned, and the comment of the package does not name it", name)
		}
	}
	for name, version := range said {
		if pinned[name] != version {
			t.Errorf("the comment of the package says %s %s; %q is pinned", name, version, pinned[name])
		}
	}
	if len(said) != 5 {
		t.Errorf("the comment of the package names %d clients, want 5", len(said))
	}
}

func pythonPackages(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("python/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	pins := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, version, ok := strings.Cut(line, "==")
		if !ok || strings.ContainsAny(line, " @/;*") {
			t.Errorf("requirements.txt: %q does not pin one version", line)
		}
		pins[name] = version
	}
	return pins
}

func javascriptPackages(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("javascript/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for name, version := range file.Dependencies {
		if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version) {
			t.Errorf("package.json: %s %s is not one version", name, version)
		}
	}
	return file.Dependencies
}

func goModules(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mods := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+(\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
		mods[m[1]] = m[2]
	}
	return mods
}
