package membus

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/wireproof/wireproof/event"
)

const (
	// chunkRecords and chunkBytes bound a chunk, unless one message is larger: few
	// enough that a message which somebody keeps holds little, and enough that
	// chunks are no cost.
	chunkRecords = 512
	chunkBytes   = 64 << 10

	// maxMessage bounds a message in bytes, so that a record can be small. Headers
	// without names and values take two bytes each that are not counted.
	maxMessage = 1 << 30

	// A partition's first chunk is small, and each may hold twice as much as the one
	// before, so that many topics with little in them take little.
	firstRecords = 16
	firstBytes   = 1 << 10
)

// A partition is a log whose first message has offset base. It is kept in chunks, so
// that it grows without being copied and is forgotten without being moved.
type partition struct {
	base   int64
	count  int
	chunks []*chunk // without gaps; never empty chunks
}

// A chunk holds messages as bytes, without pointers into other memory: however many
// are kept, the garbage collector has nothing to follow. What is in it never changes.
type chunk struct {
	first   int64 // offset of records[0]
	records []record
	data    []byte
}

// A record says where the bytes of a message are: its key, its payload, and its
// headers, each as a name and a value with their lengths before them.
type record struct {
	sec     int64 // Unix time
	nsec    uint32
	at      uint32 // in data
	key     int32  // bytes; -1 is no key
	payload int32  // bytes; -1 is a tombstone
	headers uint32 // how many
	size    uint32 // as sizeOf counts it
}

func (r *record) time() time.Time { return time.Unix(r.sec, int64(r.nsec)) }

func (p *partition) end() int64 { return p.base + int64(p.count) }

// append stores a copy of m, made at t if m does not say when.
func (p *partition) append(m *event.Message, size int, now func() time.Time) {
	room := size
	for _, h := range m.Headers {
		room += uvarintLen(len(h.Key)) + uvarintLen(len(h.Value)+1)
	}
	c := p.chunkFor(room)
	made := m.Time
	if made.IsZero() {
		made = now()
	}
	c.records = append(c.records, record{
		sec: made.Unix(), nsec: uint32(made.Nanosecond()), at: uint32(len(c.data)),
		key: int32(length(m.Key)), payload: int32(length(m.Payload)), headers: uint32(len(m.Headers)), size: uint32(size),
	})
	// The room is there: what is appended within it writes no pointer, which the garbage
	// collector would have to be told of.
	data := c.data[len(c.data) : len(c.data)+room]
	c.data = c.data[:len(c.data)+room]
	at := copy(data, m.Key)
	at += copy(data[at:], m.Payload)
	for _, h := range m.Headers {
		at += binary.PutUvarint(data[at:], uint64(len(h.Key)))
		at += copy(data[at:], h.Key)
		at += binary.PutUvarint(data[at:], uint64(length(h.Value)+1))
		at += copy(data[at:], h.Value)
	}
	p.count++
}

// length is that of b, -1 if b is nil.
func length(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

func uvarintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

// chunkFor returns the last chunk if it has room for one more record, or a new one.
func (p *partition) chunkFor(room int) *chunk {
	records, bytes := firstRecords, firstBytes
	if n := len(p.chunks); n > 0 {
		c := p.chunks[n-1]
		if len(c.records) < cap(c.records) && len(c.data)+room <= cap(c.data) {
			return c
		}
		// As many bytes as such messages will take, and an eighth more.
		records = min(2*cap(c.records), chunkRecords)
		each := 1 + len(c.data)/len(c.records)
		bytes = min(records*each*9/8, chunkBytes)
	}
	c := &chunk{first: p.end(), records: make([]record, 0, records), data: make([]byte, 0, max(bytes, room))}
	p.chunks = append(p.chunks, c)
	return c
}

// oldest returns the size of the first message.
func (p *partition) oldest() int {
	return int(p.chunks[0].records[p.base-p.chunks[0].first].size)
}

// forget removes the first message.
func (p *partition) forget() {
	p.base++
	p.count--
	if c := p.chunks[0]; int(p.base-c.first) == len(c.records) {
		p.chunks[0] = nil
		p.chunks = p.chunks[1:]
	}
}

// A span is messages that follow each other. They do not change, so that they can be
// read while the partition goes on.
type span struct {
	records []record
	data    []byte // what the records point into
}

// view appends to spans those of n messages from an offset on, which are kept.
func (p *partition) view(spans []span, offset int64, n int) []span {
	if n <= 0 {
		return spans
	}
	i := sort.Search(len(p.chunks), func(i int) bool { return p.chunks[i].first > offset }) - 1
	for ; n > 0; i++ {
		c := p.chunks[i]
		rs := c.records[offset-c.first:]
		rs = rs[:min(len(rs), n)]
		spans = append(spans, span{rs, c.data})
		offset += int64(len(rs))
		n -= len(rs)
	}
	return spans
}

// A reader turns records into messages.
type reader struct {
	headers event.Headers // room for those of what is still to be read
	names   []string      // of the headers of the last message, whose memory the next can share
}

// newReader returns one for spans.
func newReader(spans []span, names []string) reader {
	total := 0
	for _, s := range spans {
		for i := range s.records {
			total += int(s.records[i].headers)
		}
	}
	r := reader{names: names}
	if total > 0 {
		r.headers = make(event.Headers, total)
	}
	return r
}

// read sets everything of m but its topic. Its bytes are those of the log.
func (r *reader) read(m *event.Message, s span, i int) {
	rec := &s.records[i]
	data := s.data[rec.at:]
	m.Key, data = cut(data, int(rec.key))
	m.Payload, data = cut(data, int(rec.payload))
	m.Time = rec.time()
	if n := rec.headers; n > 0 {
		m.Headers, r.headers = r.headers[:n:n], r.headers[n:]
		r.names = readHeaders(m.Headers, data, r.names)
	}
}

// cut returns the first n bytes of data, nil if n is -1, and the rest.
func cut(data []byte, n int) (first, rest []byte) {
	if n < 0 {
		return nil, data
	}
	return data[:n:n], data[n:]
}

// readHeaders fills hs. A name is that of names at its place if it reads the same.
func readHeaders(hs event.Headers, data []byte, names []string) []string {
	names = slices.Grow(names[:min(len(names), len(hs))], len(hs))
	for i := range hs {
		n, l := binary.Uvarint(data)
		name := data[l : l+int(n)]
		if i == len(names) {
			names = append(names, string(name))
		} else if names[i] != string(name) {
			names[i] = string(name)
		}
		hs[i].Key = names[i]
		data = data[l+int(n):]
		n, l = binary.Uvarint(data)
		hs[i].Value, data = cut(data[l:], int(n)-1)
	}
	return names
}
