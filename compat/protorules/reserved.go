package protorules

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
)

// A bounds is a range of numbers with both ends in it.
type bounds struct{ lo, hi int64 }

func (b bounds) text(highest int64) string {
	spell := func(n int64) string {
		if n == highest {
			return "max"
		}
		return strconv.FormatInt(n, 10)
	}
	if b.lo == b.hi {
		return "[" + spell(b.lo) + "]"
	}
	return "[" + spell(b.lo) + "," + spell(b.hi) + "]"
}

// missing returns the parts of want that no range of have covers.
func missing(want bounds, have []bounds) []bounds {
	slices.SortFunc(have, func(a, b bounds) int {
		switch {
		case a.lo < b.lo:
			return -1
		case a.lo > b.lo:
			return 1
		}
		return 0
	})
	var out []bounds
	next := want.lo
	for _, h := range have {
		if h.hi < next || h.lo > want.hi {
			continue
		}
		if h.lo > next {
			out = append(out, bounds{next, h.lo - 1})
		}
		next = h.hi + 1
	}
	if next <= want.hi {
		out = append(out, bounds{next, want.hi})
	}
	return out
}

func (w *walker) reservedOfMessage(at spot) {
	ranges := func(m protoreflect.MessageDescriptor) []bounds {
		var out []bounds
		for i := range m.ReservedRanges().Len() {
			r := m.ReservedRanges().Get(i)
			out = append(out, bounds{int64(r[0]), int64(r[1]) - 1})
		}
		return out
	}
	w.reserved(reservedMessage, "message", at.path, at.pointer,
		ranges(at.reader), ranges(at.writer), at.reader.ReservedNames(), at.writer.ReservedNames(), int64(protowire.MaxValidNumber),
		w.reader.MessagePos(string(at.reader.FullName())), w.writer.MessagePos(string(at.writer.FullName())))
}

func (w *walker) reservedOfEnum(r, o protoreflect.EnumDescriptor, path, pointer string) {
	ranges := func(e protoreflect.EnumDescriptor) []bounds {
		var out []bounds
		for i := range e.ReservedRanges().Len() {
			r := e.ReservedRanges().Get(i)
			out = append(out, bounds{int64(r[0]), int64(r[1])})
		}
		return out
	}
	w.reserved(reservedEnum, "enum", path, pointer, ranges(r), ranges(o), r.ReservedNames(), o.ReservedNames(), math.MaxInt32,
		w.reader.EnumPos(string(r.FullName())), w.writer.EnumPos(string(o.FullName())))
}

// reserved reports what was reserved and is no longer.
func (w *walker) reserved(which *rule.Rule, kind, path, pointer string, now, was []bounds, names, oldNames protoreflect.Names, highest int64, newPos, oldPos lang.Pos) {
	for _, b := range was {
		var parts []string
		for _, m := range missing(b, now) {
			parts = append(parts, m.text(highest))
		}
		if len(parts) > 0 {
			w.report(rule.Finding{Rule: which, Path: path, Pointer: pointer,
				Message: "reserved range " + quoted(b.text(highest)) + " on " + kind + " " + quoted(path) + " is missing values: " +
					strings.Join(parts, ", ") + " were removed",
				NewNote: strings.Join(parts, ", ") + " is free", OldNote: "reserved " + b.text(highest)}, newPos, oldPos)
		}
	}
	for i := range oldNames.Len() {
		if n := oldNames.Get(i); !names.Has(n) {
			w.report(rule.Finding{Rule: which, Path: path, Pointer: pointer,
				Message: "reserved name " + quoted(n) + " on " + kind + " " + quoted(path) + " was deleted",
				NewNote: quoted(n) + " is free", OldNote: "reserved " + quoted(n)}, newPos, oldPos)
		}
	}
}
