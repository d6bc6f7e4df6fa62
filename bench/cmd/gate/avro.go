package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// subjects is how many Avro subjects are checked against a registry.
const subjects = 500

// avroSubjects measures `check --against registry` of 500 Avro subjects of which
// one changed, with a registry of its own on loopback.
func avroSubjects(work, ours string, rounds int, w io.Writer) (err error) {
	dir := filepath.Join(work, "avro")
	url, stop, err := serve(ours)
	if err != nil {
		return err
	}
	defer stop()
	if err := writeSubjects(dir, url); err != nil {
		return err
	}
	push := exec.Command(ours, "push")
	push.Dir = dir
	if out, err := push.CombinedOutput(); err != nil {
		return fmt.Errorf("push: %w: %s", err, out)
	}
	if err := writeSubject(dir, 7, "changed"); err != nil {
		return err
	}
	c := scenario{name: "500 Avro subjects, one changed, against a registry", dir: dir, wall: time.Second}
	s, err := c.measure(rounds, checkFindings, ours, "check", "--against", "registry")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: %v wall, %v CPU, %d MB; the bar is %v; %d finding\n", c.name, short(s.wall), short(s.cpu), s.memory>>20, c.wall, s.lines)
	return err
}

// serve starts a registry in memory and returns its address.
func serve(ours string) (url string, stop func(), err error) {
	cmd := exec.Command(ours, "serve", "--memory", "--listen", "127.0.0.1:0")
	out, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill() // it holds nothing that would be lost
		_ = cmd.Wait()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "url="); ok && strings.Contains(lines.Text(), "registry is up") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			url, _, _ = strings.Cut(rest, " ")
			return url, stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("the registry did not start: %w", lines.Err())
}

func writeSubjects(dir, url string) error {
	if err := os.MkdirAll(filepath.Join(dir, "schemas"), 0o755); err != nil {
		return err
	}
	var settings strings.Builder
	settings.WriteString("version: 1\nevents:\n")
	for i := range subjects {
		if err := writeSubject(dir, i, "f3"); err != nil {
			return err
		}
		fmt.Fprintf(&settings, "  - { schema: e%d.avsc, topic: t%d, key: id }\n", i, i%50)
	}
	fmt.Fprintf(&settings, "environments:\n  dev: { registry: %q }\n", url)
	return os.WriteFile(filepath.Join(dir, "wireproof.yaml"), []byte(settings.String()), 0o644)
}

// writeSubject writes the schema of a subject, whose fourth field has a name.
func writeSubject(dir string, i int, fourth string) error {
	fields := []any{map[string]any{"name": "id", "type": "string"}}
	for j := range 20 {
		name := fmt.Sprintf("f%d", j)
		if j == 3 {
			name = fourth
		}
		fields = append(fields, map[string]any{"name": name, "type": []string{"boolean", "long", "string"}[j%3]})
	}
	text, err := json.MarshalIndent(map[string]any{"type": "record", "name": fmt.Sprintf("E%d", i), "namespace": "shop.v1", "fields": fields}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "schemas", fmt.Sprintf("e%d.avsc", i)), text, 0o644)
}
