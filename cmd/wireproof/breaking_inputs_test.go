package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A releasedPair runs the released command and this one in a folder.
type releasedPair struct {
	buf, dir string
}

// compare asks that both end with the same code and print the same; stdin is for
// both.
func (p releasedPair) compare(t *testing.T, stdin []byte, args ...string) {
	t.Helper()
	args = append([]string{"breaking"}, args...)
	cmd := exec.Command(p.buf, append(args, "--exclude-imports")...)
	cmd.Dir, cmd.Stdin = p.dir, bytes.NewReader(stdin)
	want, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(context.Background(), append([]string{"-C", p.dir}, args...), bytes.NewReader(stdin), &out, &errs)
	if code != cmd.ProcessState.ExitCode() || out.String() != string(want) {
		t.Errorf("%q ended with %d, want %d\n%s%s\nwant\n%s", args, code, cmd.ProcessState.ExitCode(), out.String(), errs.String(), want)
		if exit != nil {
			t.Logf("and on stderr\n%s", exit.Stderr)
		}
	}
}

// gitIn runs git in a folder.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Every way to name a revision of a repository means what it means to buf.
func TestBreakingGitAsReleased(t *testing.T) {
	t.Parallel()
	buf := releasedBuf(t)
	newer, older := breakingTrees(t)
	gitIn(t, older, "init", "--quiet", "--initial-branch=main")
	gitIn(t, older, "add", "--all")
	gitIn(t, older, "commit", "--quiet", "-m", "older")
	gitIn(t, older, "tag", "v1")
	hash := gitIn(t, older, "rev-parse", "HEAD")
	gitIn(t, older, "checkout", "--quiet", "-b", "next")
	if err := os.CopyFS(filepath.Join(older, "inside"), os.DirFS(newer)); err != nil {
		t.Fatal(err)
	}
	gitIn(t, older, "add", "--all")
	gitIn(t, older, "commit", "--quiet", "-m", "a copy")
	p := releasedPair{buf, newer}
	repository := filepath.Join(older, ".git")
	for _, rev := range []string{"branch=main", "tag=v1", "commit=" + hash, "ref=" + hash, "ref=HEAD~1", "branch=next,ref=HEAD~1", "branch=next,subdir=inside", "branch=main,depth=1", "branch=main,recurse_submodules=true"} {
		p.compare(t, nil, "--against", repository+"#"+rev, "--error-format", "json")
	}
	p.compare(t, nil, "--against", "file://"+repository+"#branch=main")
	for _, bad := range []string{"branch=nowhere", "tag=nowhere", "branch=main,tag=v1", "branch=main,subdir=nowhere"} {
		p.compare(t, nil, "--against", repository+"#"+bad)
	}
}

// archives writes a folder as archives, with a folder around it, and returns their
// bytes by name.
func archives(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	var plain, zipped, gz, zst bytes.Buffer
	tw, zw := tar.NewWriter(&plain), zip.NewWriter(&zipped)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		name = path.Join("around", name)
		if err := tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		if _, err := tw.Write(text); err != nil {
			return err
		}
		w, err := zw.Create(name)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{g, z} {
		if _, err := w.Write(plain.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return map[string][]byte{"old.tar": plain.Bytes(), "old.zip": zipped.Bytes(), "old.tar.gz": gz.Bytes(), "old.tgz": gz.Bytes(), "old.tar.zst": zst.Bytes()}
}

// Archives and standard input are read as buf reads them.
func TestBreakingArchivesAsReleased(t *testing.T) {
	t.Parallel()
	buf := releasedBuf(t)
	newer, older := breakingTrees(t)
	p := releasedPair{buf, newer}
	all := archives(t, older)
	for name, data := range all {
		file := filepath.Join(older, "..", name)
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
		p.compare(t, nil, "--against", file+"#strip_components=1", "--error-format", "json")
		p.compare(t, nil, "--against", file+"#subdir=around")
	}
	for _, one := range []struct{ archive, options string }{
		{"old.tar", "format=tar,strip_components=1"}, {"old.tar.gz", "format=tar,compression=gzip,strip_components=1"}, {"old.tar.zst", "format=tar,compression=zstd,subdir=around"}, {"old.zip", "format=zip,strip_components=1"},
	} {
		p.compare(t, all[one.archive], "--against", "-#"+one.options)
	}
	build := func(dir, name string) (image string, data []byte) {
		image = filepath.Join(older, "..", name)
		cmd := exec.Command(buf, "build", dir, "-o", image)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		data, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		return image, data
	}
	// An image against folders is not compared: buf pairs it with the first of several
	// modules and leaves out the others.
	image, _ := build(newer, "new.binpb")
	for _, format := range []string{"binpb", "json", "txtpb", "yaml"} {
		_, data := build(older, "old."+format)
		p.compare(t, data, image, "--against", "-#format="+format)
		if format == "binpb" {
			p.compare(t, data, image, "--against", "-")
		}
	}
	p.compare(t, nil, image, "--against", "file://"+image)
	p.compare(t, nil, "--against", "file://"+filepath.Join(older, "..", "old.tar")+"#strip_components=1")
	p.compare(t, nil, "--against", "-")
	p.compare(t, nil, "--against", "-#format=tar")
	p.compare(t, []byte("no image"), "--against", "-")
	p.compare(t, nil, "--against", filepath.Join(older, "..", "nowhere.tar.gz"))
	p.compare(t, []byte("no archive"), "--against", "-#format=tar,compression=gzip")
}

// What does not compile is said as buf says it, of the newer side first. Where the
// compiler has a hint, ours is there in parentheses.
func TestBreakingMistakesAsReleased(t *testing.T) {
	t.Parallel()
	buf := releasedBuf(t)
	for name, text := range map[string]string{
		"unknown type":      "syntax = \"proto3\";\npackage a;\nmessage M {\n  Nobody n = 1;\n}\n",
		"unknown import":    "syntax = \"proto3\";\npackage a;\nimport \"no/where.proto\";\n",
		"syntax":            "syntax = \"proto3\";\npackage a;\nmessage M {\n  string s = ;\n}\n",
		"number twice":      "syntax = \"proto3\";\npackage a;\nmessage M {\n  string s = 1;\n  string t = 1;\n}\n",
		"name twice":        "syntax = \"proto3\";\npackage a;\nmessage M {}\nmessage M {}\n",
		"enum without zero": "syntax = \"proto3\";\npackage a;\nenum E {\n  E_A = 1;\n}\n",
		"tabs":              "syntax = \"proto3\";\npackage a;\nmessage M {\n\tNobody n = 1;\n \t string é = 2;\n}\n",
		"two lines":         "syntax = \"proto3\";\npackage a;\nimport\n  \"no/where.proto\";\n",
		"two":               "syntax = \"proto3\";\npackage a;\nmessage M {\n  Nobody n = 1;\n  Nothing m = 2;\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			newer, older := breakingTrees(t)
			p := releasedPair{buf, newer}
			writeFiles(t, newer, map[string]string{"one/a/a.proto": text})
			for _, format := range []string{"text", "json"} {
				p.compare(t, nil, "--against", older, "--error-format", format)
				releasedPair{buf, older}.compare(t, nil, "--against", newer, "--error-format", format)
			}
		})
	}
}

// A cache that buf itself reads is read as buf reads it. The test runs alone: it
// changes the environment.
func TestBreakingCacheAsReleased(t *testing.T) {
	buf := releasedBuf(t)
	cache, newer, older := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("BUF_CACHE_DIR", cache)
	const module = "v3/modules/b5/buf.build/acme/dep/0123456789abcdef0123456789abcdef/"
	writeFiles(t, cache, map[string]string{
		module + "module.yaml":            "version: v1\nfiles_dir: files\n",
		module + "files/dep/v1/dep.proto": "syntax = \"proto3\";\npackage dep.v1;\nmessage Dep {\n  string s = 1;\n}\n",
	})
	// The digest is what buf says of these files.
	const lock = "version: v2\ndeps:\n  - name: buf.build/acme/dep\n    commit: 0123456789abcdef0123456789abcdef\n" +
		"    digest: b5:28b37fe05af71856487fb6341fe9cbc652d8b4d4ea09713531b8ea0a863aa5d5433d2ec7fc69585c711c29e94cd93e5886b3bfb908a6fad6c974433a5b676774\n"
	for dir, typ := range map[string]string{newer: "string", older: "dep.v1.Dep"} {
		writeFiles(t, dir, map[string]string{
			"buf.yaml": "version: v2\ndeps:\n  - buf.build/acme/dep\n", "buf.lock": lock,
			"a/a.proto": "syntax = \"proto3\";\npackage a;\nimport \"dep/v1/dep.proto\";\nmessage A {\n  " + typ + " d = 1;\n  dep.v1.Dep e = 2;\n}\n",
		})
	}
	releasedPair{buf, newer}.compare(t, nil, "--against", older, "--error-format", "json")
	releasedPair{buf, newer}.compare(t, nil, "--against", newer)
}
