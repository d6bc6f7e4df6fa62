package protorules

import (
	"fmt"
	"slices"
)

// A bounds is a range of numbers with both ends in it.
type bounds struct{ lo, hi int64 }

// text spells the range as Buf does; highest is the end of all numbers.
func (b bounds) text(highest int64) string {
	switch {
	case b.lo == b.hi:
		return fmt.Sprintf("[%d]", b.lo)
	case b.hi == highest:
		return fmt.Sprintf("[%d,max]", b.lo)
	}
	return fmt.Sprintf("[%d,%d]", b.lo, b.hi)
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
