package registry

import (
	"fmt"
	"testing"
)

// A memory is bounded in entries and in bytes, and keeps what is used.
func TestMemory(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			var m memory[int, string]
			most := min(2*generationEntries, 2*(generationBytes/size+1))
			m.put(-1, "used", size)
			for i := range 3 * generationEntries {
				m.put(i, "x", size)
				if v, ok := m.get(-1); !ok || v != "used" {
					t.Fatalf("after %d others: %q, %v, want what is used all the time", i, v, ok)
				}
				if got := len(m.now) + len(m.old); got > most {
					t.Fatalf("after %d entries of %d bytes: %d are kept, want at most %d", i, size, got, most)
				}
			}
			if _, ok := m.get(0); ok {
				t.Error("nothing is ever forgotten")
			}
		})
	}
}
