package breaking_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/breaking"
)

const (
	linked   = "syntax = \"proto3\";\npackage common.v1;\nmessage M {\n  string id = 1;\n}\n"
	unlinked = "syntax = \"proto3\";\npackage other.v1;\nmessage N {}\n"
)

// linkedTree makes a folder whose module, proto, reaches a folder and a file outside
// of it by links.
func linkedTree(t *testing.T) string {
	t.Helper()
	dir := writeTree(t, map[string]string{"proto/n.proto": unlinked, "common/m.proto": linked, "one.proto": strings.ReplaceAll(linked, "common", "one")})
	for name, target := range map[string]string{"proto/common": "../common", "proto/one.proto": "../one.proto", "proto/nowhere": "gone", "proto/around": "."} {
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// pack writes a folder with its links as a tar and a zip archive.
func pack(t *testing.T, dir string) (tarred, zipped string) {
	t.Helper()
	var tb, zb bytes.Buffer
	tw, zw := tar.NewWriter(&tb), zip.NewWriter(&zb)
	fsys := os.DirFS(dir).(fs.ReadLinkFS)
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	must(fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		must(err)
		h, err := zip.FileInfoHeader(info)
		must(err)
		h.Name = "around/" + name
		w, err := zw.CreateHeader(h)
		must(err)
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := fsys.ReadLink(name)
			_, wrote := w.Write([]byte(to))
			must(err, wrote, tw.WriteHeader(&tar.Header{Name: "./around/" + name, Linkname: to, Typeflag: tar.TypeSymlink}))
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		_, wrote := w.Write(text)
		must(err, wrote, tw.WriteHeader(&tar.Header{Name: "./around/" + name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}))
		_, err = tw.Write(text)
		return err
	}))
	must(tw.WriteHeader(&tar.Header{Name: "around/proto/hard.proto", Linkname: "around/common/m.proto", Typeflag: tar.TypeLink}))
	must(tw.Close(), zw.Close())
	to := t.TempDir()
	tarred, zipped = filepath.Join(to, "a.tar"), filepath.Join(to, "a.zip")
	must(os.WriteFile(tarred, tb.Bytes(), 0o644), os.WriteFile(zipped, zb.Bytes(), 0o644))
	return tarred, zipped
}

// broken returns the files with findings about fields.
func broken(r *breaking.Result) []string {
	var out []string
	for _, a := range r.Annotations {
		if strings.HasPrefix(a.Type, "FIELD_") {
			out = append(out, path.Base(a.Path))
		}
	}
	return out
}

// What a module reaches by links is compared, whatever holds the older side.
func TestLinks(t *testing.T) {
	t.Parallel()
	older, newer := linkedTree(t), linkedTree(t)
	gitIn(t, older, "init", "--quiet", "--initial-branch=main")
	gitIn(t, older, "add", "--all")
	gitIn(t, older, "commit", "--quiet", "--message=first")
	tarred, zipped := pack(t, older)
	for name, text := range map[string]string{"common/m.proto": linked, "one.proto": strings.ReplaceAll(linked, "common", "one")} {
		if err := os.WriteFile(filepath.Join(newer, filepath.FromSlash(name)), []byte(strings.Replace(text, "string id", "int32 id", 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, against := range []string{
		filepath.Join(older, "proto"), filepath.Join(older, ".git") + "#branch=main,subdir=proto",
		zipped + "#strip_components=1,subdir=proto",
	} {
		r := run(t, breaking.Options{Dir: filepath.Join(newer, "proto")}, against)
		if got := broken(r); !slices.Equal(got, []string{"m.proto", "one.proto"}) {
			t.Errorf("against %s the findings are in %q of %+v", against, got, r.Annotations)
		}
		r = run(t, breaking.Options{Dir: filepath.Join(newer, "proto"), DisableSymlinks: true}, against)
		if len(r.Annotations) > 0 {
			t.Errorf("without links, against %s the findings are %+v", against, r.Annotations)
		}
	}
	r := run(t, breaking.Options{Dir: filepath.Join(newer, "proto")}, tarred+"#strip_components=1,subdir=proto")
	if got := broken(r); len(got) > 0 || !slices.ContainsFunc(r.Annotations, func(a breaking.Annotation) bool { return a.Type == "COMPILE" }) {
		t.Errorf("of two files with one message the findings are %+v", r.Annotations)
	}
}

// So is what a submodule reaches by its links.
func TestLinksOfSubmodules(t *testing.T) {
	t.Parallel()
	inner := linkedTree(t)
	gitIn(t, inner, "init", "--quiet", "--initial-branch=main")
	gitIn(t, inner, "add", "--all")
	gitIn(t, inner, "commit", "--quiet", "--message=first")
	older := writeTree(t, map[string]string{"buf.yaml": "version: v1\n"})
	gitIn(t, older, "init", "--quiet", "--initial-branch=main")
	gitIn(t, older, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "lib")
	gitIn(t, older, "commit", "--quiet", "--all", "--message=first")
	newer := linkedTree(t)
	if err := os.WriteFile(filepath.Join(newer, "common", "m.proto"), []byte(strings.Replace(linked, "string id", "int32 id", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	r := run(t, breaking.Options{Dir: filepath.Join(newer, "proto")}, filepath.Join(older, ".git")+"#branch=main,subdir=lib/proto")
	if got := broken(r); !slices.Equal(got, []string{"m.proto"}) {
		t.Errorf("the findings are in %q of %+v", got, r.Annotations)
	}
}

// A schema behind a link that leads nowhere is not one that was deleted.
func TestLinkToNothing(t *testing.T) {
	t.Parallel()
	settings := "version: v1\nbreaking: { use: [WIRE_JSON] }\n"
	older := writeTree(t, map[string]string{"n.proto": unlinked, "m.proto": linked, "buf.yaml": settings})
	newer := writeTree(t, map[string]string{"n.proto": unlinked, "buf.yaml": settings})
	if err := os.Symlink("gone", filepath.Join(newer, "m.proto")); err != nil {
		t.Fatal(err)
	}
	o := breaking.Options{Dir: newer, Input: breaking.Input{Format: breaking.Dir, Path: "."}, Against: breaking.Input{Format: breaking.Dir, Path: older}}
	if r, err := breaking.Run(context.Background(), o); err == nil {
		t.Errorf("a link that leads nowhere gives %+v", r)
	}
	gitIn(t, newer, "init", "--quiet", "--initial-branch=main")
	gitIn(t, newer, "add", "--all")
	gitIn(t, newer, "commit", "--quiet", "--message=first")
	o.Dir, o.Against = older, breaking.Input{Format: breaking.Git, Path: filepath.Join(newer, ".git")}
	if r, err := breaking.Run(context.Background(), o); err == nil {
		t.Errorf("a link that leads nowhere in a revision gives %+v", r)
	}
	tarred, _ := pack(t, newer)
	o.Against = breaking.Input{Format: breaking.Tar, Path: tarred, Strip: 1}
	if r, err := breaking.Run(context.Background(), o); err == nil {
		t.Errorf("a link that leads nowhere in an archive gives %+v", r)
	}
}

// A folder of a repository is not its root.
func TestNotTheRepository(t *testing.T) {
	t.Parallel()
	dir := writeTree(t, map[string]string{"proto/n.proto": unlinked})
	gitIn(t, dir, "init", "--quiet", "--initial-branch=main")
	gitIn(t, dir, "add", "--all")
	gitIn(t, dir, "commit", "--quiet", "--message=first")
	o := breaking.Options{Dir: filepath.Join(dir, "proto"), Input: breaking.Input{Format: breaking.Dir, Path: "."}, Against: breaking.Input{Format: breaking.Git, Path: ".git"}}
	if r, err := breaking.Run(context.Background(), o); err == nil {
		t.Errorf("a repository further up gives %+v", r)
	}
}

// What a sparse checkout leaves out is not deleted; what is not asked for may be
// anywhere.
func TestSparse(t *testing.T) {
	t.Parallel()
	dir := writeTree(t, map[string]string{"a/m.proto": linked, "b/n.proto": unlinked, "buf.yaml": "version: v1\nbreaking: { use: [WIRE_JSON] }\n"})
	gitIn(t, dir, "init", "--quiet", "--initial-branch=main")
	gitIn(t, dir, "add", "--all")
	gitIn(t, dir, "commit", "--quiet", "--message=first")
	gitIn(t, dir, "sparse-checkout", "set", "b")
	o := breaking.Options{Dir: dir, Input: breaking.Input{Format: breaking.Dir, Path: "."}, Against: breaking.Input{Format: breaking.Git, Path: ".git"}}
	if r, err := breaking.Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "a/m.proto; git sparse-checkout add") {
		t.Errorf("a sparse checkout gives %+v, %v", r, err)
	}
	o.Paths = []string{"b"}
	if _, err := breaking.Run(context.Background(), o); err != nil {
		t.Errorf("of the folder that is there: %v", err)
	}
}
