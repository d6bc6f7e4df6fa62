package breaking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/gate"
)

// A source is where the files of a side are. Its paths are those of its file
// system. It is safe for concurrent use.
type source interface {
	// ReadFile returns a configuration file.
	ReadFile(path string) ([]byte, error)
	// list returns the .proto files in and below a folder.
	list(ctx context.Context, dir string) ([]entry, error)
	// read appends the bytes of a file to buf.
	read(path string, buf []byte) ([]byte, error)
	// show returns a path as reports print it.
	show(path string) string
	close() error
}

// An entry is a file of a source.
type entry struct {
	path string
	// oid is the id of the bytes as a git object, in hexadecimal, or empty if
	// nobody has it at hand.
	oid string
}

// maxSource bounds one file that is read into memory.
const maxSource = 64 << 20

// A dirSource is a folder of this machine. Its file system is the whole volume,
// since a workspace may be defined above the folder.
type dirSource struct {
	root     string // of the volume
	shown    string // the folder as it was given
	dir      string // the folder, in FS
	symlinks bool   // are followed
}

func newDirSource(in Input, cwd string, symlinks bool) (*dirSource, error) {
	location := filepath.FromSlash(in.Path)
	if !filepath.IsAbs(location) {
		location = filepath.Join(cwd, location)
	}
	abs, err := filepath.Abs(location)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return nil, &InputError{Input: in.Path, Msg: "there is no such folder"}
	case !info.IsDir():
		return nil, &InputError{Input: in.Path, Msg: "this is a file; expected a folder"}
	}
	root := filepath.VolumeName(abs) + string(filepath.Separator)
	rel, err := filepath.Rel(root, abs)
	if err != nil {
		return nil, err
	}
	return &dirSource{root: root, shown: filepath.ToSlash(filepath.Clean(in.Path)), dir: filepath.ToSlash(rel), symlinks: symlinks}, nil
}

func (s *dirSource) ReadFile(name string) ([]byte, error) { return s.read(name, nil) }

func (s *dirSource) list(ctx context.Context, dir string) ([]entry, error) {
	var out []entry
	err := bufconfig.Walk(ctx, s.root, dir, s.symlinks, func(p string) error {
		out = append(out, entry{path: p})
		return nil
	})
	return out, err
}

func (s *dirSource) read(name string, buf []byte) ([]byte, error) {
	f, err := os.Open(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, buf)
}

// readAll appends what is left of a file to buf, without asking for its size first.
func readAll(f io.Reader, name string, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case n == 0 || err != nil:
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			return buf, nil
		case len(buf) > maxSource:
			return nil, fmt.Errorf("%s: more than %d bytes", name, maxSource)
		}
	}
}

func (s *dirSource) show(p string) string {
	rel, err := filepath.Rel(filepath.FromSlash(s.dir), filepath.FromSlash(p))
	if err != nil {
		return p
	}
	return path.Join(s.shown, filepath.ToSlash(rel))
}

func (s *dirSource) close() error { return nil }

// A gitSource is the tree of a revision.
type gitSource struct {
	*gate.GitFS
	symlinks bool // are followed
}

// newGitSource opens the revision of an input. A branch and a tag of one name are
// told apart by the key.
func newGitSource(ctx context.Context, in Input, cwd string, symlinks bool) (*gitSource, error) {
	location := strings.TrimPrefix(in.Path, "file://")
	if strings.Contains(location, "://") || isSCP(location) {
		return nil, &InputError{Input: in.Path, Msg: "a repository elsewhere is not fetched; clone it, and name the clone"}
	}
	if !filepath.IsAbs(location) {
		location = filepath.Join(cwd, filepath.FromSlash(location))
	}
	if filepath.Base(location) == ".git" {
		location = filepath.Dir(location)
	}
	if info, err := os.Stat(location); err != nil || !info.IsDir() {
		return nil, &InputError{Input: in.Path, Msg: "there is no such repository"}
	}
	var tree *gate.Tree
	var first error
	for _, rev := range in.revisions() {
		t, err := gate.OpenGit(ctx, location, rev)
		if err == nil {
			tree = t
			break
		}
		if first == nil {
			first = err
		}
		if wrong := new(gate.RevisionError); !errors.As(err, &wrong) {
			break
		}
	}
	if tree == nil {
		return nil, first
	}
	if tree.Dir != "." { // git found the repository around it
		return nil, errors.Join(&InputError{Input: in.Path, Msg: "there is no such repository; the one around it begins further up"}, tree.FS.Close())
	}
	return &gitSource{tree.FS, symlinks}, nil
}

// isSCP reports whether a location has the form user@host:path.
func isSCP(location string) bool {
	host, _, ok := strings.Cut(location, ":")
	return ok && strings.Contains(host, "@") && !strings.Contains(host, "/")
}

// revisions returns what may be meant, the best first.
func (in *Input) revisions() []string {
	switch {
	case in.Ref != "":
		return []string{in.Ref}
	case in.Branch != "":
		return []string{"refs/heads/" + in.Branch, "refs/remotes/origin/" + in.Branch, "refs/remotes/" + in.Branch}
	case in.Tag != "":
		return []string{"refs/tags/" + in.Tag, in.Tag}
	}
	return []string{"HEAD"}
}

func (s *gitSource) list(ctx context.Context, dir string) ([]entry, error) {
	var out []entry
	err := s.walk(ctx, dir, nil, &out)
	return out, err
}

// walk is that of a folder, so that both sides have the same files. A link out of the
// repository is an error: what it leads to is not known.
func (s *gitSource) walk(ctx context.Context, dir string, seen []string, out *[]entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	children, err := s.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, c := range children {
		name, mode, below := path.Join(dir, c.Name()), c.Type(), seen
		if mode&fs.ModeSymlink != 0 {
			if !s.symlinks {
				continue
			}
			target, err := s.Real(name)
			if err != nil {
				return err
			}
			info, err := s.Lstat(target)
			switch {
			case errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(name, ".proto"):
				continue // it points nowhere
			case err != nil:
				return err
			}
			if mode = info.Mode().Type(); mode.IsDir() {
				if slices.Contains(seen, target) || bufconfig.Contains(target, name) {
					continue
				}
				below = append(slices.Clip(seen), target)
			}
		}
		switch {
		case mode.IsDir():
			if err := s.walk(ctx, name, below, out); err != nil {
				return err
			}
		case strings.HasSuffix(name, ".proto"):
			oid, _ := s.Object(name)
			*out = append(*out, entry{path: name, oid: oid})
		}
	}
	return nil
}

func (s *gitSource) read(name string, buf []byte) ([]byte, error) {
	data, err := s.ReadFile(name)
	return append(buf, data...), err
}

func (s *gitSource) show(p string) string { return p }
func (s *gitSource) close() error         { return s.Close() }
