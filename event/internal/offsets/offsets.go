// Package offsets says where a message was first published on brokers that have no
// partitions and give no numbers, or none that stay with a message: RabbitMQ and
// Google Pub/Sub.
//
// Each publisher is a partition, which has a random number, and counts
// microseconds. So the offsets of a partition ascend, and two messages have the
// same place only if two publishers have drawn the same of two thousand million
// numbers and publish in the same microsecond. The package knows no broker.
package offsets

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Place names a message for ever.
type Place struct {
	Partition int32 // above 0 for a publisher of ours, 0 for others
	Offset    int64 // at least 0
}

// String returns the place as text that [Parse] reads.
func (p Place) String() string { return string(p.AppendTo(make([]byte, 0, maxText))) }

const maxText = 8 + 1 + 16

// AppendTo appends what String returns.
func (p Place) AppendTo(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(p.Partition), 16)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, p.Offset, 16)
}

// Parse reads what String wrote, and reports whether it is that.
func Parse(text string) (Place, bool) {
	a, b, _ := strings.Cut(text, "-")
	partition, err1 := strconv.ParseInt(a, 16, 32)
	offset, err2 := strconv.ParseInt(b, 16, 64)
	p := Place{int32(partition), offset}
	// Nothing but the one way to write it: a name of somebody else is hashed.
	return p, err1 == nil && err2 == nil && partition > 0 && offset >= 0 && string(p.AppendTo(make([]byte, 0, maxText))) == text
}

// Of returns the place of a message that another program has given a name, the
// same for each call.
func Of(name string) Place {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name))
	return Place{0, int64(sum.Sum64() >> 1)}
}

// Keyed returns the place on a broker that keeps the order of a key only: each key
// of a publisher is a partition then.
func (p Place) Keyed(key []byte) Place {
	sum := fnv.New32a()
	_, _ = sum.Write(key)
	p.Partition ^= int32(sum.Sum32() >> 1)
	p.Partition = max(p.Partition, 1)
	return p
}

// A Source is one publisher. It is safe for concurrent use.
type Source struct {
	partition int32
	last      atomic.Int64
}

// New returns a publisher with a random partition.
func New() *Source { return &Source{partition: 1 + rand.Int32N(math.MaxInt32)} }

// Next returns a place behind all that it returned before.
func (s *Source) Next() Place {
	for {
		last := s.last.Load()
		n := max(time.Now().UnixMicro(), last+1)
		if s.last.CompareAndSwap(last, n) {
			return Place{s.partition, n}
		}
	}
}
