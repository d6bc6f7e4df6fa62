package breaking

import (
	"bytes"
	"context"
	"crypto/sha1" // git's ids, not a secret
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// A diff is what differs between the files of two sides.
type diff struct {
	newer, older *side
	// changed holds the import paths of files that are on one side only, or whose
	// bytes differ.
	changed map[string]bool
}

// A job is a file on one side or both.
type job struct {
	name     string
	new, old *file
	changed  bool
}

// scan reads the headers of all files, and finds out which of them differ. Each
// text is looked at once and not kept.
func scan(ctx context.Context, newer, older *side) (*diff, error) {
	names := map[string]bool{}
	for name := range newer.files {
		names[name] = true
	}
	for name := range older.files {
		names[name] = true
	}
	// In the order of paths, neighbours on the disk are read together.
	jobs := make([]job, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		jobs = append(jobs, job{name: name, new: newer.files[name], old: older.files[name]})
	}
	group, ctx := errgroup.WithContext(ctx)
	next := new(atomic.Int64)
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		group.Go(func() error {
			s := scanner{newer: newer, older: older}
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := s.scan(&jobs[i]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	d := &diff{newer: newer, older: older, changed: map[string]bool{}}
	for _, j := range jobs {
		if j.changed {
			d.changed[j.name] = true
		}
	}
	return d, nil
}

// A scanner is one worker with its buffers.
type scanner struct {
	newer, older     *side
	newText, oldText []byte
}

func (s *scanner) scan(j *job) (err error) {
	known := j.new != nil && j.old != nil && j.new.oid != "" && len(j.new.oid) == len(j.old.oid)
	j.changed = !known || j.new.oid != j.old.oid
	if j.new != nil {
		if s.newText, err = s.newer.source.read(j.new.path, s.newText[:0]); err != nil {
			return err
		}
		j.new.header, j.new.read = scanHeader(s.newText), true
	}
	if j.old == nil {
		return nil
	}
	if !known && j.new != nil && j.old.oid != "" {
		j.changed = objectID(s.newText, len(j.old.oid)) != j.old.oid
	}
	if j.changed {
		if s.oldText, err = s.older.source.read(j.old.path, s.oldText[:0]); err != nil {
			return err
		}
		j.changed = j.new == nil || !bytes.Equal(s.newText, s.oldText)
	}
	if !j.changed {
		j.old.header, j.old.read = j.new.header, true
		return nil
	}
	j.old.header, j.old.read = scanHeader(s.oldText), true
	return nil
}

// objectID returns the id of bytes as a git object; the length of ids tells which
// hash the repository uses.
func objectID(data []byte, length int) string {
	var h hash.Hash
	switch length {
	case 2 * sha1.Size:
		h = sha1.New()
	case 2 * sha256.Size:
		h = sha256.New()
	default:
		return ""
	}
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// closure returns the import paths of the files to compile, so that the findings
// are those of compiling everything: what changed, what imports it directly or
// not, what declares a name that is new in a changed file, and, so that no image
// lacks what the other has, everything that these import on either side. A file
// cannot differ otherwise.
func (d *diff) closure() map[string]bool {
	importers := map[string][]string{}
	out := map[string]bool{}
	var queue []string
	add := func(name string) {
		if !out[name] {
			out[name] = true
			queue = append(queue, name)
		}
	}
	for _, s := range []*side{d.newer, d.older} {
		for name, f := range s.files {
			for _, i := range f.header.imports {
				importers[i] = append(importers[i], name)
			}
			if f.header.odd && len(d.changed) > 0 {
				add(name)
			}
		}
	}
	for name := range d.changed {
		add(name)
	}
	for len(queue) > 0 {
		name := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, by := range importers[name] {
			add(by)
		}
	}
	for _, name := range d.redeclaring(out) {
		out[name] = true
	}
	for name := range d.keepPackages(out) {
		out[name] = true
	}
	for name := range out {
		queue = append(queue, name)
	}
	for len(queue) > 0 {
		name := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, s := range []*side{d.newer, d.older} {
			if f := s.files[name]; f != nil {
				for _, i := range f.header.imports {
					if s.files[i] != nil {
						add(i)
					}
				}
			}
		}
	}
	return out
}

// keepPackages returns an unchanged file for each package that only unchanged
// files still declare: without it, the package would seem to be gone.
func (d *diff) keepPackages(closure map[string]bool) map[string]bool {
	lost := map[string]bool{}
	for name := range closure {
		if f := d.older.files[name]; f != nil {
			lost[f.header.pkg] = true
		}
	}
	for name := range closure {
		if f := d.newer.files[name]; f != nil {
			delete(lost, f.header.pkg)
		}
	}
	out := map[string]bool{}
	if len(lost) == 0 {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(d.newer.files)) {
		f := d.newer.files[name]
		if lost[f.header.pkg] && (d.newer.only == nil || d.newer.only(name)) {
			out[name] = true
			delete(lost, f.header.pkg)
		}
	}
	return out
}
