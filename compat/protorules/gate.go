package protorules

import (
	"slices"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Gate returns what both judges find when newer takes the place of older: Buf's
// rules of set, and the registry's verdicts for one of the directions,
// [rule.Readers] or [rule.OldReaders]. A change that both mind is one finding in
// Buf's words, with the registry's in ErrorType, Pointer and Info. Buf's rules have
// no direction, so a finding of theirs alone names nobody whose reading breaks: that
// is for a message to show. Where none can, in Java, in extensions and between clients
// and servers, it names what its rule does.
//
// What the schemas refer to is compared too, but not which files those are.
func Gate(newer, older *protobuf.Schema, set Set, dir rule.Breaks) []*rule.Finding {
	found := slices.DeleteFunc(Breaking(newer.Image(), older.Image(), set), func(f *rule.Finding) bool {
		return f.Rule == fileNoDelete || f.Rule == packageNoDelete
	})
	verdicts := Check(newer, older)
	if dir == rule.OldReaders {
		verdicts = CheckOldReaders(newer, older)
	}
	for _, f := range found {
		f.Breaks &^= everyReader
		if beyondMessages(f.Rule) {
			f.Breaks |= f.Rule.Breaks & dir
		}
	}
	for _, v := range verdicts {
		f := sameChange(found, v)
		if f == nil {
			found = append(found, v)
			continue
		}
		f.Breaks = f.Breaks&^everyReader | v.Breaks
		f.ErrorType, f.Pointer, f.Info = v.ErrorType, v.Pointer, v.Info
	}
	return found
}

// sameChange returns the finding of Buf's that is about the change of a verdict
// and has none yet: at best that of the same path.
func sameChange(found []*rule.Finding, verdict *rule.Finding) *rule.Finding {
	var near *rule.Finding
	for _, f := range found {
		if f.ErrorType != "" || f.Pointer != verdict.Pointer || family(f.Rule) != family(verdict.Rule) {
			continue
		}
		if f.Path == verdict.Path {
			return f
		}
		if near == nil {
			near = f
		}
	}
	return near
}

// family is the rule that stands for all which mind the same change, more or less
// strictly.
func family(r *rule.Rule) *rule.Rule {
	switch r {
	case fieldSameType, fieldWireJSONType:
		return fieldWireType
	case fieldSameCardinality, fieldWireJSONCardinality:
		return fieldWireCardinality
	case packageMessageNoDelete:
		return messageNoDelete
	}
	return r
}
