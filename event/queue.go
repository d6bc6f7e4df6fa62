package event

// A fifo is a list of entries through their next field.
type fifo struct {
	head, tail *entry
	n          int
}

func (f *fifo) push(e *entry) {
	f.n++
	e.next = nil
	if f.head == nil {
		f.head = e
	} else {
		f.tail.next = e
	}
	f.tail = e
}

// pop returns nil if the list is empty.
func (f *fifo) pop() *entry {
	e := f.head
	if e == nil {
		return nil
	}
	f.n--
	f.head, e.next = e.next, nil
	return e
}

// A ring is a queue of entries that grows by doubling.
type ring struct {
	buf   []*entry // its length is a power of two
	start int
	n     int
}

func (r *ring) push(e *entry) {
	if r.n == len(r.buf) {
		bigger := make([]*entry, max(64, 2*len(r.buf)))
		for i := range r.n {
			bigger[i] = r.buf[(r.start+i)&(len(r.buf)-1)]
		}
		r.buf, r.start = bigger, 0
	}
	r.buf[(r.start+r.n)&(len(r.buf)-1)] = e
	r.n++
}

// front and pop want a ring that is not empty.
func (r *ring) front() *entry { return r.buf[r.start] }

func (r *ring) pop() *entry {
	e := r.buf[r.start]
	r.buf[r.start] = nil
	r.start = (r.start + 1) & (len(r.buf) - 1)
	r.n--
	return e
}

// A dueHeap gives the entry that is due first; of those due together, the one
// with the lower seq. Waits that RetryIn asked for may differ from their
// level's, so the head of a retry topic need not be the first due.
type dueHeap []*entry

func (h *dueHeap) push(e *entry) {
	*h = append(*h, e)
	h.up(len(*h) - 1)
}

func (h dueHeap) less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}

func (h dueHeap) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
}

// remove takes out the entry at index i.
func (h *dueHeap) remove(i int) *entry {
	q := *h
	e, last := q[i], len(q)-1
	q[i], q[last] = q[last], nil
	*h = q[:last]
	if i < last {
		h.up(i)
		h.down(i)
	}
	return e
}

func (h dueHeap) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}
