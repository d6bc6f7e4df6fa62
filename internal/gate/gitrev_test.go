package gate_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/gate"
)

// at is another folder with the commands of r.
func (r *repo) at(dir string) *repo { return &repo{r.t, dir} }

// clone clones r over the protocol, as remote machines do.
func (r *repo) clone(args ...string) *repo {
	r.t.Helper()
	c := r.at(filepath.Join(r.t.TempDir(), "clone"))
	r.git(append(append([]string{"clone", "--quiet"}, args...), "file://"+filepath.ToSlash(r.dir), c.dir)...)
	return c
}

// reads asks that a file of a tree has the text.
func reads(t *testing.T, r *repo, ref, name, want string) {
	t.Helper()
	parsed, err := gate.ParseGitRef(ref)
	if err != nil {
		t.Error(err)
		return
	}
	tree, _, err := parsed.Open(t.Context(), r.dir)
	if err != nil {
		t.Errorf("%s: %v", ref, err)
		return
	}
	defer tree.FS.Close()
	if got, err := fs.ReadFile(tree.FS, name); err != nil || string(got) != want {
		t.Errorf("%s: %s reads %q, %v; want %q", ref, name, got, err, want)
	}
}

func TestParseGitRef(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]gate.GitRef{
		"main":                     {Rev: "main"},
		"v1.0~2^{tree}":            {Rev: "v1.0~2^{tree}"},
		"main//services/orders/":   {Rev: "main", Folder: "services/orders"},
		"merge-base(origin/main)":  {Rev: "origin/main", MergeBase: true},
		"merge-base()":             {MergeBase: true},
		"merge-base(main)//schema": {Rev: "main", MergeBase: true, Folder: "schema"},
	} {
		if got, err := gate.ParseGitRef(text); err != nil || got != want {
			t.Errorf("ParseGitRef(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "//x", "main//", "main//../x", "main///x"} {
		if got, err := gate.ParseGitRef(bad); err == nil {
			t.Errorf("ParseGitRef(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestMergeBaseOfARef(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("a", "base")
	r.git("checkout", "--quiet", "-b", "topic")
	r.commit("a", "topic")
	r.git("checkout", "--quiet", "main")
	r.commit("a", "later")
	r.git("checkout", "--quiet", "topic")
	reads(t, r, "merge-base(main)", "a", "base")
	reads(t, r, "main", "a", "later")
}

// TestBranchAndTag: a branch and a tag of one name are told apart.
func TestBranchAndTag(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("a", "tagged")
	r.git("tag", "v1")
	r.commit("a", "branched")
	r.git("branch", "v1")
	r.git("tag", "same")
	r.git("branch", "same")
	_, err := gate.OpenGit(t.Context(), r.dir, "v1")
	if err == nil || !strings.Contains(err.Error(), "git:refs/heads/v1 or git:refs/tags/v1") {
		t.Errorf("an ambiguous name: %v", err)
	}
	reads(t, r, "refs/heads/v1", "a", "branched")
	reads(t, r, "refs/tags/v1", "a", "tagged")
	reads(t, r, "same", "a", "branched")
}

// TestKindsOfRepositories: worktrees, bare ones, those with SHA-256 and partial
// clones read alike.
func TestKindsOfRepositories(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("a", "first")
	r.commit("a", "second")
	r.git("config", "uploadpack.allowFilter", "true")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	work := filepath.Join(t.TempDir(), "work")
	r.git("worktree", "add", "--quiet", "--detach", work, "HEAD")
	reads(t, r.at(work), "HEAD~1", "a", "first")
	reads(t, r.clone("--bare"), "main~1", "a", "first")
	reads(t, r.clone("--filter=blob:none", "--no-checkout"), "HEAD~1", "a", "first")
	reads(t, r.clone("--filter=tree:0", "--no-checkout"), "HEAD~1", "a", "first")

	sha256 := &repo{t, t.TempDir()}
	sha256.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
	first := sha256.commit("a", "first")
	sha256.commit("a", "second")
	if len(first) != 64 {
		t.Fatalf("the commit is %s, want 64 digits", first)
	}
	reads(t, sha256, first, "a", "first")
	reads(t, sha256, "HEAD~1", "a", "first")
}

func TestShallowFetch(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("a", "first")
	r.git("tag", "v1")
	r.commit("a", "second")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	for rev, line := range map[string]string{
		first:          "git fetch --no-tags --depth=1 origin " + first,
		"refs/tags/v1": "git fetch --no-tags --depth=1 origin +refs/tags/v1:refs/tags/v1",
		"HEAD~1":       "git fetch --no-tags --unshallow origin",
	} {
		c := r.clone("--depth=1", "--no-tags")
		_, err := gate.OpenGit(t.Context(), c.dir, rev)
		var missing *gate.RevisionError
		if !errors.As(err, &missing) || missing.FetchLine() != line || !strings.Contains(err.Error(), line) {
			t.Errorf("%s: %v\nwant the line %s", rev, err, line)
			continue
		}
		if err := missing.Fetch(t.Context()); err != nil {
			t.Errorf("%s: %v", rev, err)
			continue
		}
		reads(t, c, rev, "a", "first")
	}
	// A name that only origin has.
	c := r.clone()
	r.git("branch", "stable")
	c.git("fetch", "--quiet")
	_, err := gate.OpenGit(t.Context(), c.dir, "stable")
	if err == nil || !strings.Contains(err.Error(), "did you mean git:origin/stable?") {
		t.Errorf("a branch of origin: %v", err)
	}
}

func TestSubmodule(t *testing.T) {
	t.Parallel()
	inner := newRepo(t)
	inner.commit("shared.avsc", "first")
	r := newRepo(t)
	r.write("a", "1")
	r.git("submodule", "--quiet", "add", inner.dir, "lib/schemas")
	r.commit("a", "with it")
	inner.commit("shared.avsc", "second")
	r.at(filepath.Join(r.dir, "lib", "schemas")).git("pull", "--quiet")
	r.commit("a", "later")

	reads(t, r, "HEAD~1", "lib/schemas/shared.avsc", "first")
	reads(t, r, "HEAD", "lib/schemas/shared.avsc", "second")
	tree, err := gate.OpenGit(t.Context(), r.dir, "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = fs.WalkDir(tree.FS, "lib", func(p string, _ fs.DirEntry, err error) error {
		names = append(names, p)
		return err
	})
	if got := strings.Join(names, " "); err != nil || got != "lib lib/schemas lib/schemas/shared.avsc" {
		t.Errorf("the tree has %s, %v", got, err)
	}
	// One that is not checked out is no empty folder.
	bare := r.clone()
	tree, err = gate.OpenGit(t.Context(), bare.dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadDir(tree.FS, "lib/schemas"); err == nil || !strings.Contains(err.Error(), "git submodule update --init lib/schemas") {
		t.Errorf("a submodule that is not there lists %v", err)
	}
}

func TestSparseFiles(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("schemas/a.avsc", "1")
	r.write("schemas/deep/b.avsc", "1")
	r.commit("other/c", "1")
	if left, err := gate.SparseFiles(t.Context(), r.dir, "schemas"); len(left) != 0 || err != nil {
		t.Errorf("SparseFiles = %q, %v; want none", left, err)
	}
	r.git("sparse-checkout", "set", "other", "schemas/deep")
	if _, err := os.Stat(filepath.Join(r.dir, "schemas", "deep", "b.avsc")); err != nil {
		t.Fatal(err)
	}
	r.git("sparse-checkout", "set", "other")
	if left, err := gate.SparseFiles(t.Context(), r.dir, "schemas"); len(left) != 2 || err != nil {
		t.Errorf("SparseFiles = %q, %v; want 2", left, err)
	}
	if left, err := gate.SparseFiles(t.Context(), t.TempDir(), "."); len(left) != 0 || err != nil {
		t.Errorf("SparseFiles outside of a repository = %q, %v", left, err)
	}
}
