package client

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// A cache holds answers that cannot change, or whose change a running program
// need not notice: a schema that was registered when a publisher started.
type cache struct {
	byID     memory[uint32, lang.Source]
	versions memory[api.SubjectVersion, *lang.Source]
	asked    memory[[sha256.Size]byte, api.Schema]
}

// keyOf identifies a question about a subject.
func keyOf(subject string, req api.RegisterRequest) [sha256.Size]byte {
	text, err := json.Marshal([]any{subject, req})
	if err != nil {
		// Strings and numbers always encode.
		panic(err)
	}
	return sha256.Sum256(text)
}

// A memory is a map for concurrent use. The zero memory is empty and ready. It
// keeps everything: a program meets few schemas.
type memory[K comparable, V any] struct {
	mu sync.RWMutex // guards the field below
	m  map[K]V
}

func (c *memory[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.m[key]
	return v, ok
}

func (c *memory[K, V]) put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[K]V{}
	}
	c.m[key] = v
}
