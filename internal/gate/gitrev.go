package gate

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// A GitRef is a revision as --against names it: REF, REF//FOLDER or
// merge-base(REF), with or without a folder.
type GitRef struct {
	Rev       string // what git resolves; for MergeBase the other branch, or empty for the default one
	MergeBase bool
	Folder    string // of the settings, from the root of the repository; empty means where they are now
}

var mergeBase = regexp.MustCompile(`^merge-base\((.*)\)$`)

// ParseGitRef reads what stands behind git: in --against.
func ParseGitRef(text string) (GitRef, error) {
	rev, folder, ok := strings.Cut(text, "//")
	r := GitRef{Rev: rev}
	if ok {
		r.Folder = path.Clean(folder)
		if folder == "" || strings.HasPrefix(r.Folder, "..") || strings.HasPrefix(r.Folder, "/") {
			return r, fmt.Errorf("git:%s: the folder is %q; expected one from the root of the repository, as in git:main//services/orders", text, folder)
		}
	}
	if m := mergeBase.FindStringSubmatch(rev); m != nil {
		r.MergeBase, r.Rev = true, m[1]
	} else if rev == "" {
		return r, fmt.Errorf("git:%s names no revision; expected git:REF, git:REF//FOLDER or git:merge-base(REF)", text)
	}
	return r, nil
}

// Open finds the revision in the repository that holds dir and opens its tree.
// Its label is what to call it.
func (r GitRef) Open(ctx context.Context, dir string) (tree *Tree, label string, err error) {
	rev := r.Rev
	if r.MergeBase {
		if rev, err = mergeBaseWith(ctx, dir, r.Rev); err != nil {
			return nil, "", err
		}
	}
	tree, err = OpenGit(ctx, dir, rev)
	if err != nil {
		return nil, "", err
	}
	if r.Folder != "" {
		tree.Dir = r.Folder
	}
	return tree, "git:" + rev, nil
}

// mergeBaseWith is the commit at which HEAD left the given revision.
func mergeBaseWith(ctx context.Context, dir, rev string) (string, error) {
	if rev == "" {
		return MergeBase(ctx, dir)
	}
	g := git{dir}
	if _, err := g.run(ctx, "rev-parse", "--git-dir"); err != nil {
		return "", err
	}
	tip, err := g.resolve(ctx, rev, "commit")
	if err != nil {
		return "", g.revisionError(ctx, rev, nil, err)
	}
	base, err := g.run(ctx, "merge-base", "HEAD", tip)
	if err != nil {
		return "", g.revisionError(ctx, "", []string{rev}, fmt.Errorf("%s has no common ancestor with HEAD", rev))
	}
	return strings.TrimSpace(base), nil
}

// ambiguous returns an error if rev is the name of a branch and of a tag that are
// different commits. Git takes the tag, with a warning that scripts do not see.
func (g git) ambiguous(ctx context.Context, rev string) error {
	if strings.HasPrefix(rev, "refs/") || strings.ContainsAny(rev, "~^:@{} ") {
		return nil
	}
	branch, err := g.resolve(ctx, "refs/heads/"+rev, "commit")
	if err != nil {
		return nil
	}
	tag, err := g.resolve(ctx, "refs/tags/"+rev, "commit")
	if err != nil || tag == branch {
		return nil
	}
	return &RevisionError{
		Dir: g.dir, Rev: rev, Err: fmt.Errorf("it is a branch (%.10s) and a tag (%.10s)", branch, tag),
		Hint: "say which: git:refs/heads/" + rev + " or git:refs/tags/" + rev,
	}
}

var objectName = regexp.MustCompile(`^[0-9a-f]{40}$|^[0-9a-f]{64}$`)

// fetchFor returns the arguments of the git fetch that gets what a shallow clone
// lacks for rev; an empty rev is the merge base with the branch base.
func fetchFor(rev, base string) []string {
	args := []string{"fetch", "--no-tags"}
	switch name := strings.TrimPrefix(strings.TrimPrefix(rev, "refs/remotes/"), "origin/"); {
	case rev == "":
		return append(args, "--unshallow", "origin", "+refs/heads/"+base+":refs/remotes/origin/"+base)
	case objectName.MatchString(rev):
		return append(args, "--depth=1", "origin", rev)
	case strings.HasPrefix(rev, "refs/tags/"):
		return append(args, "--depth=1", "origin", "+"+rev+":"+rev)
	case name != rev && !strings.ContainsAny(name, "~^@"):
		return append(args, "--depth=1", "origin", "+refs/heads/"+name+":refs/remotes/origin/"+name)
	}
	return append(args, "--unshallow", "origin")
}

// Fetch runs the git fetch that a [*RevisionError] names, in a shallow clone. It
// is the only thing of this package that writes to a repository.
func (e *RevisionError) Fetch(ctx context.Context) error {
	if len(e.fetch) == 0 {
		return fmt.Errorf("there is nothing to fetch: %w", e)
	}
	_, err := git{e.Dir}.run(ctx, e.fetch...)
	return err
}

// FetchLine is the command that Fetch runs, or empty.
func (e *RevisionError) FetchLine() string {
	if len(e.fetch) == 0 {
		return ""
	}
	return "git " + strings.Join(e.fetch, " ")
}

// SparseFiles returns the files of dir, which is in a work tree, that a sparse checkout
// leaves out: they are in the index and not on disk. They match a pathspec, and are
// relative to dir.
func SparseFiles(ctx context.Context, dir, pathspec string) ([]string, error) {
	g := git{dir}
	sparse, err := g.run(ctx, "config", "--type=bool", "--get", "core.sparseCheckout")
	if err != nil || strings.TrimSpace(sparse) != "true" {
		return nil, ctx.Err() // also where there is no repository: then nothing is left out
	}
	list, err := g.run(ctx, "ls-files", "-t", "-z", "--", pathspec)
	if err != nil {
		return nil, err
	}
	var out []string
	for entry := range strings.SplitSeq(list, "\x00") {
		if name, ok := strings.CutPrefix(entry, "S "); ok {
			out = append(out, name)
		}
	}
	return out, nil
}
