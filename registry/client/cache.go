package client

import (
	"container/list"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// A cache holds answers that cannot change, or whose change a running program
// need not notice: a schema that was registered when a publisher started.
type cache struct {
	kept memory

	mu   sync.Mutex // guards the fields below
	gone map[any]refusal
	at   moment
}

// A moment counts what this client has written: an answer to a question from
// before may say what is no longer so.
type moment struct{ writes, deletions int }

// The keys of the cache; their types keep them apart.
type (
	idKey      uint32             // → lang.Source
	guidKey    string             // → api.SchemaString
	textKey    uint32             // → api.SchemaString
	versionKey api.SubjectVersion // → *lang.Source; the subject is qualified
	askedKey   [sha256.Size]byte  // → api.Schema
	pageKey    string             // → page; path and query of a GET
)

// A page is an answer that the server can be asked about by its ETag.
type page struct {
	etag string
	body []byte
}

// keyOf identifies a question about a subject.
func keyOf(subject string, req api.RegisterRequest, query string) askedKey {
	text, err := json.Marshal([]any{subject, req, query})
	if err != nil {
		// Strings and numbers always encode.
		panic(err)
	}
	return sha256.Sum256(text)
}

// cached returns the answer under a key if it is kept.
func cached[V any](c *cache, key any) (V, bool) {
	v, ok := c.kept.get(key)
	if !ok {
		var none V
		return none, false
	}
	return v.(V), true
}

// A refusal is an answer that says "there is none".
type refusal struct {
	err   error
	until time.Time
}

// maxRefusals bounds how many are remembered; they live shortly, so that starting
// afresh costs little.
const maxRefusals = 10_000

// refused returns the error that the registry gave lately, or nil.
func (c *cache) refused(key any, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.gone[key]
	if !ok || !now.Before(r.until) {
		delete(c.gone, key)
		return nil
	}
	return r.err
}

// now returns the moment at which a question is asked.
func (c *cache) now() moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// keep remembers an answer, unless something was deleted since it was asked for.
func (c *cache) keep(key, value any, asked moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.deletions == asked.deletions {
		c.kept.put(key, value)
	}
}

// refuse remembers that there is none, until a time, unless something was written
// since it was asked for.
func (c *cache) refuse(key any, err error, until time.Time, asked moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.writes != asked.writes {
		return
	}
	if c.gone == nil || len(c.gone) >= maxRefusals {
		c.gone = map[any]refusal{}
	}
	c.gone[key] = refusal{err, until}
}

// hope forgets every refusal: this client has written something.
func (c *cache) hope() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written()
}

// written is called with mu held.
func (c *cache) written() {
	c.gone = nil
	c.at.writes++
}

// deleted forgets what a deletion may have made untrue: which questions about
// subjects were answered, and what the numbers of versions stand for, as numbers
// start again after the last version is gone for good. What ids mean stays.
func (c *cache) deleted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written()
	c.at.deletions++
	c.kept.drop(func(key any) bool {
		switch key.(type) {
		case askedKey, versionKey:
			return true
		}
		return false
	})
}

// A memory is a map for concurrent use that drops what was not used for longest
// once it holds more than its bounds. The zero memory holds nothing.
type memory struct {
	entries int   // bound on their number
	bytes   int64 // bound on the sum of their sizes, about

	mu    sync.Mutex // guards the fields below
	index map[any]*list.Element
	used  list.List // of *entry, the last used first
	size  int64
}

type entry struct {
	key   any
	value any
	size  int64
}

func (m *memory) get(key any) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.index[key]
	if !ok {
		return nil, false
	}
	m.used.MoveToFront(e)
	return e.Value.(*entry).value, true
}

func (m *memory) put(key, value any) {
	size := sizeOf(value)
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.index[key]; ok {
		m.remove(old)
	}
	if m.entries < 1 || size > m.bytes {
		return
	}
	if m.index == nil {
		m.index = map[any]*list.Element{}
	}
	m.index[key] = m.used.PushFront(&entry{key, value, size})
	m.size += size
	for m.used.Len() > m.entries || m.size > m.bytes {
		m.remove(m.used.Back())
	}
}

func (m *memory) drop(doomed func(key any) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.index {
		if doomed(key) {
			m.remove(e)
		}
	}
}

// remove is called with mu held.
func (m *memory) remove(e *list.Element) {
	gone := m.used.Remove(e).(*entry)
	delete(m.index, gone.key)
	m.size -= gone.size
}

// overhead is about what an entry costs beside its texts.
const overhead = 300

// sizeOf estimates the bytes that a value keeps alive. Texts that several values
// share count for each.
func sizeOf(value any) int64 {
	switch v := value.(type) {
	case lang.Source:
		return sizeOfSource(v, map[*lang.Source]bool{})
	case *lang.Source:
		return sizeOfSource(*v, map[*lang.Source]bool{})
	case api.Schema:
		return int64(overhead + len(v.Schema))
	case api.SchemaString:
		return int64(overhead + len(v.Schema))
	case page:
		return int64(overhead + len(v.body))
	}
	return overhead
}

// sizeOfSource counts a text that is drawn in several times once; counted are those
// so far.
func sizeOfSource(s lang.Source, counted map[*lang.Source]bool) int64 {
	size := int64(overhead + len(s.Text))
	for _, ref := range s.References {
		size += overhead
		if ref.Source != nil && !counted[ref.Source] {
			counted[ref.Source] = true
			size += sizeOfSource(*ref.Source, counted)
		}
	}
	return size
}
