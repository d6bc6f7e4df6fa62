package membus

import (
	"iter"

	"github.com/wireproof/wireproof/event"
)

// chunkSize is how many messages a chunk holds: few enough that one that is forgotten
// in part holds little, and enough that chunks are no cost.
const chunkSize = 256

// A partition is a log whose first message has offset base. It is kept in chunks, so
// that it grows without being copied and is forgotten without being moved.
type partition struct {
	base   int64
	count  int
	skip   int               // messages at the start of the first chunk that are forgotten
	chunks [][]event.Message // all but the last are full
}

func (p *partition) end() int64 { return p.base + int64(p.count) }

// at returns the message with an offset from base to below end.
func (p *partition) at(offset int64) *event.Message {
	i := p.skip + int(offset-p.base)
	return &p.chunks[i/chunkSize][i%chunkSize]
}

func (p *partition) append(m event.Message) {
	last := len(p.chunks) - 1
	if last < 0 || len(p.chunks[last]) == chunkSize {
		p.chunks = append(p.chunks, make([]event.Message, 0, chunkSize))
		last++
	}
	p.chunks[last] = append(p.chunks[last], m)
	p.count++
}

// forget removes the first message.
func (p *partition) forget() {
	*p.at(p.base) = event.Message{}
	p.base++
	p.count--
	if p.skip++; p.skip == chunkSize {
		p.chunks[0], p.skip = nil, 0
		p.chunks = p.chunks[1:]
	}
}

// from returns the messages from an offset on.
func (p *partition) from(offset int64) iter.Seq[*event.Message] {
	return func(yield func(*event.Message) bool) {
		for ; offset < p.end(); offset++ {
			if !yield(p.at(offset)) {
				return
			}
		}
	}
}
