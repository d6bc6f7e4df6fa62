package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const protoFiles = "google-proto-files@6.0.1"

// prepare makes the trees of all cases below work, and says what they are.
func prepare(work, tree string, rounds int) ([]scenario, string, error) {
	base := filepath.Join(work, "base")
	about := "the .proto files of " + tree
	switch {
	case tree != "":
		if err := copyProtos(tree, base); err != nil {
			return nil, "", err
		}
	case download(work, base) == nil:
		about = "the npm package " + protoFiles + ", without google/protobuf"
	default:
		about = "a generated tree"
		if err := generate(base, 7000, 230); err != nil {
			return nil, "", err
		}
	}
	files, lines, err := count(base)
	if err != nil {
		return nil, "", err
	}
	about = fmt.Sprintf("%s: %d files, %d lines", about, len(files), lines)

	repo, one, all := filepath.Join(work, "repo"), filepath.Join(work, "one"), filepath.Join(work, "all")
	if err := copyProtos(base, repo); err != nil {
		return nil, "", err
	}
	if err := commit(repo); err != nil {
		return nil, "", err
	}
	changed := files[len(files)/2]
	for _, dir := range []string{repo, one, all} {
		if dir != repo {
			if err := copyProtos(base, dir); err != nil {
				return nil, "", err
			}
		}
		for i, f := range files {
			if dir == all || f == changed {
				if err := appendTo(filepath.Join(dir, f), fmt.Sprintf("\nmessage OneMoreMessage%d {}\n", i)); err != nil {
					return nil, "", err
				}
			}
		}
	}
	small := filepath.Join(work, "small")
	if err := generate(small, 30, 5); err != nil {
		return nil, "", err
	}
	if err := commit(small); err != nil {
		return nil, "", err
	}
	if err := appendTo(filepath.Join(small, "g0/v1/file7.proto"), "\nmessage OneMoreMessage {}\n"); err != nil {
		return nil, "", err
	}
	return []scenario{
		{"one message added, against git", repo, ".git#branch=main", rounds, time.Second, 100 << 20},
		{"one message added, folder against folder", one, base, rounds, 2500 * time.Millisecond, 0},
		{"everything changed", all, base, 1, 12 * time.Second, 1536 << 20},
		{"30 files, one changed, against git", small, ".git#branch=main", 21, 60 * time.Millisecond, 0},
	}, about, nil
}

func download(work, to string) error {
	npm := exec.Command("npm", "pack", "--silent", protoFiles)
	npm.Dir = work
	out, err := npm.Output()
	if err != nil {
		return err
	}
	tar := exec.Command("tar", "xzf", strings.TrimSpace(string(out)))
	tar.Dir = work
	if err := tar.Run(); err != nil {
		return err
	}
	from := filepath.Join(work, "package")
	for _, dir := range []string{"google", "grafeas"} {
		if err := copyProtos(filepath.Join(from, dir), filepath.Join(to, dir)); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(to, "google", "protobuf"))
}

func copyProtos(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".proto") {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return write(filepath.Join(to, rel), data)
	})
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o666)
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func count(dir string) (files []string, lines int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files, lines = append(files, rel), lines+bytes.Count(data, []byte("\n"))
		return err
	})
	return files, lines, err
}

func commit(dir string) error {
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "-A"},
		{"-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", "commit", "-qm", "base"}, {"repack", "-adq"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

// generate makes n files in packages of ten, each with messages of about ten
// lines, half of them comments, and an import of the file before.
func generate(dir string, n, lines int) error {
	for i := range n {
		var b strings.Builder
		pkg := i / 10
		fmt.Fprintf(&b, "syntax = \"proto3\";\n\npackage g%d.v1;\n\nimport \"google/protobuf/timestamp.proto\";\n", pkg)
		if i%10 > 0 {
			fmt.Fprintf(&b, "import \"g%d/v1/file%d.proto\";\n", pkg, i-1)
		}
		for m := 0; m < max(5, lines/10); m++ {
			fmt.Fprintf(&b, "\n// Message%d_%d says what happened.\nmessage Message%d_%d {\n", i, m, i, m)
			fmt.Fprintf(&b, "  // Which one it is.\n  string id = 1;\n  // When it happened.\n  google.protobuf.Timestamp at = 2;\n")
			if i%10 > 0 {
				fmt.Fprintf(&b, "  // What it follows.\n  repeated Message%d_%d after = 3;\n", i-1, m)
			}
			b.WriteString("}\n")
		}
		if err := write(filepath.Join(dir, fmt.Sprintf("g%d/v1/file%d.proto", pkg, i)), []byte(b.String())); err != nil {
			return err
		}
	}
	return nil
}
