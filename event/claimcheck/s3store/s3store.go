// Package s3store keeps the payloads of package claimcheck in a bucket of S3, or of
// any server that speaks its protocol.
//
// It is a module of its own, so that the client is in nobody's graph who does not
// want it. Which server, region, credentials and TLS there are is up to that client.
// The credentials need PutObject, GetObject and, to sweep, ListBucket and
// DeleteObject. A bucket whose objects expire by a rule of its own needs no sweep.
// In a bucket with versions a sweep hides an object, and a rule has to remove it.
package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/wireproof/wireproof/event/claimcheck"
)

// A Store is a [claimcheck.Store] and a [claimcheck.Sweeper] in a bucket, which
// several processes may share. It is safe for concurrent use.
type Store struct {
	client *minio.Client
	bucket string
	prefix string
}

// New returns a store of objects named <prefix><day>/<SHA-256> in a bucket, which
// has to be there. The prefix may be empty. It does no I/O; client stays the
// caller's.
func New(client *minio.Client, bucket, prefix string) (*Store, error) {
	if client == nil || bucket == "" {
		return nil, fmt.Errorf("s3store: bucket %q: want a client and the name of a bucket", bucket)
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		return nil, fmt.Errorf("s3store: the prefix is %q, want none or one that ends in a slash, so that it is told from others", prefix)
	}
	return &Store{client, bucket, prefix}, nil
}

// name is how errors call an object.
func (s *Store) name(key string) string { return "s3://" + s.bucket + "/" + s.prefix + key }

// Put is as [claimcheck.Store] says. The server checks that what came is what was
// sent.
func (s *Store) Put(ctx context.Context, key string, data []byte) error {
	if err := claimcheck.CheckKey(key); err != nil {
		return err
	}
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectOptions{ContentType: "application/octet-stream", SendContentMd5: true, DisableMultipart: true})
	if err != nil {
		return fmt.Errorf("s3store: put %s, %d bytes: %w", s.name(key), len(data), err)
	}
	return nil
}

// Open is as [claimcheck.Store] says.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := claimcheck.CheckKey(key); err != nil {
		return nil, err
	}
	// The core asks at once, and tells a bucket from an object that is not there.
	r, _, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err == nil {
		return r, nil
	}
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, fmt.Errorf("s3store: %s: %w", s.name(key), claimcheck.ErrMissing)
	}
	return nil, fmt.Errorf("s3store: get %s: %w", s.name(key), err)
}

// Sweep is as [claimcheck.Sweeper] says. What else lies under the prefix it leaves
// alone.
func (s *Store) Sweep(ctx context.Context, olderThan time.Duration) (claimcheck.Swept, error) {
	var swept claimcheck.Swept
	old, err := claimcheck.Cutoff(time.Now(), olderThan)
	if err != nil {
		return swept, err
	}
	days, err := s.list(ctx, s.prefix, false)
	if err != nil {
		return swept, err
	}
	for _, d := range days {
		day, isDay := strings.CutSuffix(strings.TrimPrefix(d.Key, s.prefix), "/")
		if !isDay || !old(day) {
			continue
		}
		if err := s.sweepDay(ctx, d.Key, &swept); err != nil {
			return swept, err
		}
	}
	return swept, nil
}

// list returns what lies under a prefix: all of it, or what is there up to the next
// slash.
func (s *Store) list(ctx context.Context, prefix string, recursive bool) ([]minio.ObjectInfo, error) {
	var out []minio.ObjectInfo
	for o, err := range s.each(ctx, prefix, recursive) {
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *Store) each(ctx context.Context, prefix string, recursive bool) func(func(minio.ObjectInfo, error) bool) {
	return func(yield func(minio.ObjectInfo, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the client's goroutine
		for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: recursive}) {
			err := o.Err
			if err != nil {
				err = fmt.Errorf("s3store: list %s: %w", "s3://"+s.bucket+"/"+prefix, err)
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(minio.ObjectInfo{}, err)
		}
	}
}

// sweepDay removes the payloads of one day, page by page, and counts them.
func (s *Store) sweepDay(ctx context.Context, prefix string, swept *claimcheck.Swept) error {
	page := make([]minio.ObjectInfo, 0, 1000) // most of one request
	for o, err := range s.each(ctx, prefix, true) {
		if err != nil {
			return err
		}
		if claimcheck.CheckKey(strings.TrimPrefix(o.Key, s.prefix)) != nil {
			continue
		}
		if page = append(page, o); len(page) == cap(page) {
			if err := s.remove(ctx, page, swept); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	return s.remove(ctx, page, swept)
}

func (s *Store) remove(ctx context.Context, page []minio.ObjectInfo, swept *claimcheck.Swept) error {
	if len(page) == 0 {
		return nil
	}
	objects := make(chan minio.ObjectInfo, len(page))
	size := map[string]int64{}
	for _, o := range page {
		objects <- o
		size[o.Key] = o.Size
	}
	close(objects)
	var errs []error
	for r := range s.client.RemoveObjectsWithResult(ctx, s.bucket, objects, minio.RemoveObjectsOptions{}) {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("s3store: remove s3://%s/%s: %w", s.bucket, r.ObjectName, r.Err))
			continue
		}
		swept.Objects++
		swept.Bytes += size[r.ObjectName]
	}
	return errors.Join(append(errs, ctx.Err())...)
}
