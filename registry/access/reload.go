package access

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often files are looked at, at most.
const lookEvery = time.Second

// A reloading value is made from files and made again when one changes. A change
// that cannot be read is reported once and leaves the old value in place.
type reloading[T any] struct {
	paths  []string
	load   func() (T, error)
	report func(error)

	value  atomic.Pointer[T]
	looked atomic.Int64 // nanoseconds since 1970

	mu   sync.Mutex // guards the field below
	seen []os.FileInfo
}

// newReloading loads the value for the first time; an error then is final.
func newReloading[T any](load func() (T, error), report func(error), paths ...string) (*reloading[T], error) {
	r := &reloading[T]{paths: paths, load: load, report: report}
	seen, err := r.stat()
	if err != nil {
		return nil, err
	}
	v, err := load()
	if err != nil {
		return nil, err
	}
	r.seen = seen
	r.value.Store(&v)
	r.looked.Store(time.Now().UnixNano())
	return r, nil
}

// get returns the value of the files as they are now, or were a second ago.
func (r *reloading[T]) get() T {
	last, now := r.looked.Load(), time.Now().UnixNano()
	if now-last >= int64(lookEvery) && r.looked.CompareAndSwap(last, now) {
		r.refresh()
	}
	return *r.value.Load()
}

// refresh loads the value again if a file has changed.
func (r *reloading[T]) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := r.stat()
	if err != nil {
		if r.seen != nil {
			r.report(fmt.Errorf("the old content stays in use: %w", err))
		}
		r.seen = nil
		return
	}
	if same(now, r.seen) {
		return
	}
	// Remembered also if it does not load: the next change is another chance.
	r.seen = now
	v, err := r.load()
	if err != nil {
		r.report(fmt.Errorf("the old content stays in use: %w", err))
		return
	}
	r.value.Store(&v)
}

func (r *reloading[T]) stat() ([]os.FileInfo, error) {
	out := make([]os.FileInfo, len(r.paths))
	for i, p := range r.paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		out[i] = info
	}
	return out, nil
}

// same compares what a new file cannot all have in common with an old one.
func same(a, b []os.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() || !os.SameFile(a[i], b[i]) {
			return false
		}
	}
	return true
}
