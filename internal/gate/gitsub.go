package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// A submodule is another repository at a path of a tree.
type submodule struct {
	oid string // the commit that the tree names
	fs  *GitFS // once somebody has looked into it
	err error
}

// sub returns the tree of the submodule that holds name, and name in it; nil if
// none does. That it is not at hand is an error, and never an empty folder:
// schemas in it would look like new ones.
func (f *GitFS) sub(op, name string) (*GitFS, string, error) {
	for at, s := range f.subs {
		if name != at && !strings.HasPrefix(name, at+"/") {
			continue
		}
		tree, err := f.mount(at, s)
		if err != nil {
			return nil, "", &fs.PathError{Op: op, Path: name, Err: err}
		}
		inside := strings.TrimPrefix(strings.TrimPrefix(name, at), "/")
		if inside == "" {
			inside = "."
		}
		return tree, inside, nil
	}
	return nil, "", nil
}

func (f *GitFS) mount(at string, s *submodule) (*GitFS, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.fs != nil || s.err != nil {
		return s.fs, s.err
	}
	s.fs, s.err = f.openSub(at, s.oid)
	if s.err != nil {
		s.err = fmt.Errorf("submodule %s at %.10s cannot be read (git submodule update --init %s): %w", at, s.oid, at, s.err)
	}
	return s.fs, s.err
}

func (f *GitFS) openSub(at, oid string) (*GitFS, error) {
	if f.dir == "" {
		return nil, errors.New("a bare repository holds no submodules")
	}
	dir := filepath.Join(f.dir, filepath.FromSlash(at))
	g := git{dir}
	prefix, err := g.run(f.blobs.ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(prefix) != "" {
		return nil, errors.New("it is not checked out") // git answers for the repository around it
	}
	tree, err := OpenGit(f.blobs.ctx, dir, oid)
	if err != nil {
		return nil, err
	}
	return tree.FS, nil
}
