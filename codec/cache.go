package codec

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/lang"
)

const (
	defaultRefusal = 5 * time.Second
	maxRefusals    = 1024
)

// A Cache keeps the schemas that a [SchemaSource] has given, for ever: an id
// never changes its meaning. It is a SchemaSource itself, safe for concurrent
// use, and worth sharing between all consumers of a program. It asks once for
// all who wait for the same id, and holds no lock meanwhile.
type Cache struct {
	src     SchemaSource
	table   table[lang.Source]
	refused refusals
}

// A CacheOption changes a [Cache].
type CacheOption interface{ applyCache(*Cache) }

type rememberUnknown time.Duration

func (d rememberUnknown) applyCache(c *Cache) { c.refused.keep = time.Duration(d) }

// RememberUnknown sets for how long the registry is not asked again for an id
// that it did not know, so that a stream of poison does not become a storm of
// requests. The default is 5 s; at most 1024 ids are remembered.
func RememberUnknown(d time.Duration) CacheOption { return rememberUnknown(d) }

// NewCache returns a cache in front of src, or src if it is a cache already and
// there are no options.
func NewCache(src SchemaSource, opts ...CacheOption) *Cache {
	if c, ok := src.(*Cache); ok && len(opts) == 0 {
		return c
	}
	c := &Cache{src: src, refused: refusals{keep: defaultRefusal}}
	for _, opt := range opts {
		opt.applyCache(c)
	}
	return c
}

// SchemaByID returns the schema with the given id as [SchemaSource] says.
func (c *Cache) SchemaByID(ctx context.Context, id uint32) (lang.Source, error) {
	s := c.table.find(id)
	if s == nil {
		var err error
		if s, err = c.table.load(ctx, id, c.fetch); err != nil {
			return lang.Source{}, err
		}
	}
	return s.value, nil
}

func (c *Cache) fetch(ctx context.Context, id uint32) (lang.Source, error) {
	if err := c.refused.get(id); err != nil {
		return lang.Source{}, err
	}
	src, err := c.src.SchemaByID(ctx, id)
	if err == nil {
		return src, nil
	}
	err = fmt.Errorf("schema id %d: %w", id, err)
	if errors.Is(err, ErrUnknownID) {
		c.refused.put(id, err)
	}
	return lang.Source{}, err
}

// refusals remembers for a short time which ids are unknown.
type refusals struct {
	keep time.Duration

	mu  sync.Mutex // guards the field below
	ids map[uint32]refusal
}

type refusal struct {
	err   error
	until time.Time
}

func (r *refusals) get(id uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if no, ok := r.ids[id]; ok && time.Now().Before(no.until) {
		return no.err
	}
	return nil
}

func (r *refusals) put(id uint32, err error) {
	if r.keep <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// Forgetting all of them costs one request for each that comes again, which
	// is less than keeping them in order would.
	if r.ids == nil || len(r.ids) >= maxRefusals {
		r.ids = map[uint32]refusal{}
	}
	r.ids[id] = refusal{err, time.Now().Add(r.keep)}
}
