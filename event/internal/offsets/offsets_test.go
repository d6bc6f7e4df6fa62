package offsets_test

import (
	"sync"
	"testing"

	"github.com/wireproof/wireproof/event/internal/offsets"
)

// The places that one goroutine gets ascend, and no two are the same.
func TestNextAscends(t *testing.T) {
	s := offsets.New()
	var mu sync.Mutex
	seen := map[offsets.Place]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last offsets.Place
			for range 5000 {
				p := s.Next()
				if p.Offset <= last.Offset || p.Partition < 1 {
					t.Errorf("%v came after %v", p, last)
					return
				}
				last = p
				mu.Lock()
				if seen[p] {
					t.Errorf("%v came twice", p)
				}
				seen[p] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// FuzzParse reads what it wrote, and nothing else but that.
func FuzzParse(f *testing.F) {
	f.Add("1-0", int32(1), int64(0))
	f.Add("7fffffff-7fffffffffffffff", int32(1<<31-1), int64(1<<63-1))
	f.Add("0-5", int32(3), int64(7))
	f.Add("1--5", int32(3), int64(7))
	f.Fuzz(func(t *testing.T, text string, partition int32, offset int64) {
		if p, ok := offsets.Parse(text); ok && p.String() != text {
			t.Errorf("%q is read as %v", text, p)
		}
		if partition > 0 && offset >= 0 {
			want := offsets.Place{Partition: partition, Offset: offset}
			if got, ok := offsets.Parse(want.String()); !ok || got != want {
				t.Errorf("%v came back as %v, %v", want, got, ok)
			}
		}
		if p := offsets.Of(text); p.Partition != 0 || p.Offset < 0 || p != offsets.Of(text) {
			t.Errorf("%q has the place %v", text, p)
		}
	})
}

// Keys of one publisher are partitions, and so is one key of several.
func TestKeyed(t *testing.T) {
	p, q := offsets.Place{Partition: 5, Offset: 9}, offsets.Place{Partition: 6, Offset: 9}
	a, b := p.Keyed([]byte("a")), p.Keyed([]byte("b"))
	if a == b || a == q.Keyed([]byte("a")) || a != p.Keyed([]byte("a")) || a.Offset != 9 || a.Partition < 1 {
		t.Errorf("places are %v and %v", a, b)
	}
}
