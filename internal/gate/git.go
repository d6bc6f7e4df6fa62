package gate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ErrNoRepository means that a folder is in no git repository.
var ErrNoRepository = errors.New("not in a git repository")

// A RevisionError says that a baseline could not be found in a repository, and
// what was tried.
type RevisionError struct {
	Dir   string
	Rev   string   // empty for the merge base
	Tried []string // revisions, in order
	Hint  string   // what would help; may be empty
	Err   error    // what git said; may be nil

	fetch []string // arguments of the git fetch that would get it; may be empty
}

func (e *RevisionError) Error() string {
	text := fmt.Sprintf("git revision %q does not exist in %s", e.Rev, e.Dir)
	if e.Rev != "" && e.Err != nil {
		text = fmt.Sprintf("git revision %q in %s", e.Rev, e.Dir)
	}
	if e.Rev == "" {
		text = "no merge base with a default branch in " + e.Dir + "; tried " + strings.Join(e.Tried, ", ")
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *RevisionError) Unwrap() error { return e.Err }

// A Tree is the tree of a revision, read from git's object database: nothing is
// checked out, and a file is read when somebody asks for it.
type Tree struct {
	FS  *GitFS // from the root of the repository
	Dir string // the folder that was asked for, in FS; "." for the root
	Rev string // the object that the revision names, in full
}

// OpenGit opens the tree of rev, which is anything that git resolves to a tree,
// in the repository that holds dir. The error matches [ErrNoRepository] if there
// is none, and is a [*RevisionError] if rev does not exist. The tree can be read
// until ctx ends or its FS is closed.
func OpenGit(ctx context.Context, dir, rev string) (*Tree, error) {
	g := git{dir}
	prefix, err := g.run(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	if err := g.ambiguous(ctx, rev); err != nil {
		return nil, err
	}
	oid, err := g.resolve(ctx, rev, "tree")
	if err != nil {
		return nil, g.revisionError(ctx, rev, nil, err)
	}
	list, err := g.run(ctx, "ls-tree", "-r", "-z", "--full-tree", oid)
	if err != nil {
		return nil, fmt.Errorf("list the tree of %s: %w", rev, err)
	}
	full, err := g.resolve(ctx, rev, "commit")
	if err != nil {
		full = oid // a tree without a commit
	}
	top, err := g.run(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		top = "" // a bare repository has no work tree
	}
	fsys, err := newGitFS(list, strings.TrimSuffix(top, "\n"), &batch{ctx: ctx, git: g})
	if err != nil {
		return nil, fmt.Errorf("list the tree of %s: %w", rev, err)
	}
	at := strings.TrimSuffix(strings.TrimSuffix(prefix, "\n"), "/")
	if at == "" {
		at = "."
	}
	return &Tree{FS: fsys, Dir: at, Rev: full}, nil
}

// MergeBase returns the commit at which the current branch left the default
// branch: in GitHub's and GitLab's CI the target of the pull request, or else what
// they state, and no other; elsewhere origin/HEAD, else main or master at origin,
// else here. Where none of these exists, one branch only and no remote one, that is
// the default branch.
//
// In CI (the variable CI is set) the merge base of the default branch with itself
// is HEAD, which would compare a clean tree with itself; there it is the parent
// of HEAD, and an error if the clone lacks that. A repository without a commit gives
// the empty tree: all is new.
//
// The error matches [ErrNoRepository] or is a [*RevisionError].
func MergeBase(ctx context.Context, dir string) (string, error) {
	g := git{dir}
	if _, err := g.run(ctx, "rev-parse", "--git-dir"); err != nil {
		return "", err
	}
	head, err := g.resolve(ctx, "HEAD", "commit")
	if err != nil {
		if lost, named := g.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD"); named == nil {
			return "", &RevisionError{Dir: dir, Rev: "HEAD", Err: fmt.Errorf("its commit %.10s cannot be read", lost)}
		}
		empty, err := g.run(ctx, "hash-object", "-t", "tree", os.DevNull)
		return strings.TrimSpace(empty), err
	}
	var tried []string
	for _, branch := range g.defaultBranches(ctx) {
		tried = append(tried, branch)
		tip, err := g.resolve(ctx, branch, "commit")
		if err != nil {
			continue
		}
		base, err := g.run(ctx, "merge-base", head, tip)
		if err != nil {
			return "", g.revisionError(ctx, "", tried, fmt.Errorf("%s has no common ancestor with HEAD", branch))
		}
		return g.notItself(ctx, strings.TrimSpace(base), head)
	}
	return "", g.revisionError(ctx, "", tried, nil)
}

// ciBranch is the branch that a pull request of GitHub's or GitLab's CI goes to,
// else the default branch as they state it; empty where they say nothing.
func ciBranch() string {
	for _, key := range []string{"GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH"} {
		if name := os.Getenv(key); name != "" {
			return name
		}
	}
	var event struct {
		Repository struct {
			DefaultBranch string `json:"default_branch"`
		} `json:"repository"`
	}
	if text, err := os.ReadFile(os.Getenv("GITHUB_EVENT_PATH")); err != nil || json.Unmarshal(text, &event) != nil {
		return ""
	}
	return event.Repository.DefaultBranch
}

func (g git) defaultBranches(ctx context.Context) []string {
	if name := ciBranch(); name != "" {
		return []string{"refs/remotes/origin/" + name, "refs/heads/" + name}
	}
	out := []string{"refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"}
	// A clone of one branch has one here and no other either, whichever it is.
	list, err := g.run(ctx, "for-each-ref", "--count=2", "--format=%(refname)", "refs/heads", "refs/remotes")
	if only := strings.Fields(list); err == nil && len(only) == 1 && strings.HasPrefix(only[0], "refs/heads/") {
		out = append(out, only[0])
	}
	return out
}

// baseBranch is the name of the default branch at origin.
func (g git) baseBranch(ctx context.Context) string {
	if name := ciBranch(); name != "" {
		return name
	}
	if head, err := g.run(ctx, "rev-parse", "--abbrev-ref", "refs/remotes/origin/HEAD"); err == nil {
		if name, ok := strings.CutPrefix(strings.TrimSpace(head), "origin/"); ok && name != "HEAD" {
			return name
		}
	}
	return "main"
}

// notItself replaces HEAD by its parent where a comparison with HEAD would say
// nothing.
func (g git) notItself(ctx context.Context, base, head string) (string, error) {
	if base != head || os.Getenv("CI") == "" {
		return base, nil
	}
	if _, err := g.run(ctx, "diff", "--quiet", "HEAD", "--", "."); err != nil {
		return base, ctx.Err() // there are changes to compare
	}
	parent, err := g.resolve(ctx, "HEAD^", "commit")
	if err == nil {
		return parent, nil
	}
	// The commit itself names its parents, whether or not the clone has them.
	commit, err := g.run(ctx, "cat-file", "commit", head)
	if about, _, _ := strings.Cut(commit, "\n\n"); err != nil || strings.Contains(about, "\nparent ") {
		return "", g.revisionError(ctx, "HEAD^", nil, err)
	}
	return base, nil
}

func (g git) revisionError(ctx context.Context, rev string, tried []string, cause error) error {
	if cause != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	e := &RevisionError{Dir: g.dir, Rev: rev, Tried: tried}
	if rev == "" {
		e.Err = cause
		e.Hint = "name a baseline with --against git:REF"
	}
	if rev != "" && !strings.HasPrefix(rev, "origin/") {
		if _, err := g.resolve(ctx, "refs/remotes/origin/"+rev, "commit"); err == nil {
			e.Hint = "did you mean git:origin/" + rev + "?"
			return e
		}
	}
	if shallow, err := g.run(ctx, "rev-parse", "--is-shallow-repository"); err == nil && strings.TrimSpace(shallow) == "true" {
		e.fetch = fetchFor(rev, g.baseBranch(ctx))
		e.Hint = "the clone is shallow: run " + e.FetchLine() + ", or check with --fetch, which runs it"
	}
	return e
}

// git runs git in a folder.
type git struct{ dir string }

// resolve returns the full name of the object of the given kind that rev names.
func (g git) resolve(ctx context.Context, rev, kind string) (string, error) {
	if strings.ContainsAny(rev, "\x00\n") {
		return "", errors.New("a revision has no line feed in it")
	}
	out, err := g.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{"+kind+"}")
	return strings.TrimSpace(out), err
}

// repositoryVariables are those that git calls local to a repository (git
// rev-parse --local-env-vars), but for settings: a runner may need these to be
// let into the repository at all.
var repositoryVariables = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_SHALLOW_FILE",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS",
	"GIT_CEILING_DIRECTORIES", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
}

// quarantineVariables let a hook of a push see the objects that came with it, which
// are no part of the repository until it is accepted.
var quarantineVariables = []string{"GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}

func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	var keep []string
	if g.quarantined(ctx) {
		keep = quarantineVariables
	}
	return g.commandWith(ctx, keep, args...)
}

// commandWith makes a command that sees none of the variables that name a
// repository but those to keep.
func (g git) commandWith(ctx context.Context, keep []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = g.dir
	for _, kv := range os.Environ() {
		// A hook, or a rebase, points these at another repository than g.dir.
		if name, _, _ := strings.Cut(kv, "="); !slices.Contains(repositoryVariables, name) || slices.Contains(keep, name) {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	return cmd
}

// quarantined reports whether this is a hook that decides about a push to the
// repository of g.dir: then the quarantine is a folder of its objects.
func (g git) quarantined(ctx context.Context) bool {
	quarantine := os.Getenv("GIT_QUARANTINE_PATH")
	if quarantine == "" {
		return false
	}
	out, err := g.commandWith(ctx, nil, "rev-parse", "--git-path", "objects").Output()
	if err != nil {
		return false
	}
	objects := strings.TrimSuffix(string(out), "\n")
	if !filepath.IsAbs(objects) {
		objects = filepath.Join(g.dir, objects)
	}
	here, err := os.Stat(objects)
	if err != nil {
		return false
	}
	there, err := os.Stat(filepath.Dir(quarantine))
	return err == nil && os.SameFile(here, there)
}

func (g git) run(ctx context.Context, args ...string) (string, error) {
	cmd := g.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		return string(out), nil
	}
	said := strings.TrimSpace(stderr.String())
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound) && !g.hasRepository():
		return "", fmt.Errorf("%s: %w", g.dir, ErrNoRepository)
	case strings.Contains(said, "not a git repository") && !g.hasRepository(): // not one that is broken
		return "", fmt.Errorf("%s: %w", g.dir, ErrNoRepository)
	case said != "":
		return "", fmt.Errorf("git %s: %s", args[0], said)
	}
	return "", fmt.Errorf("git %s: %w", args[0], err)
}

// hasRepository looks for a repository where git itself cannot be asked, or finds none.
func (g git) hasRepository() bool {
	dir, err := filepath.Abs(g.dir)
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		if up := filepath.Dir(dir); up != dir {
			dir = up
			continue
		}
		break
	}
	return false
}

// A batch is one git process that answers with objects. It starts with the first
// question and ends with its context or with close.
type batch struct {
	ctx context.Context
	git git

	mu    sync.Mutex // guards the fields below: one question at a time
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	ended error // set once no question can be answered
}

var errClosed = errors.New("the tree is closed")

// blob returns the bytes of an object.
func (b *batch) blob(oid string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended != nil {
		return nil, b.ended
	}
	data, err := b.ask(oid)
	if err != nil {
		if b.ctx.Err() != nil {
			err = b.ctx.Err()
		}
		b.stop(err)
	}
	return data, err
}

func (b *batch) ask(oid string) ([]byte, error) {
	if b.cmd == nil {
		if err := b.start(); err != nil {
			return nil, err
		}
	}
	if _, err := io.WriteString(b.in, oid+"\n"); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	header, err := b.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	fields := strings.Fields(header)
	if len(fields) != 3 {
		return nil, fmt.Errorf("git cat-file: object %s: %s", oid, strings.TrimSpace(header))
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil || size < 0 {
		return nil, fmt.Errorf("git cat-file: object %s has size %q", oid, fields[2])
	}
	if size > maxBlob {
		return nil, fmt.Errorf("%d bytes are more than the %d that are read of a file", size, maxBlob)
	}
	data := make([]byte, size+1) // and a line feed
	if _, err := io.ReadFull(b.out, data); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return data[:size], nil
}

func (b *batch) start() error {
	cmd := b.git.command(b.ctx, "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.cmd, b.in, b.out = cmd, in, bufio.NewReader(out)
	return nil
}

// stop ends the process; the lock is held.
func (b *batch) stop(why error) {
	b.ended = why
	if b.cmd == nil {
		return
	}
	b.in.Close()
	b.cmd.Process.Kill()
	b.cmd.Wait() // its error is that of the kill
	b.cmd = nil
}

func (b *batch) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop(errClosed)
}
