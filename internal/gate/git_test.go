package gate_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wireproof/wireproof/internal/gate"
)

// A repo is a git repository of a test.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{t, t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = r.dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	p := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(name, text string) string {
	r.t.Helper()
	r.write(name, text)
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", name)
	return r.git("rev-parse", "HEAD")
}

func TestOpenGit(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("svc/schemas/ä b.avsc", "old")
	r.write("svc/empty", "")
	r.write("target/text", "linked")
	for name, target := range map[string]string{
		"link": "../target/text", "folder": "../target", "self": ".", "circle": "circle", "outside": "../../x", "absolute": "/etc/hostname", "dangling": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(r.dir, "svc", name)); err != nil {
			t.Fatal(err)
		}
	}
	first := r.commit("svc/wireproof.yaml", "version: 1\n")
	r.commit("svc/schemas/ä b.avsc", "new")

	for _, rev := range []string{first, "HEAD~1", "main^", first[:12]} {
		tree, err := gate.OpenGit(t.Context(), filepath.Join(r.dir, "svc"), rev)
		if err != nil {
			t.Fatal(err)
		}
		if tree.Dir != "svc" || tree.Rev != first {
			t.Errorf("OpenGit(%s) = Dir %q, Rev %q", rev, tree.Dir, tree.Rev)
		}
		got, err := fs.ReadFile(tree.FS, "svc/schemas/ä b.avsc")
		if err != nil || string(got) != "old" {
			t.Errorf("ReadFile at %s = %q, %v", rev, got, err)
		}
		if got, err := fs.ReadFile(tree.FS, "svc/link"); err != nil || string(got) != "linked" {
			t.Errorf("a symbolic link reads %q, %v", got, err)
		}
		if got, err := fs.ReadFile(tree.FS, "svc/self/folder/text"); err != nil || string(got) != "linked" {
			t.Errorf("a file in a folder that is a symbolic link reads %q, %v", got, err)
		}
		if got, err := fs.ReadDir(tree.FS, "svc/self/folder"); err != nil || len(got) != 1 || got[0].Name() != "text" {
			t.Errorf("a folder that is a symbolic link lists %v, %v", got, err)
		}
		if got, err := tree.FS.ReadLink("svc/self/folder"); err != nil || got != "../target" {
			t.Errorf("the link itself is %q, %v", got, err)
		}
		for _, bad := range []string{"svc/circle", "svc/outside", "svc/absolute", "svc/dangling"} {
			if got, err := fs.ReadFile(tree.FS, bad); err == nil {
				t.Errorf("%s reads %q", bad, got)
			}
		}
		sub, err := fs.Sub(tree.FS, "svc/schemas")
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(sub, "ä b.avsc"); err != nil {
			t.Error(err)
		}
		if err := tree.FS.Close(); err != nil {
			t.Error(err)
		}
		if _, err := fs.ReadFile(tree.FS, "svc/empty"); err == nil {
			t.Error("a closed tree can be read")
		}
	}
}

// The caller's git variables point at another repository in hooks.
func TestGitIgnoresItsVariables(t *testing.T) {
	r := newRepo(t)
	want := r.commit("a", "1")
	t.Setenv("GIT_DIR", filepath.Join(t.TempDir(), "elsewhere"))
	tree, err := gate.OpenGit(t.Context(), r.dir, "HEAD")
	if err != nil || tree.Rev != want {
		t.Fatalf("OpenGit = %+v, %v", tree, err)
	}
}

func TestOpenGitFails(t *testing.T) {
	t.Parallel()
	if _, err := gate.OpenGit(t.Context(), t.TempDir(), "HEAD"); !errors.Is(err, gate.ErrNoRepository) {
		t.Errorf("outside of a repository: %v", err)
	}
	broken := &repo{t, t.TempDir()}
	broken.write(".git", "gitdir: /nowhere\n")
	for _, dir := range []string{broken.dir, filepath.Join(broken.dir, "sub")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := gate.MergeBase(t.Context(), dir); err == nil || errors.Is(err, gate.ErrNoRepository) {
			t.Errorf("in a repository that is broken: %v", err)
		}
	}
	r := newRepo(t)
	r.commit("a", "1")
	for _, rev := range []string{"no-such", "--help", "main:a", "v1\nx", ""} {
		_, err := gate.OpenGit(t.Context(), r.dir, rev)
		var missing *gate.RevisionError
		if !errors.As(err, &missing) || missing.Rev != rev {
			t.Errorf("OpenGit(%q) = %v, want a RevisionError", rev, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gate.OpenGit(ctx, r.dir, "HEAD"); !errors.Is(err, context.Canceled) {
		t.Errorf("OpenGit of an ended context = %v", err)
	}
}

func TestShallowHint(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("a", "1")
	r.commit("a", "2")
	shallow := &repo{t, filepath.Join(t.TempDir(), "clone")}
	r.git("clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(r.dir), shallow.dir)
	_, err := gate.OpenGit(t.Context(), shallow.dir, "HEAD~1")
	if err == nil || !strings.Contains(err.Error(), "shallow") {
		t.Errorf("OpenGit of what a shallow clone lacks = %v, want a hint", err)
	}
}

// outsideCI hides what CI says of the repository that these tests are in.
func outsideCI(t *testing.T) {
	t.Helper()
	for _, key := range []string{"CI", "GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH", "GITHUB_EVENT_PATH"} {
		t.Setenv(key, "")
	}
}

// TestMergeBase runs alone: it changes the environment.
func TestMergeBase(t *testing.T) {
	outsideCI(t)
	r := newRepo(t)
	base := func(dir string) string {
		t.Helper()
		got, err := gate.MergeBase(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	empty := base(r.dir)
	if tree, err := gate.OpenGit(t.Context(), r.dir, empty); err != nil || len(mustReadDir(t, tree.FS)) != 0 {
		t.Errorf("a repository without a commit gives %s: %v", empty, err)
	}
	first := r.commit("a", "1")
	if got := base(r.dir); got != first {
		t.Errorf("on main MergeBase = %s, want HEAD %s", got, first)
	}
	r.git("checkout", "--quiet", "-b", "feature")
	r.commit("a", "2")
	if got := base(r.dir); got != first {
		t.Errorf("on a branch MergeBase = %s, want %s", got, first)
	}
	r.git("checkout", "--quiet", "--detach")
	if got := base(r.dir); got != first {
		t.Errorf("on a detached HEAD MergeBase = %s, want %s", got, first)
	}
	r.git("checkout", "--quiet", "main")
	second := r.commit("b", "1")
	t.Setenv("CI", "true")
	if got := base(r.dir); got != first {
		t.Errorf("in CI on main MergeBase = %s, want the parent %s", got, first)
	}
	r.write("a", "changed")
	if got := base(r.dir); got != second {
		t.Errorf("in CI with changes MergeBase = %s, want HEAD %s", got, second)
	}
	sub := filepath.Join(r.dir, "svc")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := base(sub); got != first {
		t.Errorf("in CI with changes elsewhere MergeBase = %s, want the parent %s", got, first)
	}
	t.Setenv("GITHUB_BASE_REF", "feature")
	if got := base(r.dir); got != first {
		t.Errorf("for a pull request MergeBase = %s, want %s", got, first)
	}
	t.Setenv("GITHUB_BASE_REF", "release")
	if got, err := gate.MergeBase(t.Context(), r.dir); err == nil || !strings.Contains(err.Error(), "refs/heads/release") {
		t.Errorf("for a pull request to a branch that is not here MergeBase = %s, %v", got, err)
	}
}

// A clone that lacks what HEAD is to be compared with is not compared with itself.
func TestMergeBaseOfPartOfARepository(t *testing.T) {
	outsideCI(t)
	r := newRepo(t)
	first := r.commit("a", "1")
	r.git("checkout", "--quiet", "-b", "feature")
	r.commit("a", "2")
	r.git("checkout", "--quiet", "main")
	one := r.clone("--single-branch", "--branch=feature").dir
	if got, err := gate.MergeBase(t.Context(), one); err == nil || !strings.Contains(err.Error(), "--against") {
		t.Errorf("the only branch of a clone is taken for the default branch: %s, %v", got, err)
	}
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository":{"default_branch":"feature"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CI", "true")
	t.Setenv("GITHUB_EVENT_PATH", event)
	if got, err := gate.MergeBase(t.Context(), one); err != nil || got != first {
		t.Errorf("in CI on the default branch that it states MergeBase = %s, %v, want the parent %s", got, err, first)
	}
	got, err := gate.MergeBase(t.Context(), r.clone("--depth=1", "--branch=feature").dir)
	var missing *gate.RevisionError
	if !errors.As(err, &missing) || missing.FetchLine() == "" {
		t.Errorf("in CI on the default branch without its history MergeBase = %s, %v, want the fetch that helps", got, err)
	}
	root := newRepo(t)
	root.git("checkout", "--quiet", "-b", "feature")
	only := root.commit("a", "1")
	if got, err := gate.MergeBase(t.Context(), root.dir); err != nil || got != only {
		t.Errorf("in CI on the first commit MergeBase = %s, %v, want itself", got, err)
	}
}

func TestMergeBaseFails(t *testing.T) {
	outsideCI(t)
	if _, err := gate.MergeBase(t.Context(), t.TempDir()); !errors.Is(err, gate.ErrNoRepository) {
		t.Errorf("outside of a repository: %v", err)
	}
	r := newRepo(t)
	r.commit("a", "1")
	r.git("branch", "--move", "trunk")
	if _, err := gate.MergeBase(t.Context(), r.dir); err != nil {
		t.Errorf("the only branch is the default branch: %v", err)
	}
	r.git("branch", "other")
	lost := newRepo(t)
	head := lost.commit("a", "1")
	if err := os.Remove(filepath.Join(lost.dir, ".git", "objects", head[:2], head[2:])); err != nil {
		t.Fatal(err)
	}
	if got, err := gate.MergeBase(t.Context(), lost.dir); err == nil {
		t.Errorf("without the commit of HEAD MergeBase = %s", got)
	}
	_, err := gate.MergeBase(t.Context(), r.dir)
	var missing *gate.RevisionError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "refs/heads/main") || !strings.Contains(err.Error(), "--against") {
		t.Errorf("MergeBase without a default branch = %v, want what was tried and what to do", err)
	}
}

func mustReadDir(t *testing.T, fsys fs.FS) []fs.DirEntry {
	t.Helper()
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
