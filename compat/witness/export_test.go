package witness

import (
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// ProveProto is Prove for Protobuf, which lets numbers pass that the reader's type
// has no room for, and numbers of closed enums without a name.
func ProveProto(newer, older *protobuf.Schema, dir rule.Breaks, n int, seed uint64) *rule.Witness {
	e, ok := NewPair(newer, older).engine(dir).(*protoEngine)
	if !ok {
		panic("no engine of Protobuf")
	}
	e.pardoned[narrow], e.pardoned[unclosed] = true, true
	return prove(e, dir, n, seed)
}
