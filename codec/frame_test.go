package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/wireproof/wireproof/codec"
)

func TestFrameBytes(t *testing.T) {
	t.Parallel()
	got := codec.AppendFrame([]byte("x"), 0x01020304)
	if want := []byte{'x', 0, 1, 2, 3, 4}; !bytes.Equal(got, want) {
		t.Errorf("AppendFrame = %x, want %x", got, want)
	}
}

func TestCutFrameRefuses(t *testing.T) {
	t.Parallel()
	for _, src := range [][]byte{nil, {}, {0}, {0, 0, 0, 1}, {1, 0, 0, 0, 1, 9}, []byte(`{"a":1}`)} {
		_, _, err := codec.CutFrame(src)
		if !errors.Is(err, codec.ErrNotFramed) || !errors.Is(err, codec.ErrUndecodable) {
			t.Errorf("CutFrame(%x) = %v, want ErrNotFramed, which is ErrUndecodable", src, err)
		}
	}
}

func TestIndexBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path []int
		want []byte
	}{
		{nil, []byte{0}},
		{[]int{0}, []byte{0}},
		{[]int{1}, []byte{2, 2}},
		{[]int{0, 0}, []byte{4, 0, 0}},
		{[]int{2, 0, 1}, []byte{6, 4, 0, 2}},
		{[]int{64}, []byte{2, 0x80, 1}},
	} {
		if got := codec.AppendIndexes(nil, c.path); !bytes.Equal(got, c.want) {
			t.Errorf("AppendIndexes(%v) = %x, want %x", c.path, got, c.want)
		}
	}
}

// Readers accept the long spelling of the shortcut.
func TestCutIndexesAcceptsEverySpellingOfTheFirstMessage(t *testing.T) {
	t.Parallel()
	for _, src := range [][]byte{{0, 'v'}, {2, 0, 'v'}, {0x80, 0, 'v'}, {2, 0x80, 0, 'v'}} {
		path, rest, err := codec.CutIndexes(src)
		if err != nil || !slices.Equal(path, []int{0}) || string(rest) != "v" {
			t.Errorf("CutIndexes(%x) = %v, %q, %v; want [0], \"v\"", src, path, rest, err)
		}
	}
}

func TestCutIndexesRefuses(t *testing.T) {
	t.Parallel()
	long := append(binary.AppendVarint(nil, 33), make([]byte, 40)...)
	for name, src := range map[string][]byte{
		"nothing":             {},
		"cut count":           {0x80},
		"cut index":           {4, 2},
		"cut index varint":    {2, 0x80},
		"negative count":      {1, 0, 0},
		"negative index":      {2, 1},
		"more than 32":        long,
		"more than there are": {64, 0, 0},
		"huge index":          binary.AppendVarint([]byte{2}, 1<<16),
		"overflowing varint":  bytes.Repeat([]byte{0xff}, 12),
		"largest count":       binary.AppendVarint(nil, math.MaxInt64),
		"smallest count":      binary.AppendVarint(nil, math.MinInt64),
		"largest index":       binary.AppendVarint([]byte{2}, math.MaxInt64),
	} {
		path, _, err := codec.CutIndexes(src)
		if !errors.Is(err, codec.ErrNotFramed) {
			t.Errorf("%s: CutIndexes(%x) = %v, %v; want ErrNotFramed", name, src, path, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(uint32(7), []byte("order"))
	f.Fuzz(func(t *testing.T, id uint32, value []byte) {
		gotID, got, err := codec.CutFrame(append(codec.AppendFrame(nil, id), value...))
		if err != nil || gotID != id || !bytes.Equal(got, value) {
			t.Fatalf("frame %d, %x came back as %d, %x, %v", id, value, gotID, got, err)
		}
	})
}

// Whatever is accepted has a usual spelling, which means the same.
func FuzzIndexes(f *testing.F) {
	f.Add([]byte{0, 'v'})
	f.Add([]byte{2, 0, 'v'})
	f.Add([]byte{6, 4, 0, 2})
	f.Add([]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, src []byte) {
		path, rest, err := codec.CutIndexes(src)
		if err != nil {
			if !errors.Is(err, codec.ErrNotFramed) {
				t.Fatalf("CutIndexes(%x) = %v, want ErrNotFramed", src, err)
			}
			return
		}
		if len(path) == 0 || len(path) > 32 || !bytes.HasSuffix(src, rest) {
			t.Fatalf("CutIndexes(%x) = %v, %x", src, path, rest)
		}
		again, rest2, err := codec.CutIndexes(append(codec.AppendIndexes(nil, path), rest...))
		if err != nil || !slices.Equal(again, path) || !bytes.Equal(rest2, rest) {
			t.Fatalf("indexes %v, %x came back as %v, %x, %v", path, rest, again, rest2, err)
		}
	})
}

func BenchmarkAppendFrame(b *testing.B) {
	for _, size := range []int{16, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("value=%dB", size), func(b *testing.B) {
			dst, value := []byte(nil), make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				dst = append(codec.AppendFrame(dst[:0], 42), value...)
			}
		})
	}
}
