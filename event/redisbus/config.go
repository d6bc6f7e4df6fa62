package redisbus

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Config says how topics are kept and how groups read. The zero value of a field
// means its default. How to reach the server, TLS, user and password are the
// client's.
type Config struct {
	// Prefix begins the keys of all streams; default "wireproof:".
	Prefix string
	// MakeTopics makes topics when they are first published to or opened. By
	// default they have to be there, so that a misspelt topic is an error.
	MakeTopics bool
	// MaxMessageBytes is the largest message that Publish sends; default 8 MiB.
	MaxMessageBytes int
	// MaxLen and MaxAge are how many messages a topic keeps about, and for how
	// long; see the package comment for what is never forgotten. The default is
	// everything.
	MaxLen int64
	MaxAge time.Duration

	// WaitReplicas makes Publish wait until so many replicas have the messages, and
	// WaitDisk until the server has them on its disk (Redis 7.2 or later); neither
	// for longer than WaitTimeout, whose default is 10 s. They need one server or
	// one behind sentinels, not a cluster.
	WaitReplicas int
	WaitDisk     bool
	WaitTimeout  time.Duration

	// ClaimAfter is how long a message belongs to a member that does not extend
	// it; default 30 s, at least 1 s.
	ClaimAfter time.Duration
	// Member begins the names of the members that this bus opens; default member.
	Member string
	// Prefetch is how many messages of a topic a member reads ahead of its
	// handlers; default 1000. Of large ones it reads about 8 MiB ahead; the server
	// counts messages, so that the first of them behind small ones may be more.
	Prefetch int
}

const (
	queueBytes    = 8 << 20 // of a lane, after which it reads no more
	firstEach     = 1 << 20 // bytes of a message, until some were read
	batchMessages = 500     // most that one Receive hands over, and that one read asks for
	chunk         = 500     // messages that go to the server in one write
	roomForOurs   = 64 << 10
	block         = 200 * time.Millisecond // of a read that waits; to close waits as long
)

// defaults fills in what is not said, and refuses what cannot work.
func (c Config) defaults(client redis.UniversalClient) (Config, error) {
	c.Prefix = cmp.Or(c.Prefix, "wireproof:")
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 8<<20)
	c.WaitTimeout = cmp.Or(c.WaitTimeout, 10*time.Second)
	c.ClaimAfter = cmp.Or(c.ClaimAfter, 30*time.Second)
	c.Member = cmp.Or(c.Member, "member")
	c.Prefetch = cmp.Or(c.Prefetch, 1000)
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.ClaimAfter < time.Second, "ClaimAfter is %v; expected 1s or more", c.ClaimAfter)
	bad(c.Prefetch < 1, "Prefetch is %d; expected 1 or more", c.Prefetch)
	bad(c.MaxMessageBytes < 1 || c.MaxMessageBytes > 256<<20, "MaxMessageBytes is %d; expected 1 to %d", c.MaxMessageBytes, 256<<20)
	bad(c.MaxLen < 0 || c.MaxAge < 0, "MaxLen is %d and MaxAge %v; expected 0 or more", c.MaxLen, c.MaxAge)
	bad(c.WaitReplicas < 0, "WaitReplicas is %d; expected 0 or more", c.WaitReplicas)
	bad(c.WaitTimeout < time.Millisecond, "WaitTimeout is %v; expected 1ms or more", c.WaitTimeout)
	if c.waits() {
		switch client.(type) {
		case *redis.ClusterClient, *redis.Ring:
			bad(true, "WaitReplicas and WaitDisk ask one server; the client is of several")
		}
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("redis settings: %w", err)
	}
	return c, nil
}

func (c Config) waits() bool { return c.WaitReplicas > 0 || c.WaitDisk }
