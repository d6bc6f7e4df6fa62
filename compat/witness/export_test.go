package witness

import (
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// ProveProto is Prove for Protobuf, which lets numbers of closed enums pass that the
// reader has no name for, and strings that are no UTF-8.
func ProveProto(newer, older *protobuf.Schema, dir rule.Breaks, n int, seed uint64) *rule.Witness {
	e, ok := NewPair(newer, older).engine(dir).(*protoEngine)
	if !ok {
		panic("no engine of Protobuf")
	}
	e.pardoned[unclosed], e.pardoned[noText] = true, true
	w, err := prove(e, dir, n, seed)
	if err != nil {
		panic(err)
	}
	return w
}
