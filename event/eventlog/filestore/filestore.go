// Package filestore keeps an event log in files of a folder, without any server.
// One process at a time has it open.
//
//	LOCK                          held while the folder is open
//	groups                        how far groups have read
//	topics/<topic>/<offset>.seg   a segment; its first record has that offset
//
// A topic's name is escaped as in a URL's path. A segment begins with a header, with
// a salt of its own and a sum; frames follow, one for each write, with the records of all who
// waited for it:
//
//	magic, offset of the first record, number of records, length of the body, CRC-32C
//	body: each record behind its length, an unsigned varint
//
// The sum covers salt, head and body. A frame is written and synced before the next
// one is begun; so after a crash only the last one can be damaged, and it was never
// acknowledged: it is cut off when the folder is opened. Damage anywhere else is an
// error, never an end.
//
// After a failed sync nobody knows what the disk holds: the topic takes no more
// appends until the folder is opened again, and goes on being read.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the error of a store after its Close.
var ErrClosed = errors.New("filestore: closed")

// An Option configures a store.
type Option interface{ applyStore(*Store) }

type option func(*Store)

func (o option) applyStore(s *Store) { o(s) }

// SegmentBytes is the size from which a segment is followed by a new one. Trim
// removes whole segments. The default is 64 MiB; less than 4 KiB is 4 KiB.
func SegmentBytes(n int64) Option { return option(func(s *Store) { s.segmentBytes = max(n, 4<<10) }) }

// Store is an eventlog.Store in a folder.
type Store struct {
	dir          string
	segmentBytes int64
	open         func(name string, flag int) (file, error) // os.OpenFile but for tests
	lock         *os.File

	mu     sync.Mutex // guards the fields below
	closed bool
	topics map[string]*topic
	groups *groups
}

// A file is what of *os.File is needed.
type file interface {
	ReadAt(b []byte, off int64) (int, error)
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
	Stat() (os.FileInfo, error)
}

func openFile(name string, flag int) (file, error) { return os.OpenFile(name, flag, 0o644) }

// Open opens the store in dir, which is made if it is not there. It fails if
// another process has it open, or if a file is damaged, and names the place.
func Open(dir string, opts ...Option) (*Store, error) {
	return openWith(dir, openFile, opts...)
}

func openWith(dir string, open func(string, int) (file, error), opts ...Option) (*Store, error) {
	s := &Store{dir: dir, segmentBytes: 64 << 20, open: open, topics: map[string]*topic{}}
	for _, o := range opts {
		o.applyStore(s)
	}
	if err := os.MkdirAll(filepath.Join(dir, "topics"), 0o755); err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	var err error
	if s.lock, err = lockFile(filepath.Join(dir, "LOCK")); err != nil {
		return nil, fmt.Errorf("filestore: %s is open in another process, or cannot be locked: %w", dir, err)
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load opens what is there.
func (s *Store) load() (err error) {
	if s.groups, err = openGroups(filepath.Join(s.dir, "groups"), s.open); err != nil {
		return err
	}
	root := filepath.Join(s.dir, "topics")
	entries, err := os.ReadDir(root)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	for _, e := range entries {
		name, err := url.PathUnescape(e.Name())
		if err != nil || !e.IsDir() {
			return fmt.Errorf("filestore: %s is no topic's folder: remove it", filepath.Join(root, e.Name()))
		}
		t, err := s.openTopic(name)
		if err != nil {
			return err
		}
		s.topics[name] = t
	}
	return errors.Join(syncDir(root), syncDir(s.dir))
}

// Close closes the files. What was acknowledged is on the disk already.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, t := range s.topics {
		errs = append(errs, t.close())
	}
	if s.groups != nil {
		errs = append(errs, s.groups.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// topicNamed returns a topic; nil if it is not there and make is false.
func (s *Store) topicNamed(name string, make bool) (*topic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	t := s.topics[name]
	if t != nil || !make {
		return t, nil
	}
	dir := s.topicDir(name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	t, err := s.openTopic(name)
	if err != nil {
		return nil, err
	}
	s.topics[name] = t
	return t, nil
}

// topicDir returns the folder of a topic. A dot alone would name another one.
func (s *Store) topicDir(name string) string {
	escaped := url.PathEscape(name)
	switch escaped {
	case ".":
		escaped = "%2E"
	case "..":
		escaped = "%2E%2E"
	}
	return filepath.Join(s.dir, "topics", escaped)
}

// maxName is what file systems take as the name of a folder.
const maxName = 255

// Append is as eventlog.Store says.
func (s *Store) Append(ctx context.Context, name string, records [][]byte) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if n := len(filepath.Base(s.topicDir(name))); name == "" || n > maxName {
		return 0, fmt.Errorf("filestore: topic %.40q takes %d bytes as the name of a folder, want 1 to %d", name, n, maxName)
	}
	t, err := s.topicNamed(name, true)
	if err != nil {
		return 0, err
	}
	return t.append(records)
}

// Read is as eventlog.Store says.
func (s *Store) Read(ctx context.Context, name string, from int64, records, bytes int) (int64, [][]byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	t, err := s.topicNamed(name, false)
	if err != nil || t == nil {
		return from, nil, err
	}
	return t.read(from, records, bytes)
}

// Bounds is as eventlog.Store says.
func (s *Store) Bounds(_ context.Context, name string) (oldest, end int64, err error) {
	t, err := s.topicNamed(name, false)
	if err != nil || t == nil {
		return 0, 0, err
	}
	oldest, end = t.bounds()
	return oldest, end, nil
}

// Trim is as eventlog.Store says. It removes whole segments, never the last.
func (s *Store) Trim(_ context.Context, name string, before int64) error {
	t, err := s.topicNamed(name, false)
	if err != nil || t == nil {
		return err
	}
	return t.trim(before)
}

// Topics is as eventlog.Store says.
func (s *Store) Topics(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.topics)) {
		if _, end := s.topics[name].bounds(); end > 0 {
			out = append(out, name)
		}
	}
	return out, nil
}

// Take is as eventlog.Store says.
func (s *Store) Take(_ context.Context, group, topic, holder string, lease time.Duration) (int64, bool, error) {
	return s.groups.take(place{group, topic}, holder, lease)
}

// Extend is as eventlog.Store says.
func (s *Store) Extend(_ context.Context, group, topic, holder string, lease time.Duration) (bool, error) {
	return s.groups.extend(place{group, topic}, holder, lease)
}

// Save is as eventlog.Store says. It is on the disk when the member leaves, or the
// store is closed; after a crash of the machine some of it may be read again.
func (s *Store) Save(_ context.Context, group, topic, holder string, at int64) (bool, error) {
	return s.groups.save(place{group, topic}, holder, at)
}

// Leave is as eventlog.Store says.
func (s *Store) Leave(_ context.Context, group, topic, holder string) error {
	return s.groups.leave(place{group, topic}, holder)
}

// Position is as eventlog.Store says.
func (s *Store) Position(_ context.Context, group, topic string) (int64, error) {
	return s.groups.position(place{group, topic})
}

// Seek is as eventlog.Store says.
func (s *Store) Seek(_ context.Context, group, topic string, at int64) error {
	return s.groups.seek(place{group, topic}, at)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("filestore: sync %s: %w", dir, err)
	}
	return nil
}
