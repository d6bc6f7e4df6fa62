package breaking

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// maxInput bounds the bytes of an archive or an image, uncompressed.
const maxInput = 2 << 30

// A memorySource is an archive: the files that matter are in memory.
type memorySource map[string][]byte

func (s memorySource) list(_ context.Context, dir string) ([]entry, error) {
	var out []entry
	for p := range s {
		if strings.HasSuffix(p, ".proto") && bufconfig.Contains(dir, p) {
			out = append(out, entry{path: p})
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

func (s memorySource) read(name string, buf []byte) ([]byte, error) {
	data, err := s.ReadFile(name)
	return append(buf, data...), err
}

// ReadFile returns the bytes of a file, which are shared.
func (s memorySource) ReadFile(name string) ([]byte, error) {
	data, ok := s[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return data, nil
}

func (s memorySource) show(p string) string { return p }
func (s memorySource) close() error         { return nil }

// openInput opens the file of an input, uncompressed.
func openInput(in Input, cwd string, stdin io.Reader) (io.ReadCloser, error) {
	var file io.ReadCloser = io.NopCloser(stdin)
	if in.Path != "-" {
		location := strings.TrimPrefix(in.Path, "file://")
		if strings.Contains(location, "://") {
			return nil, &InputError{Input: in.Path, Msg: "a file elsewhere is not fetched; download it, and name the file, or - and pass it on standard input"}
		}
		name := filepath.FromSlash(location)
		if !filepath.IsAbs(name) {
			name = filepath.Join(cwd, name)
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, inputError(in, err)
		}
		file = f
	}
	switch in.Compression {
	case "gzip":
		z, err := gzip.NewReader(file)
		if err != nil {
			return nil, errors.Join(inputError(in, err), file.Close())
		}
		return readCloser{z, file}, nil
	case "zstd":
		z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInput))
		if err != nil {
			return nil, errors.Join(inputError(in, err), file.Close())
		}
		return readCloser{z, closeBoth{z, file}}, nil
	}
	return file, nil
}

func inputError(in Input, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &InputError{Input: in.Path, Msg: "there is no such file"}
	}
	return &InputError{Input: in.Path, Msg: err.Error()}
}

type readCloser struct {
	io.Reader
	io.Closer
}

type closeBoth struct {
	z    *zstd.Decoder
	file io.Closer
}

func (c closeBoth) Close() error {
	c.z.Close()
	return c.file.Close()
}

// newArchiveSource reads a tar or zip archive, and follows its symbolic links if it is
// to.
func newArchiveSource(in Input, cwd string, stdin io.Reader, symlinks bool) (memorySource, error) {
	f, err := openInput(in, cwd, stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a := archive{in: in, files: memorySource{}, links: map[string]string{}, symlinks: symlinks}
	if in.Format == Zip {
		err = a.zip(f)
	} else {
		err = a.tar(f)
	}
	if err == nil {
		err = a.follow()
	}
	if err != nil {
		return nil, inputError(in, err)
	}
	return a.files, nil
}

type archive struct {
	in       Input
	symlinks bool // are followed
	files    memorySource
	links    map[string]string // what links lead to, as paths of the source that need not exist
	size     int64
}

// place returns the path of a member in the source, and false if it has none.
func (a *archive) place(name string) (string, bool) {
	p := path.Clean(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
	for range a.in.Strip {
		_, rest, ok := strings.Cut(p, "/")
		if !ok {
			return "", false
		}
		p = rest
	}
	return p, fs.ValidPath(p)
}

// wanted returns the path of a file in the source, and false if it has no use.
func (a *archive) wanted(name string) (string, bool) {
	p, ok := a.place(name)
	return p, ok && useful(p)
}

func useful(p string) bool {
	base := path.Base(p)
	return strings.HasSuffix(p, ".proto") || base == bufconfig.Name || base == bufconfig.WorkName || base == bufconfig.LockName
}

// link notes a link from a member to another, or to a folder of them.
func (a *archive) link(name, to string) {
	if p, ok := a.place(name); ok {
		a.links[p], _ = a.place(to)
	}
}

// symlink notes a link whose target is relative to the folder that it is in.
func (a *archive) symlink(name, to string) {
	switch {
	case !a.symlinks:
	case strings.HasPrefix(to, "/"):
		a.link(name, "..")
	default:
		a.link(name, path.Join(path.Dir(path.Clean(name)), to))
	}
}

// maxLinks bounds the links that lead to a file, which may lead in a circle.
const maxLinks = 40

// follow puts files where links to them are, and those of folders where links to
// these are. A file that is missing behind its link is an error.
func (a *archive) follow() error {
	real := maps.Clone(a.files)
	names := slices.Sorted(maps.Keys(real))
	for _, p := range slices.Sorted(maps.Keys(a.links)) {
		to := a.links[p]
		for range maxLinks {
			if next, ok := a.links[to]; ok {
				to = next
			}
		}
		if data, ok := real[to]; ok && useful(p) {
			if err := a.put(p, data); err != nil {
				return err
			}
			continue
		}
		if useful(p) {
			return fmt.Errorf("%s is a link to a file that is not among the schemas of the archive", p)
		}
		if bufconfig.Contains(to, p) {
			continue // it leads to a folder around itself
		}
		i, _ := slices.BinarySearch(names, to+"/")
		for ; i < len(names) && strings.HasPrefix(names[i], to+"/"); i++ {
			if err := a.put(path.Join(p, strings.TrimPrefix(names[i], to)), real[names[i]]); err != nil {
				return err
			}
		}
	}
	return nil
}

// entrySize is about what a path of a source costs beside its bytes.
const entrySize = 256

// put adds a file by another path. The path counts, for links may multiply them.
func (a *archive) put(p string, data []byte) error {
	if a.size += int64(len(data) + len(p) + entrySize); a.size > maxInput {
		return fmt.Errorf("%s: with what links lead to, the archive is too large", p)
	}
	a.files[p] = data
	return nil
}

func (a *archive) add(p string, r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxSource+1))
	if err != nil {
		return err
	}
	a.size += int64(len(data))
	if len(data) > maxSource || a.size > maxInput {
		return fmt.Errorf("%s: the file, or the archive so far, is too large", p)
	}
	a.files[p] = data
	return nil
}

func (a *archive) tar(r io.Reader) error {
	t := tar.NewReader(io.LimitReader(r, maxInput))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeLink:
			a.link(h.Name, h.Linkname)
			continue
		case tar.TypeSymlink:
			a.symlink(h.Name, h.Linkname)
			continue
		case tar.TypeReg:
		default:
			continue
		}
		if p, ok := a.wanted(h.Name); ok {
			if err := a.add(p, t); err != nil {
				return err
			}
		}
	}
}

func (a *archive) zip(r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxInput))
	if err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		p, ok := a.wanted(f.Name)
		isLink := f.Mode()&fs.ModeSymlink != 0
		if !isLink && (!ok || !f.Mode().IsRegular()) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		if isLink {
			var to []byte
			to, err = io.ReadAll(io.LimitReader(r, maxTarget))
			a.symlink(f.Name, string(to))
		} else {
			err = a.add(p, r)
		}
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// maxTarget bounds the target of a symbolic link, as file systems do.
const maxTarget = 4096
