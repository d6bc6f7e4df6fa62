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

// newArchiveSource reads a tar or zip archive.
func newArchiveSource(in Input, cwd string, stdin io.Reader) (memorySource, error) {
	f, err := openInput(in, cwd, stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a := archive{in: in, files: memorySource{}}
	if in.Format == Zip {
		err = a.zip(f)
	} else {
		err = a.tar(f)
	}
	if err != nil {
		return nil, inputError(in, err)
	}
	return a.files, nil
}

type archive struct {
	in    Input
	files memorySource
	size  int64
}

// wanted returns the path of a file in the source, and false if it has no use.
func (a *archive) wanted(name string) (string, bool) {
	p := path.Clean(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
	for range a.in.Strip {
		_, rest, ok := strings.Cut(p, "/")
		if !ok {
			return "", false
		}
		p = rest
	}
	base := path.Base(p)
	return p, fs.ValidPath(p) && (strings.HasSuffix(p, ".proto") || base == bufconfig.Name || base == bufconfig.WorkName || base == bufconfig.LockName)
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
		if h.Typeflag != tar.TypeReg {
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
		if !ok || !f.Mode().IsRegular() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		err = a.add(p, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
