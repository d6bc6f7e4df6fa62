package filestore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

const (
	fileMagic   = "wplog1\r\n"
	fileHead    = len(fileMagic) + 8 + 4 // magic, salt, sum
	frameHead   = 4 + 8 + 4 + 4 + 4
	indexEach   = 64 << 10 // bytes between entries of the index
	maxFrame    = 1 << 30
	scanBuffer  = 1 << 20
	recordsMost = 1 << 28
)

var (
	frameMagic = [4]byte{0x9e, 'w', 'p', 0x17}
	table      = crc32.MakeTable(crc32.Castagnoli)
)

// A segment is one file.
type segment struct {
	name  string
	file  file
	first int64
	salt  [8]byte

	size int64 // used by the one who writes, and while the folder is opened

	mu      sync.Mutex // guards the fields below
	end     int64      // offset behind its last record
	index   []entry    // ascending
	indexed int64      // how much of the file the index covers
	next    int64      // the record at indexed
	readers int
	retired bool // close the file when nobody reads
}

// An entry says where a frame is.
type entry struct{ offset, at int64 }

// A syncError is one after which nobody knows what the disk holds.
type syncError struct{ err error }

func (e *syncError) Error() string { return e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }

// A damageError names the place of damage.
type damageError struct {
	name string
	at   int64
	what string
}

func (e *damageError) Error() string {
	return fmt.Sprintf("filestore: %s is damaged at byte %d: %s; restore the file from a copy", e.name, e.at, e.what)
}

func damaged(name string, at int64, what string, args ...any) error {
	return &damageError{name, at, fmt.Sprintf(what, args...)}
}

// errRemoved is the error of a segment that was trimmed.
var errRemoved = errors.New("the segment was removed")

// openSegment opens a file and reads its head; a file that has none yet gets one.
func (s *Store) openSegment(name string, first int64) (*segment, error) {
	f, err := s.open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	seg := &segment{name: name, file: f, first: first, end: first, next: first, indexed: int64(fileHead)}
	if err := seg.head(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return seg, nil
}

func (s *segment) head() error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	s.size = info.Size()
	head := make([]byte, fileHead)
	if s.size >= int64(fileHead) {
		if _, err := s.file.ReadAt(head, 0); err != nil {
			return fmt.Errorf("filestore: read %s: %w", s.name, err)
		}
	}
	// A frame is written when the head is on the disk: a file of nothing but zeros,
	// no longer than a head, is one that a crash came before.
	if s.size > int64(fileHead) || s.size == int64(fileHead) && !bytes.Equal(head, make([]byte, fileHead)) {
		if string(head[:len(fileMagic)]) != fileMagic {
			return damaged(s.name, 0, "it does not begin as a segment does")
		}
		if sum := crc32.Checksum(head[:fileHead-4], table); binary.BigEndian.Uint32(head[fileHead-4:]) != sum {
			return damaged(s.name, 0, "the sum of its head is wrong")
		}
		copy(s.salt[:], head[len(fileMagic):])
		return nil
	}
	copy(head, fileMagic)
	rand.Read(s.salt[:])
	copy(head[len(fileMagic):], s.salt[:])
	binary.BigEndian.PutUint32(head[fileHead-4:], crc32.Checksum(head[:fileHead-4], table))
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	if _, err := s.file.WriteAt(head, 0); err != nil {
		return fmt.Errorf("filestore: write %s: %w", s.name, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("filestore: sync %s: %w", s.name, err)
	}
	s.size = int64(fileHead)
	return nil
}

// recover reads the whole segment and cuts off a last frame that was not finished.
func (s *segment) recover() error {
	at := int64(fileHead)
	for at < s.size {
		f, err := s.frame(at, s.next)
		var no *damageError
		switch {
		case errors.As(err, &no):
			return s.cut(at, err)
		case err != nil: // what cannot be read may be whole
			return err
		}
		s.note(f, at)
		at += f.length
	}
	s.end = s.next
	return nil
}

// cut removes what begins at a place where no valid frame is, unless there is one
// behind it: then it is no crash, but damage.
func (s *segment) cut(at int64, cause error) error {
	rest := make([]byte, s.size-at)
	if _, err := s.file.ReadAt(rest, at); err != nil {
		return fmt.Errorf("filestore: read %s: %w", s.name, err)
	}
	sums := sumsOf(rest)
	for i := 1; ; i++ {
		n := bytes.Index(rest[min(i, len(rest)):], frameMagic[:])
		if n < 0 {
			break
		}
		if i += n; !s.mayBegin(sums, i) {
			continue
		}
		if f, err := s.frameIn(rest[i:], at+int64(i), -1); err == nil && f.first >= s.next {
			return damaged(s.name, at, "%v, and a whole frame begins at byte %d", cause, at+int64(i))
		}
	}
	if err := s.file.Truncate(at); err != nil {
		return fmt.Errorf("filestore: cut %s to its %d whole bytes: %w", s.name, at, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("filestore: sync %s: %w", s.name, err)
	}
	s.size, s.end = at, s.next
	return nil
}

// mayBegin reports whether a frame whose sum is right begins at b[i] of sums.
func (s *segment) mayBegin(sums *sums, i int) bool {
	b := sums.b[i:]
	if len(b) < frameHead {
		return false
	}
	n := int64(binary.BigEndian.Uint32(b[16:]))
	if n > int64(len(b)-frameHead) {
		return false
	}
	return sums.after(s.sum(b[:20], nil), i+frameHead, i+frameHead+int(n)) == binary.BigEndian.Uint32(b[20:])
}

// A frame is one write.
type frame struct {
	first, length int64
	count         int
	body          []byte
}

// frame reads the frame at a place; first is the offset that it has to have.
func (s *segment) frame(at, first int64) (*frame, error) {
	head := make([]byte, frameHead)
	if _, err := s.file.ReadAt(head, at); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, damaged(s.name, at, "the file ends in the head of a frame")
		}
		return nil, fmt.Errorf("filestore: read %s: %w", s.name, err)
	}
	n := int64(binary.BigEndian.Uint32(head[16:]))
	if [4]byte(head[:4]) != frameMagic || n > maxFrame {
		return nil, damaged(s.name, at, "no frame begins here")
	}
	b := make([]byte, int64(frameHead)+n)
	if m, err := s.file.ReadAt(b, at); m < len(b) {
		if errors.Is(err, io.EOF) {
			return nil, damaged(s.name, at, "the file ends in a frame")
		}
		return nil, fmt.Errorf("filestore: read %s: %w", s.name, err)
	}
	return s.frameIn(b, at, first)
}

// frameIn reads a frame at the beginning of b; a first of -1 may be any.
func (s *segment) frameIn(b []byte, at, first int64) (*frame, error) {
	if len(b) < frameHead || [4]byte(b[:4]) != frameMagic {
		return nil, damaged(s.name, at, "no frame begins here")
	}
	f := &frame{first: int64(binary.BigEndian.Uint64(b[4:])), count: int(binary.BigEndian.Uint32(b[12:]))}
	n := int(binary.BigEndian.Uint32(b[16:]))
	if n > len(b)-frameHead {
		return nil, damaged(s.name, at, "the file ends in a frame")
	}
	f.length, f.body = int64(frameHead+n), b[frameHead:frameHead+n]
	if want, got := binary.BigEndian.Uint32(b[20:]), s.sum(b[:20], f.body); want != got {
		return nil, damaged(s.name, at, "the sum of a frame is %08x, want %08x", got, want)
	}
	if f.count < 1 || f.count > recordsMost || first >= 0 && f.first != first {
		return nil, damaged(s.name, at, "a frame has %d records from offset %d, want offset %d", f.count, f.first, first)
	}
	return f, nil
}

func (s *segment) sum(head, body []byte) uint32 {
	return crc32.Update(crc32.Update(crc32.Update(0, table, s.salt[:]), table, head), table, body)
}

// note adds a frame to the index, if it is time for an entry. The caller holds mu,
// or is alone.
func (s *segment) note(f *frame, at int64) {
	if n := len(s.index); n == 0 || at-s.index[n-1].at >= indexEach {
		s.index = append(s.index, entry{f.first, at})
	}
	s.indexed, s.next = at+f.length, f.first+int64(f.count)
}

// write appends a frame and syncs. What could not be written is taken back.
func (s *segment) write(first int64, records [][]byte) error {
	size := 0
	for _, r := range records {
		size += len(r) + binary.MaxVarintLen32
	}
	b := make([]byte, frameHead, frameHead+size)
	for _, r := range records {
		b = append(binary.AppendUvarint(b, uint64(len(r))), r...)
	}
	n := len(b) - frameHead
	if n > maxFrame {
		return fmt.Errorf("filestore: %d records of %d bytes at once, want at most %d bytes", len(records), n, maxFrame)
	}
	copy(b, frameMagic[:])
	binary.BigEndian.PutUint64(b[4:], uint64(first))
	binary.BigEndian.PutUint32(b[12:], uint32(len(records)))
	binary.BigEndian.PutUint32(b[16:], uint32(n))
	binary.BigEndian.PutUint32(b[20:], s.sum(b[:20], b[frameHead:]))
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		err = fmt.Errorf("filestore: write %s: %w", s.name, err)
		if back := errors.Join(s.file.Truncate(s.size), s.file.Sync()); back != nil {
			return &syncError{errors.Join(err, fmt.Errorf("and it could not be taken back: %w", back))}
		}
		return err
	}
	if err := s.file.Sync(); err != nil {
		return &syncError{fmt.Errorf("filestore: sync %s: %w", s.name, err)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexed == s.size { // else the index is behind, and comes to it when it is read
		s.note(&frame{first: first, length: int64(len(b)), count: len(records)}, s.size)
	}
	s.size += int64(len(b))
	s.end = first + int64(len(records))
	return nil
}

// read returns records from an offset of the segment on, before end.
func (s *segment) read(from, end int64, records, size int) ([][]byte, error) {
	s.mu.Lock()
	if s.retired {
		s.mu.Unlock()
		return nil, errRemoved
	}
	s.readers++
	s.mu.Unlock()
	defer s.leave()
	at, offset, err := s.find(from)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for offset < end && len(out) < records {
		f, err := s.frame(at, offset)
		if err != nil {
			return nil, err
		}
		b := f.body
		for i := range f.count {
			n, k := binary.Uvarint(b)
			if k <= 0 || n > uint64(len(b)-k) {
				return nil, damaged(s.name, at, "record %d of a frame does not fit into it", i)
			}
			r := b[k : k+int(n) : k+int(n)]
			b = b[k+int(n):]
			if offset+int64(i) < from {
				continue
			}
			if size -= len(r); size < 0 && len(out) > 0 || len(out) == records {
				return out, nil
			}
			out = append(out, r)
		}
		at, offset = at+f.length, offset+int64(f.count)
	}
	return out, nil
}

// find returns the place of a frame at or before an offset, and its first record.
// A segment that was full when the folder was opened is indexed now, as far as is
// needed.
func (s *segment) find(from int64) (at, offset int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next <= from && s.next < s.end {
		f, err := s.frame(s.indexed, s.next)
		if err != nil {
			return 0, 0, err
		}
		s.note(f, s.indexed)
	}
	best := entry{s.first, int64(fileHead)}
	for low, high := 0, len(s.index); low < high; {
		mid := (low + high) / 2
		if s.index[mid].offset <= from {
			best, low = s.index[mid], mid+1
		} else {
			high = mid
		}
	}
	return best.at, best.offset, nil
}

func (s *segment) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	if s.retired && s.readers == 0 {
		_ = s.file.Close()
	}
}

// retire closes the file once nobody reads it.
func (s *segment) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	if s.readers == 0 {
		_ = s.file.Close()
	}
}
