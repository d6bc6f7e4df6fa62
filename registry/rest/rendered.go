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
	body, packed       []byte // packed is nil if packing gains nothing
	length, packedSize []string
	tag                atomic.Pointer[[]string] // once somebody has asked for it
	valid              atomic.Int64             // the registry's offset at which it was the answer last
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

// maxKept bounds the bytes of answers that are kept.
const maxKept = 8 << 20

// answers keeps what is asked for by id, which clients that start do all at
// once. The zero value is ready; it is safe for concurrent use.
type answers struct {
	mu      sync.RWMutex // guards the fields below
	byID    map[int]keptAnswer
	lengths map[int][]string // as header values, shared by all of one length
	bytes   int
}

// A keptAnswer is valid for the version that it was made from.
type keptAnswer struct {
	guid    string
	time    int64
	deleted bool
	*rendered
}

// at returns the answer for an id, if it is kept and nothing was written since it
// was given last. Thus most requests touch little of the memory of a large registry.
func (a *answers) at(id int, now registry.Offset) *rendered {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if b := a.byID[id].rendered; b != nil && b.valid.Load() == int64(now) {
		return b
	}
	return nil
}

// get returns the answer about a version, if it is kept. now is the registry's
// offset from before the version was looked up.
func (a *answers) get(v *registry.Version, now registry.Offset) *rendered {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if k := a.byID[v.ID]; k.guid == v.GUID && k.time == v.Time && k.deleted == v.Deleted && k.rendered != nil {
		k.valid.Store(int64(now))
		return k.rendered
	}
	return nil
}

func (a *answers) put(v *registry.Version, b *rendered) {
	b.pack()
	size := len(b.body) + len(b.packed)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil || a.bytes+size > maxKept {
		a.byID, a.lengths, a.bytes = map[int]keptAnswer{}, map[int][]string{}, 0
	}
	if n := len(b.body); a.lengths[n] == nil {
		a.lengths[n] = b.length
	} else {
		b.length = a.lengths[n]
	}
	a.byID[v.ID] = keptAnswer{v.GUID, v.Time, v.Deleted, b}
	a.bytes += size
}
