package claimcheck

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// incoming is the folder of what is being written.
const incoming = "incoming"

// A Folder is a [Store] and a [Sweeper] in a folder, which several processes may
// share, also over a network file system that keeps a rename whole. A payload is
// there as <day>/<first two digits>/<SHA-256>, and it is there whole or not at
// all; Put returns once it survives a crash of the machine.
type Folder struct {
	dir string

	mu    sync.Mutex      // guards known
	known map[string]bool // folders that were made, and survive a crash
}

// NewFolder returns a store in dir, which it makes if it is not there.
func NewFolder(dir string) (*Folder, error) {
	if dir == "" {
		return nil, errors.New("claimcheck: a store in a folder without a name")
	}
	if err := os.MkdirAll(filepath.Join(dir, incoming), 0o750); err != nil {
		return nil, fmt.Errorf("claimcheck: make the store: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	return &Folder{dir: dir, known: map[string]bool{}}, nil
}

// place returns the folder and the name of an object.
func (f *Folder) place(key string) (dir, name string, err error) {
	if err := CheckKey(key); err != nil {
		return "", "", err
	}
	const n = len(time.DateOnly)
	return filepath.Join(f.dir, key[:n], key[n+1:n+3]), key[n+1:], nil
}

// Put is as [Store] says. An object that is there with another content, since a
// disk or somebody has changed it, is replaced.
func (f *Folder) Put(ctx context.Context, key string, data []byte) error {
	dir, name, err := f.place(key)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if same(filepath.Join(dir, name), data) {
		return f.settle(dir) // whoever has written it may not have got so far
	}
	tmp := filepath.Join(f.dir, incoming, rand.Text())
	if err := writeSynced(tmp, data); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("claimcheck: write %s: %w", key, err)
	}
	if err := f.install(tmp, dir, name); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("claimcheck: move %s into its place: %w", key, err)
	}
	return nil
}

// install moves tmp to its place.
func (f *Folder) install(tmp, dir, name string) error {
	if err := f.makeDir(dir); err != nil {
		return err
	}
	err := os.Rename(tmp, filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) { // somebody has removed the folder that we know
		f.forget()
		if err = f.makeDir(dir); err == nil {
			err = os.Rename(tmp, filepath.Join(dir, name))
		}
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// settle sees to it that what is in dir survives a crash.
func (f *Folder) settle(dir string) error {
	if err := f.makeDir(dir); err != nil {
		return err
	}
	return syncDir(dir)
}

// makeDir makes the folder of a day and two digits.
func (f *Folder) makeDir(dir string) error {
	f.mu.Lock()
	known := f.known[dir]
	f.mu.Unlock()
	if known {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, d := range []string{filepath.Dir(dir), f.dir} {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= 1024 { // four days
		clear(f.known)
	}
	f.known[dir] = true
	return nil
}

func (f *Folder) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.known)
}

// Open is as [Store] says.
func (f *Folder) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	dir, name, err := f.place(key)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("claimcheck: %s: %w", filepath.Join(dir, name), ErrMissing)
	}
	return r, err
}

// Sweep is as [Sweeper] says. It also removes what was left half written that long
// ago. What else lies in the folder it leaves alone.
func (f *Folder) Sweep(ctx context.Context, olderThan time.Duration) (Swept, error) {
	var s Swept
	now := time.Now()
	old, err := Cutoff(now, olderThan)
	if err != nil {
		return s, err
	}
	days, err := os.ReadDir(f.dir)
	if err != nil {
		return s, fmt.Errorf("claimcheck: list the store: %w", err)
	}
	for _, day := range days {
		if !day.IsDir() || !old(day.Name()) {
			continue
		}
		dir := filepath.Join(f.dir, day.Name())
		if err := s.remove(ctx, dir, func(fs.FileInfo) bool { return true }); err != nil {
			return s, err
		}
		if err := os.RemoveAll(dir); err != nil {
			return s, fmt.Errorf("claimcheck: sweep: %w", err)
		}
	}
	return s, s.remove(ctx, filepath.Join(f.dir, incoming), func(i fs.FileInfo) bool { return i.ModTime().Before(now.Add(-olderThan)) })
}

// remove removes the files below dir that are old, and counts them. One that is
// gone meanwhile was removed by another sweep.
func (s *Swept) remove(ctx context.Context, dir string, old func(fs.FileInfo) bool) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("claimcheck: sweep: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case e.IsDir():
			return nil
		}
		info, err := e.Info()
		if err == nil && old(info) {
			if err = os.Remove(path); err == nil {
				s.Objects++
				s.Bytes += info.Size()
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("claimcheck: sweep: %w", err)
		}
		return nil
	})
}

// same reports whether path holds data.
func same(path string, data []byte) bool {
	r, err := os.Open(path)
	if err != nil {
		return false
	}
	defer r.Close()
	if info, err := r.Stat(); err != nil || info.Size() != int64(len(data)) {
		return false
	}
	buf := make([]byte, min(len(data), 64<<10))
	for len(data) > 0 {
		n, err := io.ReadFull(r, buf[:min(len(buf), len(data))])
		if err != nil || !bytes.Equal(buf[:n], data[:n]) {
			return false
		}
		data = data[n:]
	}
	return true
}

func writeSynced(path string, data []byte) error {
	w, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return errors.Join(err, w.Sync(), w.Close())
}
