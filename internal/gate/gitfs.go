package gate

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A GitFS is the tree of a revision as a file system. It holds regular files
// only: symbolic links and submodules are left out, for what they point at is no
// part of the tree. It is safe for concurrent use.
type GitFS struct {
	nodes map[string]*gitNode
	blobs *batch
}

type gitNode struct {
	name     string // its last element
	oid      string // of a file
	size     int64
	mode     fs.FileMode
	children []string // of a folder: paths, sorted
}

// maxBlob bounds a file that is read into memory.
const maxBlob = 64 << 20

// newGitFS reads the output of git ls-tree -r -z -l.
func newGitFS(list string, blobs *batch) (*GitFS, error) {
	f := &GitFS{nodes: map[string]*gitNode{".": {name: ".", mode: fs.ModeDir | 0o555}}, blobs: blobs}
	for entry := range strings.SplitSeq(list, "\x00") {
		if entry == "" {
			continue
		}
		about, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) != 4 {
			return nil, fmt.Errorf("entry %q: expected mode, type, object, size and path", entry)
		}
		if fields[1] != "blob" || !strings.HasPrefix(fields[0], "100") || !fs.ValidPath(name) {
			continue
		}
		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("entry %q: size %q is no number", entry, fields[3])
		}
		f.add(name, &gitNode{name: path.Base(name), oid: fields[2], size: size, mode: 0o444})
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

// Close ends the git process that reads objects, if one was started. Files
// cannot be read after it.
func (f *GitFS) Close() error {
	f.blobs.close()
	return nil
}

func (f *GitFS) node(op, name string) (*gitNode, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, ok := f.nodes[name]
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Open implements [fs.FS].
func (f *GitFS) Open(name string) (fs.File, error) {
	n, err := f.node("open", name)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return &gitDir{f: f, n: n, name: name}, nil
	}
	data, err := f.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &gitFile{Reader: bytes.NewReader(data), n: n}, nil
}

// Stat implements [fs.StatFS]; it reads no object.
func (f *GitFS) Stat(name string) (fs.FileInfo, error) {
	n, err := f.node("stat", name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// ReadFile implements [fs.ReadFileFS].
func (f *GitFS) ReadFile(name string) ([]byte, error) {
	n, err := f.node("read", name)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	if n.size > maxBlob {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%d bytes are more than %d", n.size, maxBlob)}
	}
	data, err := f.blobs.blob(n.oid)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir implements [fs.ReadDirFS].
func (f *GitFS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.node("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	out := make([]fs.DirEntry, len(n.children))
	for i, child := range n.children {
		out[i] = fs.FileInfoToDirEntry(f.nodes[child])
	}
	return out, nil
}

// Name, and the methods below it, implement [fs.FileInfo].
func (n *gitNode) Name() string       { return n.name }
func (n *gitNode) Size() int64        { return n.size }
func (n *gitNode) Mode() fs.FileMode  { return n.mode }
func (n *gitNode) ModTime() time.Time { return time.Time{} }
func (n *gitNode) IsDir() bool        { return n.mode.IsDir() }
func (n *gitNode) Sys() any           { return nil }

type gitFile struct {
	*bytes.Reader
	n *gitNode
}

func (f *gitFile) Stat() (fs.FileInfo, error) { return f.n, nil }
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
