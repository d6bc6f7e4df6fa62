package claimcheck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/wireproof/wireproof/event"
)

// A Fetcher fetches the payloads that messages refer to. It is safe for concurrent
// use.
type Fetcher struct {
	store Store
	most  int64
}

// NewFetcher returns a fetcher of payloads of up to most bytes; a larger one is an
// error, permanent like that of a reference that cannot be read.
func NewFetcher(store Store, most int64) (*Fetcher, error) {
	if store == nil || most < 1 {
		return nil, fmt.Errorf("claimcheck: a fetcher from %v of payloads of up to %d bytes: want a store, and 1 byte or more", store, most)
	}
	return &Fetcher{store, most}, nil
}

// Prepare returns the option that fetches the payload before each call of the
// handler, which then sees the message as it was published, without [Header].
// What cannot be fetched is the error of the call.
//
// What is fetched does not count for event.MaxInFlight: the handlers that run hold
// up to most bytes each. In event.RunBatches the payloads of a batch are fetched
// one after another, and held together.
func (f *Fetcher) Prepare() event.ConsumerOption {
	return event.Prepare(func(ctx context.Context, d *event.Delivery) error {
		_, ok, err := RefOf(&d.Message)
		if err != nil {
			return event.Permanent(err)
		}
		if !ok {
			return nil
		}
		payload, err := f.Payload(ctx, d)
		if err != nil {
			return err
		}
		d.Payload, d.Headers = payload, without(d.Headers)
		return nil
	})
}

// Payload returns the payload of d: what its reference refers to, or its own if it
// has none. It is for a handler that needs few of the payloads; d stays as it is.
// The error matches [ErrMissing] or [ErrTampered], or is that of the store; a
// handler may return it.
func (f *Fetcher) Payload(ctx context.Context, d *event.Delivery) ([]byte, error) {
	if _, ok, err := RefOf(&d.Message); err == nil && !ok {
		return d.Payload, nil
	}
	r, size, err := f.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// It grows as bytes come: the size is what a message claims.
	var b bytes.Buffer
	b.Grow(int(min(size, 1<<20)))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Open returns a reader of the payload of d and its size in bytes, for a handler
// that does not want it in memory. What it has read counts only once the reader
// has returned io.EOF: before that, what was read may not be what was published.
// The errors are as with [Fetcher.Payload].
func (f *Fetcher) Open(ctx context.Context, d *event.Delivery) (io.ReadCloser, int64, error) {
	ref, ok, err := RefOf(&d.Message)
	switch {
	case err != nil:
		return nil, 0, event.Permanent(err)
	case !ok:
		return io.NopCloser(bytes.NewReader(d.Payload)), int64(len(d.Payload)), nil
	case ref.Size > f.most:
		return nil, 0, event.Permanent(fmt.Errorf("claimcheck: the message refers to a payload of %d bytes, this consumer takes up to %d", ref.Size, f.most))
	}
	r, err := f.store.Open(ctx, ref.Key())
	if err != nil {
		return nil, 0, fmt.Errorf("claimcheck: fetch %s: %w", ref.Key(), err)
	}
	return &checked{r: r, ref: ref, sum: sha256.New(), left: ref.Size}, ref.Size, nil
}

// checked is a reader that ends well only if all of it is what ref says.
type checked struct {
	r    io.ReadCloser
	ref  Ref
	sum  hash.Hash
	left int64
	err  error
}

// Read reads up to the size that the reference says.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.left == 0 {
		c.err = c.end()
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.sum.Write(p[:n])
	c.left -= int64(n)
	switch {
	case err == nil || errors.Is(err, io.EOF) && c.left == 0:
	case errors.Is(err, io.EOF):
		c.err = c.wrong("it ends after %d bytes, want %d", c.ref.Size-c.left, c.ref.Size)
	default:
		c.err = fmt.Errorf("claimcheck: fetch %s: after %d bytes: %w", c.ref.Key(), c.ref.Size-c.left, err)
	}
	return n, c.err
}

// end looks at what follows the last byte, and at the hash.
func (c *checked) end() error {
	switch n, err := io.ReadFull(c.r, make([]byte, 1)); {
	case n > 0:
		return c.wrong("it goes on after the %d bytes that it should have", c.ref.Size)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("claimcheck: fetch %s: after all of its bytes: %w", c.ref.Key(), err)
	}
	if got := [sha256.Size]byte(c.sum.Sum(nil)); got != c.ref.SHA256 {
		return c.wrong("its SHA-256 is %x", got)
	}
	return io.EOF
}

func (c *checked) wrong(format string, args ...any) error {
	return event.Permanent(fmt.Errorf("claimcheck: object %s: %s: %w", c.ref.Key(), fmt.Sprintf(format, args...), ErrTampered))
}

// Close is as io.Closer says.
func (c *checked) Close() error { return c.r.Close() }
