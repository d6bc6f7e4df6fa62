package filestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever appends has its answer once its records are on the disk, however many
// others go on appending.
func TestNobodyWritesForOthersForEver(t *testing.T) {
	s, err := openWith(t.TempDir(), func(name string, flag int) (file, error) {
		x, err := openFile(name, flag)
		return &slowFile{x}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const writers, appends, least = 64, 10_000, 15
	var total atomic.Int64
	var counts [writers]int
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for total.Add(1) <= appends {
				if _, err := s.Append(t.Context(), "t", [][]byte{{byte(w)}}); err != nil {
					t.Error(err)
					return
				}
				counts[w]++
				time.Sleep(rand.N(2 * time.Millisecond))
			}
		})
	}
	wg.Wait()
	for w, n := range counts {
		if n < least {
			t.Errorf("writer %d of %d has appended %d times of %d in all, want %d at least", w, writers, n, appends, least)
		}
	}
}

// A slowFile takes a moment to be synced, as a disk does.
type slowFile struct{ file }

func (x *slowFile) Sync() error {
	time.Sleep(time.Millisecond)
	return x.file.Sync()
}

// Somebody who reads while what he reads is trimmed goes on with the oldest that is
// kept.
func TestReadWhileTrimmed(t *testing.T) {
	s := open(t, t.TempDir(), SegmentBytes(4<<10))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := s.Read(context.Background(), "t", 0, 1, 1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	record := []byte(strings.Repeat("x", 4<<10))
	for range 250 {
		first, err := s.Append(t.Context(), "t", [][]byte{record})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Trim(t.Context(), "t", first); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			break
		}
	}
	stop()
	wg.Wait()
}

// A disk that cannot be read for a moment is an error of Open, and not the end of
// what was acknowledged.
func TestOpenCannotRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 3 {
		appendTo(t, s, "t", fmt.Sprint("record ", i))
	}
	s.Close()
	sick := errors.New("input/output error")
	for failing := 1; ; failing++ {
		reads := 0
		f := func(name string, flag int) (file, error) {
			x, err := openFile(name, flag)
			if err != nil || !strings.HasSuffix(name, ".seg") {
				return x, err
			}
			return &sickFile{x, func() error {
				if reads++; reads == failing {
					return sick
				}
				return nil
			}}, nil
		}
		s, err := openWith(dir, f)
		if err == nil {
			s.Close()
		}
		if failed := reads >= failing; failed != errors.Is(err, sick) {
			t.Errorf("read %d of %d fails: %v", failing, reads, err)
		} else if !failed {
			break
		}
	}
	s = open(t, dir)
	if got, err := all(s, "t"); err != nil || strings.Join(got, ",") != "record 0,record 1,record 2" {
		t.Errorf("%q (%v), want all three records", got, err)
	}
}

// A sickFile fails to be read when it is told to.
type sickFile struct {
	file
	err func() error
}

func (x *sickFile) ReadAt(b []byte, off int64) (int, error) {
	if err := x.err(); err != nil {
		return 0, err
	}
	return x.file.ReadAt(b, off)
}
