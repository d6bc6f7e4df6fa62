package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// A parser is the languages with a memory. Parsing is a pure function, so what
// it remembers changes only how long a decision takes.
type parser struct {
	languages []lang.Language
	limits    Limits
	stored    memory[*content, lang.Schema]
	asked     memory[[sha256.Size]byte, lang.Schema]
}

// types returns the names of the languages.
func (p *parser) types() []string {
	out := make([]string, len(p.languages))
	for i, l := range p.languages {
		out[i] = string(l.Type())
	}
	return out
}

// parseStored returns the schema of a version in st.
func (p *parser) parseStored(st *State, v *version) (lang.Schema, error) {
	if s, ok := p.stored.get(v.content); ok {
		return s, nil
	}
	src, err := newResolver(st, p.limits).resolve(v.subject, v.typ, v.text, v.refs, All)
	if err != nil {
		return nil, err
	}
	src.source.Path = v.path()
	s, err := p.parse(src.source)
	if err == nil {
		p.stored.put(v.content, s, src.bytes)
	}
	return s, err
}

// parseAsked returns the schema of a request.
func (p *parser) parseAsked(src *resolved) (lang.Schema, error) {
	key := keyOf(src.source)
	if s, ok := p.asked.get(key); ok {
		return s, nil
	}
	s, err := p.parse(src.source)
	if err == nil {
		p.asked.put(key, s, src.bytes)
	}
	return s, err
}

// parse reports every failure as an error of the text, also a parser's panic:
// one request must not end the others.
func (p *parser) parse(src lang.Source) (s lang.Schema, err error) {
	i := slices.IndexFunc(p.languages, func(l lang.Language) bool { return l.Type() == src.Type })
	if i < 0 {
		return nil, api.InvalidSchema.With(fmt.Sprintf("Invalid schema type %s", src.Type))
	}
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, invalid(src.Type, fmt.Errorf("the parser panicked: %v", r))
		}
	}()
	if s, err = p.languages[i].Parse(src); err != nil {
		return nil, invalid(src.Type, err)
	}
	return s, nil
}

// maxMistakes is how many mistakes of one text an answer names.
const maxMistakes = 20

func invalid(typ lang.Type, cause error) error {
	shown := cause
	var list lang.ErrorList
	if errors.As(cause, &list) && len(list) > maxMistakes {
		shown = fmt.Errorf("%w\nand %d more mistakes", list[:maxMistakes], len(list)-maxMistakes)
	}
	return api.InvalidSchema.Because(cause, fmt.Sprintf("Invalid schema of type %s, details: %v", typ, shown))
}

// keyOf identifies a source with everything it refers to.
func keyOf(src lang.Source) (key [sha256.Size]byte) {
	h := sha256.New()
	put := func(s string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	put(string(src.Type))
	put(src.Path)
	put(src.Text)
	for _, r := range src.References {
		put(r.Name)
		below := keyOf(*r.Source)
		h.Write(below[:])
	}
	h.Sum(key[:0])
	return key
}

// A memory starts to forget when it holds this many entries, or texts of this
// many bytes: what clients ask about must not fill the server.
const (
	generationEntries = 2048
	generationBytes   = 2 << 20
)

// A memory keeps at least the last entries used. The zero memory is empty and
// ready; all methods are safe for concurrent use.
type memory[K comparable, V any] struct {
	mu       sync.Mutex // guards the fields below
	now, old map[K]remembered[V]
	bytes    int // of what is in now
}

type remembered[V any] struct {
	value V
	size  int
}

func (m *memory[K, V]) get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.now[key]; ok {
		return v.value, true
	}
	v, ok := m.old[key]
	if ok {
		m.keep(key, v)
	}
	return v.value, ok
}

func (m *memory[K, V]) put(key K, v V, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, remembered[V]{v, size})
}

// keep is called with mu held.
func (m *memory[K, V]) keep(key K, v remembered[V]) {
	if m.now == nil || len(m.now) >= generationEntries || m.bytes >= generationBytes {
		m.now, m.old, m.bytes = map[K]remembered[V]{}, m.now, 0
	}
	if _, again := m.now[key]; !again {
		m.bytes += v.size
	}
	m.now[key] = v
}
