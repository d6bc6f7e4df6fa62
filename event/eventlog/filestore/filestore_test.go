package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/eventlogtest"
)

func open(t *testing.T, dir string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	for name, size := range map[string]int64{"one segment": 64 << 20, "many segments": 4 << 10} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), SegmentBytes(size))
			// One process has the folder: all opens of the suite are this one.
			eventlogtest.Run(t, func(*testing.T) eventlog.Store { return s })
		})
	}
}

func appendTo(t *testing.T, s *Store, topic string, records ...string) int64 {
	t.Helper()
	rs := make([][]byte, len(records))
	for i, r := range records {
		rs[i] = []byte(r)
	}
	first, err := s.Append(t.Context(), topic, rs)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// all returns every record of a topic.
func all(s *Store, topic string) ([]string, error) {
	oldest, end, err := s.Bounds(context.Background(), topic)
	if err != nil {
		return nil, err
	}
	var out []string
	for at := oldest; at < end; {
		first, rs, err := s.Read(context.Background(), topic, at, 7, 100)
		if err != nil {
			return out, err
		}
		if first != at || len(rs) == 0 {
			return out, fmt.Errorf("read from %d: %d records at %d", at, len(rs), first)
		}
		for _, r := range rs {
			out = append(out, string(r))
		}
		at += int64(len(rs))
	}
	return out, nil
}

// What was appended is there after a restart, and a group goes on where it was.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for round := range 5 {
		s := open(t, dir, SegmentBytes(4<<10))
		for i := range 40 {
			r := strings.Repeat("x", i*7) + fmt.Sprint(round, i)
			want = append(want, r)
			appendTo(t, s, "a/b.c ü..", r)
		}
		at, ok, err := s.Take(t.Context(), "g", "t", "me", time.Hour)
		if err != nil || !ok || at != int64(round) {
			t.Errorf("round %d: the group goes on at %d, %v (%v)", round, at, ok, err)
		}
		if ok, err := s.Save(t.Context(), "g", "t", "me", int64(round+1)); err != nil || !ok {
			t.Errorf("save: %v, %v", ok, err)
		}
		if _, err := Open(dir); err == nil {
			t.Error("two have the folder open")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), "t", [][]byte{{1}}); !errors.Is(err, ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
	}
	s := open(t, dir, SegmentBytes(4<<10))
	got, err := all(s, "a/b.c ü..")
	if err != nil || strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("%d records (%v), want the %d that were appended", len(got), err, len(want))
	}
	if len(s.topics["a/b.c ü.."].segments) < 3 {
		t.Error("the test has made fewer than three segments")
	}
}

// A crash at any byte of the last write loses that write at most, and what is
// appended after it is there at the next start.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	appendTo(t, s, "t", "one", "two")
	name := s.topics["t"].segments[0].name
	whole := s.topics["t"].segments[0].size
	// The payload looks like a frame: it must not be taken for one.
	appendTo(t, s, "t", "three"+string(frameMagic[:])+strings.Repeat("\x00", 30), "four")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	full, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := whole; cut <= int64(len(full)); cut++ {
		for _, garbage := range []int{0, 9} {
			torn := append(bytes.Clone(full[:cut]), bytes.Repeat([]byte{0}, garbage)...)
			if garbage > 0 && cut == int64(len(full)) {
				continue
			}
			copied := t.TempDir()
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(copied, rel)), 0o755), os.WriteFile(filepath.Join(copied, rel), torn, 0o644)); err != nil {
				t.Fatal(err)
			}
			want := []string{"one", "two"}
			if cut == int64(len(full)) {
				want = append(want, "three"+string(frameMagic[:])+strings.Repeat("\x00", 30), "four")
			}
			s, err := Open(copied)
			if err != nil {
				t.Fatalf("cut at %d of %d: %v", cut, len(full), err)
			}
			if first := appendTo(t, s, "t", "after"); first != int64(len(want)) {
				t.Errorf("cut at %d: appended at offset %d, want %d", cut, first, len(want))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, copied)
			got, err := all(s, "t")
			if err != nil || strings.Join(got, ",") != strings.Join(append(want, "after"), ",") {
				t.Fatalf("cut at %d: %q (%v), want %q and what came after", cut, got, err, want)
			}
			s.Close()
		}
	}
}

// A crash while the next segment is begun loses nothing, whatever of its head got
// to the disk.
func TestTornHead(t *testing.T) {
	for size := range fileHead + 1 {
		dir := t.TempDir()
		s := open(t, dir)
		appendTo(t, s, "t", "one", "two")
		next := s.topics["t"].segmentName(2)
		if err := errors.Join(s.Close(), os.WriteFile(next, make([]byte, size), 0o644)); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		if first := appendTo(t, s, "t", "three"); first != 2 {
			t.Errorf("%d bytes of a head: appended at offset %d, want 2", size, first)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		if got, err := all(s, "t"); err != nil || strings.Join(got, ",") != "one,two,three" {
			t.Errorf("%d bytes of a head: %q, %v", size, got, err)
		}
		s.Close()
	}
}

// A flipped bit anywhere but in the last frame is an error at the latest when it
// is read; never another record, and never a shorter log.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 6 {
		appendTo(t, s, "t", fmt.Sprint("record ", i))
	}
	seg := s.topics["t"].segments[0]
	name, size := seg.name, seg.size
	s.Close()
	full, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	last := size - int64(frameHead) - int64(len("record 5")) - 1
	for at := range last {
		hurt := bytes.Clone(full)
		hurt[at] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(name, hurt, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir)
		if err == nil {
			var got []string
			got, err = all(s, "t")
			if err == nil {
				t.Fatalf("a flipped bit in byte %d of %d is no error: %q", at, size, got)
			}
			s.Close()
		}
		if !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "restore the file") {
			t.Errorf("byte %d: error %v, want one that says what is damaged and what to do", at, err)
		}
		if info, serr := os.Stat(name); serr != nil || info.Size() != size {
			t.Fatalf("byte %d: the damaged file was changed", at)
		}
	}
}

// A faultyFile fails as it is told to.
type faultyFile struct {
	file
	f *faults
}

type faults struct {
	mu        sync.Mutex // guards the fields below
	write     error
	half      bool // write half of it before failing
	sync      error
	truncate  error
	onlyNamed string
}

func (f *faults) open(name string, flag int) (file, error) {
	x, err := openFile(name, flag)
	if err != nil || !strings.Contains(name, f.onlyNamed) {
		return x, err
	}
	return &faultyFile{x, f}, nil
}

func (x *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	if x.f.write != nil {
		if x.f.half {
			_, _ = x.file.WriteAt(b[:len(b)/2], off)
		}
		return len(b) / 2, x.f.write
	}
	return x.file.WriteAt(b, off)
}

func (x *faultyFile) Sync() error {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return errors.Join(x.f.sync, x.file.Sync())
}

func (x *faultyFile) Truncate(n int64) error {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	if x.f.truncate != nil {
		return x.f.truncate
	}
	return x.file.Truncate(n)
}

// A full disk refuses and goes on once there is room; a failed sync stops the
// topic's appends until the next start. Reads go on, nothing acknowledged is lost.
func TestFailingDisk(t *testing.T) {
	full := errors.New("no space left")
	for name, c := range map[string]struct {
		set  func(*faults)
		goOn bool
	}{
		"full":                     {func(f *faults) { f.write = full }, true},
		"full after half":          {func(f *faults) { f.write, f.half = full, true }, true},
		"full, cannot be undone":   {func(f *faults) { f.write, f.half, f.truncate = full, true, full }, false},
		"a sync that fails":        {func(f *faults) { f.sync = full }, false},
		"full, and the sync fails": {func(f *faults) { f.write, f.half, f.sync = full, true, full }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := &faults{onlyNamed: ".seg"}
			s, err := openWith(dir, f.open)
			if err != nil {
				t.Fatal(err)
			}
			appendTo(t, s, "t", "before")
			f.mu.Lock()
			c.set(f)
			f.mu.Unlock()
			if _, err := s.Append(t.Context(), "t", [][]byte{[]byte("failed")}); !errors.Is(err, full) {
				t.Fatalf("append: %v, want the disk's error", err)
			}
			f.mu.Lock()
			f.write, f.sync, f.truncate, f.half = nil, nil, nil, false
			f.mu.Unlock()
			if got, err := all(s, "t"); err != nil || strings.Join(got, ",") != "before" {
				t.Errorf("after the failure: %q (%v), want what was there", got, err)
			}
			want := []string{"before"}
			_, err = s.Append(t.Context(), "t", [][]byte{[]byte("next")})
			if c.goOn {
				want = append(want, "next")
			}
			if (err == nil) != c.goOn {
				t.Errorf("the next append: %v", err)
			}
			appendTo(t, s, "other", "fine")
			s.Close()
			s = open(t, dir)
			appendTo(t, s, "t", "restarted")
			got, err := all(s, "t")
			text := strings.Join(got, ",")
			// What failed may be there, where nobody could undo it.
			if w := strings.Join(append(want, "restarted"), ","); err != nil || text != w && (c.goOn || strings.Replace(text, "failed,", "", 1) != w) {
				t.Errorf("after a restart: %q (%v), want %q", got, err, w)
			}
		})
	}
}

// What was noted of groups and not synced when the machine crashed may be a hole in
// the file, with what was noted later behind it: that counts.
func TestHoleInGroupsFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range int64(9) {
		if err := s.Seek(t.Context(), fmt.Sprint("g", i%3), "t", i); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	name := filepath.Join(dir, "groups")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the hole stays, and what comes behind it
		clear(text[len(text)*4/9+3 : len(text)*7/9+5]) // from within the fifth line to within the eighth
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for g, want := range []int64{3, 1, 8} {
			if at, err := s.Position(t.Context(), fmt.Sprint("g", g), "t"); err != nil || at != want {
				t.Errorf("group %d is at %d, %v; want %d", g, at, err, want)
			}
		}
		s.Close()
	}
}

// The file of the groups forgets a torn last line, and says where it is damaged.
func TestGroupsFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 3 {
		if err := s.Seek(t.Context(), "g", "t\n", int64(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	name := filepath.Join(dir, "groups")
	full, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	line := len(full) / 3
	for cut := 2*line + 1; cut < len(full); cut++ {
		if err := os.WriteFile(name, full[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		if at, ok, err := s.Take(t.Context(), "g", "t\n", "me", time.Hour); err != nil || !ok || at != 2 {
			t.Fatalf("cut at %d: offset %d, %v (%v), want 2", cut, at, ok, err)
		}
		s.Close()
	}
	hurt := bytes.Clone(full)
	hurt[line/2] ^= 1
	if err := os.WriteFile(name, hurt, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "groups is damaged at byte 0") {
		t.Errorf("damage in the middle: %v", err)
	}
}

func TestNames(t *testing.T) {
	s := open(t, t.TempDir())
	for _, name := range []string{".", "..", "../x", "a/b", "%2E", "ü", "\x00", "CON"} {
		appendTo(t, s, name, name)
	}
	for _, name := range []string{"", strings.Repeat("x", 256), strings.Repeat("/", 100)} {
		if _, err := s.Append(t.Context(), name, [][]byte{{1}}); err == nil {
			t.Errorf("topic %.20q: no error", name)
		}
	}
	dir := s.dir
	s.Close()
	s = open(t, dir)
	topics, err := s.Topics(t.Context())
	if err != nil || len(topics) != 8 {
		t.Errorf("topics %q (%v), want all eight", topics, err)
	}
	for _, name := range topics {
		if got, err := all(s, name); err != nil || len(got) != 1 || got[0] != name {
			t.Errorf("topic %q holds %q (%v)", name, got, err)
		}
	}
	err = filepath.WalkDir(filepath.Dir(dir), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(p, dir) {
			t.Errorf("a file was written outside of the folder: %s", p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// FuzzOpen: whatever a segment holds, opening and reading it ends, in records or
// an error.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Append(context.Background(), "t", [][]byte{[]byte("a"), []byte("b")}); err != nil {
		f.Fatal(err)
	}
	name := s.topics["t"].segments[0].name
	s.Close()
	good, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		folder := filepath.Join(dir, "topics", "t")
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "00000000000000000000.seg"), b, 0o644)); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir)
		if err != nil {
			return
		}
		defer s.Close()
		if _, err := all(s, "t"); err == nil {
			if _, err := s.Append(t.Context(), "t", [][]byte{[]byte("more")}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
