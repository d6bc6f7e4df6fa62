package filestore

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// A payload that is made of what looks like frames does not keep a torn tail from being
// cut off for long.
func TestTornTailOfManyHeads(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	appendTo(t, s, "t", "whole")
	name := s.topics["t"].segments[0].name
	const size = 8 << 20 // minutes, if each head were followed
	var payload []byte
	for at := 0; at+frameHead <= size; at += frameHead {
		head := make([]byte, frameHead)
		copy(head, frameMagic[:])
		binary.BigEndian.PutUint64(head[4:], 2)
		binary.BigEndian.PutUint32(head[12:], 1)
		binary.BigEndian.PutUint32(head[16:], uint32(max(size-at-3*frameHead, 0)))
		payload = append(payload, head...)
	}
	appendTo(t, s, "t", string(payload))
	s.Close()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-10); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	s = open(t, dir)
	if past := time.Since(begin); past > 30*time.Second {
		t.Errorf("opened after %v", past)
	}
	if got, err := all(s, "t"); err != nil || len(got) != 1 {
		t.Errorf("%d records (%v), want the one that was whole", len(got), err)
	}
}

// The sum of a part is that of the part.
func TestSums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 5*sumEach+7)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	s := sumsOf(b)
	for range 2000 {
		i := r.IntN(len(b) + 1)
		j := i + r.IntN(len(b)-i+1)
		before := b[:r.IntN(40)]
		want := crc32.Update(crc32.Update(0, table, before), table, b[i:j])
		if got := s.after(crc32.Checksum(before, table), i, j); got != want {
			t.Fatalf("the sum of %d bytes and [%d:%d] is %08x, want %08x", len(before), i, j, got, want)
		}
	}
}
