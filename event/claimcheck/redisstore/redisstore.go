// Package redisstore keeps the payloads of package claimcheck in Redis (5 or
// later, also in a cluster), for as long as it is told.
//
// Redis holds them in memory and takes up to 512 MiB for each. They last as long as
// Redis keeps them: with appendfsync everysec the second before a crash may be
// forgotten, and an eviction policy other than noeviction may forget any of them.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event/claimcheck"
)

const (
	prefix = "wireproof:claim:"
	chunk  = 1 << 20 // bytes of one round trip of a reader
)

// A Store is a [claimcheck.Store] in Redis. There is nothing to sweep.
type Store struct {
	client redis.UniversalClient
	expiry time.Duration
}

// New returns a store that keeps its keys, wireproof:claim:<day>/<SHA-256>, with
// client, which stays the caller's. A payload expires that long after it was last
// stored: longer than messages and dead letters are kept (see package claimcheck).
func New(client redis.UniversalClient, expiry time.Duration) (*Store, error) {
	if client == nil || expiry < time.Millisecond {
		return nil, fmt.Errorf("redisstore: payloads that expire after %v: want a client, and 1ms at least", expiry)
	}
	return &Store{client, expiry}, nil
}

// Put is as [claimcheck.Store] says.
func (s *Store) Put(ctx context.Context, key string, data []byte) error {
	if err := claimcheck.CheckKey(key); err != nil {
		return err
	}
	if err := s.client.Do(ctx, "SET", prefix+key, data, "PX", s.expiry.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("redisstore: set %s: %w", prefix+key, err)
	}
	return nil
}

// Open is as [claimcheck.Store] says.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := claimcheck.CheckKey(key); err != nil {
		return nil, err
	}
	size, err := s.client.StrLen(ctx, prefix+key).Result()
	switch {
	case err != nil:
		return nil, fmt.Errorf("redisstore: look at %s: %w", prefix+key, err)
	case size == 0: // nothing empty is ever stored
		return nil, fmt.Errorf("redisstore: %s: %w", prefix+key, claimcheck.ErrMissing)
	}
	return &reader{ctx: ctx, client: s.client, key: prefix + key, size: size}, nil
}

// A reader reads a value part by part.
type reader struct {
	ctx    context.Context // of Open, whose reader lives no longer
	client redis.UniversalClient
	key    string
	at     int64
	size   int64
	have   []byte
}

// Read is as io.Reader says.
func (r *reader) Read(p []byte) (int, error) {
	if r.client == nil {
		return 0, errors.New("redisstore: read after Close")
	}
	if len(r.have) == 0 {
		if r.at == r.size {
			return 0, io.EOF
		}
		part, err := r.client.GetRange(r.ctx, r.key, r.at, r.at+chunk-1).Bytes()
		switch {
		case err != nil:
			return 0, fmt.Errorf("redisstore: read %s: %w", r.key, err)
		case len(part) == 0:
			return 0, fmt.Errorf("redisstore: %s has expired while it was read: %w", r.key, claimcheck.ErrMissing)
		}
		r.have = part
		r.at = min(r.at+int64(len(part)), r.size)
	}
	n := copy(p, r.have)
	r.have = r.have[n:]
	return n, nil
}

// Close is as io.Closer says.
func (r *reader) Close() error {
	r.client, r.have = nil, nil
	return nil
}
