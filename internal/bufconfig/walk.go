package bufconfig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Walk visits the Protobuf files in and below a folder by their paths, each folder in
// the order of names. Dir and the paths are relative to root, a folder of this
// machine. Symbolic links to files and folders are followed if links is true, but for
// those to a folder around them; one that leads nowhere is an error if it has the name
// of a Protobuf file. Folders named .git are left out.
func Walk(ctx context.Context, root, dir string, links bool, visit func(p string) error) error {
	return (&walk{ctx, root, links, visit}).folder(dir, nil)
}

type walk struct {
	ctx   context.Context
	root  string
	links bool
	visit func(p string) error
}

// folder visits the files below a folder. The folders around it that were reached
// through a link are in seen, so that a link to one of them ends.
func (w *walk) folder(dir string, seen []string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	at := filepath.Join(w.root, filepath.FromSlash(dir))
	children, err := os.ReadDir(at)
	if err != nil {
		return err
	}
	for _, c := range children {
		name, mode, below := c.Name(), c.Type(), seen
		if mode&fs.ModeSymlink != 0 {
			if !w.links {
				continue
			}
			real := filepath.Join(at, name)
			info, err := os.Stat(real)
			switch {
			case errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(name, ".proto"):
				continue // it points nowhere
			case err != nil:
				return err
			}
			if mode = info.Mode().Type(); mode.IsDir() {
				target, err := filepath.EvalSymlinks(real)
				if err != nil {
					return err
				}
				if slices.Contains(seen, target) || around(target, real) {
					continue
				}
				below = append(slices.Clip(seen), target)
			}
		}
		switch p := path.Join(dir, name); {
		case mode.IsDir() && name != ".git":
			err = w.folder(p, below)
		case mode.IsRegular() && strings.HasSuffix(name, ".proto"):
			err = w.visit(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// around reports whether a file path is dir or below it.
func around(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(filepath.Separator))
}
