// Package claimcheck keeps large payloads out of the broker: a payload above a
// threshold goes to a store, and the message carries a reference in its place.
// Stores are a folder here, Redis in package redisstore, and anything that speaks
// S3 in s3store, a module of its own.
//
// A payload is stored before its message is published. So a message never refers
// to what was not stored; a crash between the two leaves an object that nothing
// refers to, which a sweep removes.
//
// # The reference
//
// It is one header, [Header], beside an empty payload. A null payload is a
// tombstone and stays null. Retries, dead letters and replays keep the header, so
// they are as small as the message was, and the payload is fetched again for each
// call of a handler. A header beside a payload that is not empty means nothing:
// somebody copied it to a message of his own. The same beside an empty payload is
// a reference, so a handler that copies headers leaves this one out.
//
// # Retention
//
// Equal payloads of one day (UTC) share an object, whose name is the day and the
// SHA-256. An object may therefore be removed once the day is as long ago as the
// longest that any message lives that was published on it: in an outbox until it
// is relayed, in its topic, in the retry topics, and among the dead letters of
// every group, from which it may be replayed; a replay starts the time of its
// topic anew. Give a sweep, or the expiry of Redis, more than all of these
// together. What is swept too early is a message without its payload.
//
// The package knows nothing of brokers, and nothing of what a payload means. It
// does not encrypt: whoever reads the store reads the payloads.
package claimcheck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Header is the header that holds a reference: <day>/<SHA-256>/<size>, such as
// 2026-01-31/9f86…0a08/1048576.
const Header = "wireproof-claim"

// ErrMissing is the error of a payload that the store does not have. It takes the
// retry levels: a store may show late what it has acknowledged. If it was swept
// too early, the message ends as a dead letter.
var ErrMissing = errors.New("the store does not have the payload")

// ErrTampered is the error of a payload whose size or hash is not what its
// reference says. It is permanent (see event.Permanent): what is wrong in the
// store does not become right by itself.
var ErrTampered = errors.New("the payload in the store is not the one that was published")

// A Store keeps payloads under the keys of references (see [Ref.Key]), to which
// [CheckKey] holds. It is safe for concurrent use.
type Store interface {
	// Put returns nil once data is stored so that it survives what the store is
	// meant to survive. What has the key already has the same content, and lasts
	// as if it were new.
	Put(ctx context.Context, key string, data []byte) error
	// Open returns what has the key. The error matches [ErrMissing] if nothing
	// has. The reader lives no longer than ctx.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
}

// A Sweeper is a Store that removes what is old. Redis does so by itself.
type Sweeper interface {
	// Sweep removes the objects whose day ended more than olderThan ago, which is
	// a day at least, so that clocks may differ. It may be repeated, and run by
	// several at a time. See the package comment for how long is long enough.
	Sweep(ctx context.Context, olderThan time.Duration) (Swept, error)
}

// Swept is what a sweep has removed, also when it ended with an error.
type Swept struct {
	Objects int
	Bytes   int64
}

// A Ref is a reference to a payload.
type Ref struct {
	Day    string // of the publication, in UTC: 2006-01-02
	SHA256 [sha256.Size]byte
	Size   int64 // bytes
}

// NewRef returns the reference to a payload that is published at now.
func NewRef(payload []byte, now time.Time) Ref {
	return Ref{Day: now.UTC().Format(time.DateOnly), SHA256: sha256.Sum256(payload), Size: int64(len(payload))}
}

// Key returns the key in a store: <day>/<SHA-256>, 75 bytes.
func (r Ref) Key() string { return r.Day + "/" + hex.EncodeToString(r.SHA256[:]) }

// String returns the reference as [Header] holds it.
func (r Ref) String() string { return r.Key() + "/" + strconv.FormatInt(r.Size, 10) }

// ParseRef reads what [Ref.String] has written, and nothing else.
func ParseRef(s string) (Ref, error) {
	i := strings.LastIndexByte(s, '/')
	size, err := strconv.ParseInt(s[i+1:], 10, 64)
	if i < 0 || err != nil || size < 0 {
		return Ref{}, badRef(s)
	}
	r := Ref{Size: size}
	if CheckKey(s[:i]) != nil {
		return Ref{}, badRef(s)
	}
	r.Day = s[:len(time.DateOnly)]
	if _, err := hex.Decode(r.SHA256[:], []byte(s[len(time.DateOnly)+1:i])); err != nil || r.String() != s {
		return Ref{}, badRef(s)
	}
	return r, nil
}

func badRef(s string) error {
	return fmt.Errorf("claimcheck: header %s is %.120q, want a reference: <day>/<SHA-256>/<size>", Header, s)
}

// CheckKey returns an error unless key is one of [Ref.Key]. Keys come from
// messages: a store checks each before it makes a path of it.
func CheckKey(key string) error {
	day, sum, _ := strings.Cut(key, "/")
	t, err := time.Parse(time.DateOnly, day)
	raw, err2 := hex.DecodeString(sum)
	if err != nil || err2 != nil || len(raw) != sha256.Size || t.Format(time.DateOnly) != day || hex.EncodeToString(raw) != sum {
		return fmt.Errorf("claimcheck: %.120q is no key, want <day>/<SHA-256>", key)
	}
	return nil
}

// leastAge is the least age that may be swept.
const leastAge = 24 * time.Hour

// Cutoff returns a function that tells whether a day, as in [Ref], is to be swept
// at now. The error is that of an age that is too short. Implementations of
// [Sweeper] share it.
func Cutoff(now time.Time, olderThan time.Duration) (func(day string) bool, error) {
	if olderThan < leastAge {
		return nil, fmt.Errorf("claimcheck: sweep what is older than %v: want %v at least, and longer than messages and dead letters are kept", olderThan, leastAge)
	}
	limit := now.Add(-olderThan)
	return func(day string) bool {
		t, err := time.Parse(time.DateOnly, day)
		return err == nil && t.Format(time.DateOnly) == day && t.AddDate(0, 0, 1).Before(limit)
	}, nil
}
