package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/wireproof/wireproof/registry"
)

// A rendered body is ready to be sent. Header values are slices, as net/http
// keeps them, so that sending one again allocates nothing for it.
type rendered struct {
	body       []byte
	length     []string
	packed     []byte // nil if packing gains nothing
	packedSize []string
	tag        atomic.Pointer[[]string] // once somebody has asked for it
}

const gzipFrom = 1400 // bytes; what fits a packet gains nothing

// encode returns a reply as bytes.
func (out *reply) encode() ([]byte, error) {
	if out.json == nil {
		return []byte(out.text), nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out.json); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func render(body []byte) *rendered {
	return &rendered{body: body, length: []string{strconv.Itoa(len(body))}}
}

// etag returns the ETag, which most answers are sent without.
func (b *rendered) etag() []string {
	if tag := b.tag.Load(); tag != nil {
		return *tag
	}
	sum := sha256.Sum256(b.body)
	// Weak, because a packed body has the same.
	tag := []string{`W/"` + hex.EncodeToString(sum[:8]) + `"`}
	b.tag.Store(&tag)
	return tag
}

// pack adds the packed form of a body that is long enough.
func (b *rendered) pack() {
	if len(b.body) < gzipFrom || b.packed != nil {
		return
	}
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	zip.Write(b.body) // a bytes.Buffer takes everything
	zip.Close()
	b.packed, b.packedSize = buf.Bytes(), []string{strconv.Itoa(buf.Len())}
}

// maxKept bounds the bytes of answers that are kept; for each answer there may be
// keptEach more, so that those of a large registry of small schemas all are.
const (
	maxKept  = 8 << 20
	keptEach = 512
	pageSize = 8 << 10 // bytes of a page1024
)

// answers keeps what is asked for by id, which clients that start do all at
// once. The zero value is ready; it is safe for concurrent use.
type answers struct {
	mu      sync.RWMutex // guards the fields below
	pages   map[int]*page1024
	lengths map[int][]string // as header values, shared by all of one length
	count   int
	bytes   int // of the answers and of the pages
}

// A page1024 is the answers of neighbouring ids. Ids are dense: their answers are
// found by touching less memory than a map of each would.
type page1024 [1024]*keptAnswer

// A keptAnswer is that of a version.
type keptAnswer struct {
	valid atomic.Int64 // the registry's offset at which it was the answer last
	rendered
	time    int64
	deleted bool
	guid    string
}

// of returns what is kept for an id. mu is held.
func (a *answers) of(id int) *keptAnswer {
	if page := a.pages[id>>10]; page != nil {
		return page[id&1023]
	}
	return nil
}

// at returns the answer for an id, if it is kept and nothing was written since it
// was given last. Thus most requests touch little of the memory of a large registry.
func (a *answers) at(id int, now registry.Offset) *rendered {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if k := a.of(id); k != nil && k.valid.Load() == int64(now) {
		return &k.rendered
	}
	return nil
}

// get returns the answer about a version, if it is kept. now is the registry's
// offset from before the version was looked up.
func (a *answers) get(v *registry.Version, now registry.Offset) *rendered {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if k := a.of(v.ID); k != nil && k.guid == v.GUID && k.time == v.Time && k.deleted == v.Deleted {
		k.valid.Store(int64(now))
		return &k.rendered
	}
	return nil
}

// put keeps the answer about a version, and returns it; see get for now.
func (a *answers) put(v *registry.Version, body []byte, now registry.Offset) *rendered {
	k := &keptAnswer{rendered: rendered{body: body}, time: v.Time, deleted: v.Deleted, guid: v.GUID}
	k.valid.Store(int64(now))
	k.pack()
	size := len(k.body) + len(k.packed)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pages == nil || a.bytes+size > maxKept+keptEach*a.count {
		a.pages, a.lengths, a.count, a.bytes = map[int]*page1024{}, map[int][]string{}, 0, 0
	}
	n := len(body)
	if a.lengths[n] == nil {
		a.lengths[n] = []string{strconv.Itoa(n)}
	}
	k.length = a.lengths[n]
	page := a.pages[v.ID>>10]
	if page == nil {
		page = &page1024{}
		a.pages[v.ID>>10] = page
		a.bytes += pageSize
	}
	if old := page[v.ID&1023]; old != nil {
		a.count--
		a.bytes -= len(old.body) + len(old.packed)
	}
	page[v.ID&1023] = k
	a.count++
	a.bytes += size
	return &k.rendered
}
