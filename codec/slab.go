package codec

import (
	"bytes"
	"slices"
)

const (
	firstChunk = 4 << 10
	// lastChunk bounds what one message that somebody keeps can keep alive.
	lastChunk = 64 << 10
)

// A slab hands out memory for messages, one behind the other, from a chunk that
// is dropped once it is full and never used again: a broker client keeps a
// message until it is acknowledged, and there is nobody who could give its
// memory back. The collector frees a chunk with its last message.
//
// A slab belongs to one goroutine at a time.
type slab struct {
	chunk []byte // the part in use; what follows up to its capacity is free
	hint  int    // the size of recent messages, falling slowly, or fast from a large one
}

// reserve returns an empty slice to append one message to.
func (s *slab) reserve() []byte {
	if s.hint > lastChunk/4 {
		return make([]byte, 0, s.hint)
	}
	if cap(s.chunk)-len(s.chunk) <= s.hint {
		s.chunk = make([]byte, 0, min(lastChunk, max(firstChunk, 2*cap(s.chunk), 4*s.hint)))
	}
	return s.chunk[len(s.chunk):]
}

// commit takes what became of the slice that reserve returned. The result has
// no capacity beyond its length, so an append to it touches no neighbour.
func (s *slab) commit(out []byte) []byte {
	n := len(out)
	if s.hint > lastChunk/4 {
		s.hint = max(n, s.hint/2)
	} else {
		s.hint = max(n, s.hint-s.hint>>4)
	}
	at := len(s.chunk)
	switch {
	case n > 0 && n <= cap(s.chunk)-at && &out[0] == &s.chunk[:at+1][at]:
		s.chunk = s.chunk[:at+n]
	case cap(out) > 2*n:
		// Memory of its own, made for a larger message: the rest would live as long.
		return slices.Clip(bytes.Clone(out))
	}
	return out[:n:n]
}
