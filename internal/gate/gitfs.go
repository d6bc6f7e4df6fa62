package gate

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// A GitFS is the tree of a revision as a file system. A symbolic link reads as the
// file or folder that it leads to, as it does in a work tree, wherever on a path it
// stands and as long as it stays in the tree; one that leads elsewhere cannot be
// read. Submodules are folders, read from their own repositories when somebody looks
// into them. It is safe for concurrent use.
type GitFS struct {
	nodes map[string]*gitNode
	blobs *batch
	dir   string // of the work tree, where submodules are; empty in a bare repository
	mu    sync.Mutex
	subs  map[string]*submodule // by path; guarded by mu
}

type gitNode struct {
	name     string // its last element
	oid      string // of a file, a link or a submodule's commit
	mode     fs.FileMode
	children []string // of a folder: paths, sorted
}

// maxBlob bounds a file that is read into memory.
const maxBlob = 64 << 20

// newGitFS reads the output of git ls-tree -r -z. Sizes are not asked for: in a
// partial clone that would fetch every object.
func newGitFS(list, dir string, blobs *batch) (*GitFS, error) {
	f := &GitFS{nodes: map[string]*gitNode{".": {name: ".", mode: fs.ModeDir | 0o555}}, blobs: blobs, dir: dir, subs: map[string]*submodule{}}
	for entry := range strings.SplitSeq(list, "\x00") {
		if entry == "" {
			continue
		}
		about, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("entry %q: expected mode, type, object and path", entry)
		}
		if !fs.ValidPath(name) {
			continue
		}
		n := &gitNode{name: path.Base(name), oid: fields[2], mode: 0o444}
		switch {
		case fields[1] == "commit":
			n.mode = fs.ModeDir | 0o555
			f.subs[name] = &submodule{oid: n.oid}
		case fields[1] == "blob" && fields[0] == "120000":
			n.mode = fs.ModeSymlink | 0o444
		case fields[1] != "blob":
			continue
		}
		f.add(name, n)
	}
	for _, n := range f.nodes {
		slices.Sort(n.children)
	}
	return f, nil
}

func (f *GitFS) add(name string, n *gitNode) {
	if _, ok := f.nodes[name]; ok {
		return
	}
	f.nodes[name] = n
	parent := path.Dir(name)
	f.add(parent, &gitNode{name: path.Base(parent), mode: fs.ModeDir | 0o555})
	up := f.nodes[parent]
	up.children = append(up.children, name)
}

// Close ends the git processes that read objects, if any was started. Files
// cannot be read after it.
func (f *GitFS) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, sub := range f.subs {
		if sub.fs != nil {
			sub.fs.Close()
		}
	}
	f.blobs.close()
	return nil
}

func (f *GitFS) node(op, name string) (*gitNode, error) {
	n, ok := f.nodes[name]
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// maxLinks bounds the links on the way to a file, which may lead in a circle.
const maxLinks = 40

// Real returns the path without a link in it that name is; it need not exist.
func (f *GitFS) Real(name string) (string, error) {
	at, err := f.real("real", name, true)
	if err != nil {
		return "", err
	}
	sub, inside, err := f.sub("real", at)
	if sub == nil || err != nil {
		return at, err
	}
	real, err := sub.Real(inside)
	if inside == "." || err != nil {
		return at, err
	}
	return path.Join(strings.TrimSuffix(at, "/"+inside), real), nil
}

// real is Real, for an operation, up to the folder of a submodule, which follows what
// lies behind it; a link at the end of the path is followed only if last is true.
func (f *GitFS) real(op, name string, last bool) (string, error) {
	fail := func(err error) (string, error) { return "", &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	at, rest, links := ".", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		n := f.nodes[next]
		if n == nil || f.subs[next] != nil {
			return path.Join(next, path.Join(rest...)), nil
		}
		if n.mode&fs.ModeSymlink == 0 || len(rest) == 0 && !last {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return fail(fmt.Errorf("more than %d symbolic links lead from it", maxLinks))
		}
		target, err := f.blobs.blob(n.oid)
		if err != nil {
			return fail(err)
		}
		to := path.Join(at, string(target))
		if strings.HasPrefix(string(target), "/") || !fs.ValidPath(to) {
			return fail(fmt.Errorf("it is a symbolic link to %q, which is not in the repository", target))
		}
		at, rest = ".", append(strings.Split(to, "/"), rest...)
	}
	return at, nil
}

// Open implements [fs.FS].
func (f *GitFS) Open(name string) (fs.File, error) {
	at, err := f.real("open", name, true)
	if err != nil {
		return nil, err
	}
	if sub, inside, err := f.sub("open", at); sub != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return sub.Open(inside)
	}
	n, err := f.node("open", at)
	if err != nil {
		return nil, err
	}
	as := &gitNode{name: path.Base(name), mode: n.mode}
	if n.mode.IsDir() {
		return &gitDir{f: f, n: as, name: at}, nil
	}
	data, err := f.ReadFile(at)
	if err != nil {
		return nil, err
	}
	return &gitFile{bytes.NewReader(data), sizedNode{as, int64(len(data))}}, nil
}

// Stat implements [fs.StatFS]. The size of a file is that of its bytes, which
// are read for it.
func (f *GitFS) Stat(name string) (fs.FileInfo, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	return file.Stat()
}

// Lstat implements [fs.ReadLinkFS].
func (f *GitFS) Lstat(name string) (fs.FileInfo, error) {
	at, err := f.real("lstat", name, false)
	if err != nil {
		return nil, err
	}
	if sub, inside, err := f.sub("lstat", at); sub != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return sub.Lstat(inside)
	}
	n, err := f.node("lstat", at)
	if err != nil {
		return nil, err
	}
	if n.mode.IsRegular() {
		return f.Stat(at)
	}
	return n, nil
}

// ReadLink implements [fs.ReadLinkFS].
func (f *GitFS) ReadLink(name string) (string, error) {
	at, err := f.real("readlink", name, false)
	if err != nil {
		return "", err
	}
	if sub, inside, err := f.sub("readlink", at); sub != nil || err != nil {
		if err != nil {
			return "", err
		}
		return sub.ReadLink(inside)
	}
	n, err := f.node("readlink", at)
	if err != nil {
		return "", err
	}
	if n.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := f.blobs.blob(n.oid)
	return string(target), err
}

// ReadFile implements [fs.ReadFileFS].
func (f *GitFS) ReadFile(name string) ([]byte, error) {
	at, err := f.real("read", name, true)
	if err != nil {
		return nil, err
	}
	if sub, inside, err := f.sub("read", at); sub != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return sub.ReadFile(inside)
	}
	n, err := f.node("read", at)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.blobs.blob(n.oid)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir implements [fs.ReadDirFS].
func (f *GitFS) ReadDir(name string) ([]fs.DirEntry, error) {
	at, err := f.real("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if sub, inside, err := f.sub("readdir", at); sub != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return sub.ReadDir(inside)
	}
	n, err := f.node("readdir", at)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	out := make([]fs.DirEntry, len(n.children))
	for i, child := range n.children {
		out[i] = gitEntry{f, child, f.nodes[child]}
	}
	return out, nil
}

// A gitEntry is a file in a listing. Its size is read when somebody asks.
type gitEntry struct {
	f    *GitFS
	path string
	n    *gitNode
}

func (e gitEntry) Name() string      { return e.n.name }
func (e gitEntry) IsDir() bool       { return e.n.mode.IsDir() }
func (e gitEntry) Type() fs.FileMode { return e.n.mode.Type() }
func (e gitEntry) Info() (fs.FileInfo, error) {
	if !e.n.mode.IsRegular() {
		return e.n, nil
	}
	return e.f.Stat(e.path)
}

// Name, and the methods below it, implement [fs.FileInfo].
func (n *gitNode) Name() string       { return n.name }
func (n *gitNode) Size() int64        { return 0 }
func (n *gitNode) Mode() fs.FileMode  { return n.mode }
func (n *gitNode) ModTime() time.Time { return time.Time{} }
func (n *gitNode) IsDir() bool        { return n.mode.IsDir() }
func (n *gitNode) Sys() any           { return nil }

// A sizedNode is a file whose size is known.
type sizedNode struct {
	*gitNode
	size int64
}

func (n sizedNode) Size() int64 { return n.size }

type gitFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *gitFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *gitFile) Close() error               { return nil }

type gitDir struct {
	f    *GitFS
	n    *gitNode
	name string
	next int
}

func (d *gitDir) Stat() (fs.FileInfo, error) { return d.n, nil }
func (d *gitDir) Close() error               { return nil }
func (d *gitDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

// ReadDir implements [fs.ReadDirFile].
func (d *gitDir) ReadDir(n int) ([]fs.DirEntry, error) {
	all, err := d.f.ReadDir(d.name)
	if err != nil {
		return nil, err
	}
	rest := all[d.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		rest = rest[:min(n, len(rest))]
	}
	d.next += len(rest)
	return rest, nil
}
