package filestore

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A topic is its segments, of which the last is written.
type topic struct {
	store *Store
	dir   string

	mu       sync.Mutex // guards the fields below
	segments []*segment // ascending; empty until the first append
	end      int64      // what may be read ends here
	broken   error      // why no more is appended
	waiting  []*waiter
	writing  bool
	closed   bool
}

// A waiter is one append.
type waiter struct {
	records [][]byte
	first   int64
	err     error
	done    chan struct{}
}

// openTopic opens what is there of a topic, and cuts off what was not finished.
func (s *Store) openTopic(name string) (*topic, error) {
	t := &topic{store: s, dir: s.topicDir(name)}
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	var firsts []int64
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".seg")
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || n < 0 {
			return nil, fmt.Errorf("filestore: %s is no segment: remove it", filepath.Join(t.dir, e.Name()))
		}
		firsts = append(firsts, n)
	}
	slices.Sort(firsts)
	for i, first := range firsts {
		seg, err := s.openSegment(t.segmentName(first), first)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.segments = append(t.segments, seg)
		if i < len(firsts)-1 {
			seg.end = firsts[i+1]
			continue
		}
		if err := seg.recover(); err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.end = seg.end
	}
	return t, nil
}

func (t *topic) segmentName(first int64) string {
	return filepath.Join(t.dir, fmt.Sprintf("%020d.seg", first))
}

func (t *topic) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	var errs []error
	for _, s := range t.segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

func (t *topic) bounds() (oldest, end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.segments) == 0 {
		return 0, 0
	}
	return t.segments[0].first, t.end
}

// append writes records together with those of others that wait.
func (t *topic) append(records [][]byte) (int64, error) {
	if len(records) == 0 {
		_, end := t.bounds()
		return end, nil
	}
	w := &waiter{records: records, done: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	lead := !t.writing
	t.writing = true
	t.mu.Unlock()
	if lead {
		go t.write() // not here: others may keep it busy for long
	}
	<-w.done
	return w.first, w.err
}

// frameBytes bounds a frame, unless one append alone is larger.
const frameBytes = 4 << 20

// write writes frames until nobody waits.
func (t *topic) write() {
	for {
		t.mu.Lock()
		n, size := 0, 0
		for n < len(t.waiting) && (n == 0 || size < frameBytes) {
			for _, r := range t.waiting[n].records {
				size += len(r)
			}
			n++
		}
		ws := t.waiting[:n:n]
		t.waiting = t.waiting[n:]
		if n == 0 {
			t.writing, t.waiting = false, nil
			t.mu.Unlock()
			return
		}
		end, err := t.end, t.broken
		if t.closed {
			err = ErrClosed
		}
		t.mu.Unlock()
		var records [][]byte
		for _, w := range ws {
			w.first = end + int64(len(records))
			records = append(records, w.records...)
		}
		if err == nil {
			err = t.writeFrame(end, records)
		}
		for _, w := range ws {
			w.err = err
			close(w.done)
		}
	}
}

// writeFrame writes and syncs one frame. Only the one who writes calls it.
func (t *topic) writeFrame(end int64, records [][]byte) error {
	seg, err := t.segmentFor(end)
	if err != nil {
		return err
	}
	err = seg.write(end, records)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		var lost *syncError
		if errors.As(err, &lost) {
			t.broken = fmt.Errorf("filestore: nothing more is appended here until the folder is opened again: %w", err)
		}
		return err
	}
	t.end = seg.end
	return nil
}

// segmentFor returns the segment for the next frame, a new one if the last is full.
func (t *topic) segmentFor(end int64) (*segment, error) {
	t.mu.Lock()
	var last *segment
	if n := len(t.segments); n > 0 {
		last = t.segments[n-1]
	}
	t.mu.Unlock()
	if last != nil && (last.size < t.store.segmentBytes || last.first == end) {
		return last, nil
	}
	seg, err := t.store.openSegment(t.segmentName(end), end)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(seg.recover(), syncDir(t.dir)); err != nil {
		return nil, errors.Join(err, seg.file.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.segments = append(t.segments, seg)
	return seg, nil
}

// read returns records from an offset on, and the offset of the first.
func (t *topic) read(from int64, records, bytes int) (int64, [][]byte, error) {
	for {
		seg, first, end := t.segmentAt(from)
		if seg == nil {
			return from, nil, nil
		}
		out, err := seg.read(first, end, records, bytes)
		if !errors.Is(err, errRemoved) { // else it was trimmed in this moment
			return first, out, err
		}
	}
}

// segmentAt returns the segment that holds an offset, or the oldest one that is
// kept, what is to be read of it first, and where it ends; nil if there is nothing
// to read.
func (t *topic) segmentAt(from int64) (seg *segment, first, end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.segments) == 0 || from >= t.end {
		return nil, from, 0
	}
	i, found := slices.BinarySearchFunc(t.segments, from, func(s *segment, at int64) int { return cmp.Compare(s.first, at) })
	if !found {
		i--
	}
	if i < 0 {
		i, from = 0, t.segments[0].first
	}
	end = t.end
	if i < len(t.segments)-1 {
		end = t.segments[i+1].first
	}
	return t.segments[i], from, end
}

// trim removes the segments that hold nothing from before on.
func (t *topic) trim(before int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	removed := false
	for len(t.segments) > 1 && t.segments[1].first <= before {
		s := t.segments[0]
		if err := os.Remove(s.name); err != nil {
			return fmt.Errorf("filestore: %w", err)
		}
		t.segments, removed = t.segments[1:], true
		s.retire()
	}
	if !removed {
		return nil
	}
	return syncDir(t.dir)
}
