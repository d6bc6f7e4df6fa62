package avrowire

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// What a plan inserts, defaults and moved segments, comes out of a budget, for
// otherwise a small message with many small items could grow without bound.
const (
	insertable   = 16 << 20
	insertFactor = 64
)

// Records may nest so that a writer's schema of a few lines describes a value of
// 2^60 parts and no bytes; so many records are looked into, and no more.
const (
	records      = 1 << 16
	recordFactor = 256
)

// keepScratch bounds the buffers that are kept for the next message.
const keepScratch = 1 << 20

// A scratch is the memory of a run that the next one uses again.
type scratch struct {
	out   []byte // in the reader's schema
	marks []int  // where segments of out begin
	moved []byte // segments while they are arranged
}

// An execution is one run of a plan.
type execution struct {
	Reader
	*scratch
	plan   *Plan
	budget int
	calls  int   // records that may still be looked into
	path   []any // steps to the mistake, innermost first
}

// located adds the path to the first mistake.
func (x *execution) located(err error) error {
	var e *Error
	if len(x.path) == 0 || !errors.As(err, &e) {
		return err
	}
	slices.Reverse(x.path)
	return At(e, x.path...)
}

func (x *execution) run(program int) {
	steps := x.plan.programs[program]
	for i := range steps {
		x.step(&steps[i])
		if x.err != nil {
			if steps[i].name != "" {
				x.path = append(x.path, steps[i].name)
			}
			return
		}
	}
}

// step runs one step. It is one switch over all of them, as an interpreter is.
func (x *execution) step(s *step) {
	switch s.op {
	case opLong:
		x.long(x.Long())
	case opBool:
		x.out = AppendBool(x.out, x.Bool())
	case opText:
		x.out = AppendString(x.out, x.Text())
	case opFixed:
		x.out = append(x.out, x.Fixed(s.n)...)
	case opDecimal:
		digits := x.Text()
		x.decimal(digits, s.n, 0)
		x.out = AppendString(x.out, digits)
	case opDecimalFixed:
		digits := x.Fixed(s.sub)
		x.decimal(digits, s.n, 0)
		x.out = append(x.out, digits...)
	case opEnum:
		x.symbol(s)
	case opArray, opMap:
		x.items(s)
	case opUnion, opSkipUnion:
		if b := x.Branch(len(s.subs)); b >= 0 {
			x.run(s.subs[b])
		}
	case opRecord, opSkipRecord:
		x.record(s.sub)
	case opSteps:
		x.run(s.sub)
	case opInsert:
		if x.spend(len(s.data)) {
			x.out = append(x.out, s.data...)
		}
	case opLongToFloat:
		x.out = AppendFloat(x.out, float32(x.Long()))
	case opLongToDouble:
		x.out = AppendDouble(x.out, float64(x.Long()))
	case opFloatToDouble:
		x.out = AppendDouble(x.out, float64(x.Float()))
	case opTimes:
		x.times(x.Long(), int64(s.n))
	case opDivide:
		x.long(floorDiv(x.Long(), int64(s.n)))
	case opFail:
		x.Fail("%s", s.data)
	case opMark:
		x.marks = append(x.marks, len(x.out))
	case opArrange:
		x.arrange(s)
	case opSkipLong:
		x.Long()
	case opSkipText:
		x.Text()
	case opSkipFixed:
		x.Fixed(s.n)
	case opSkipBlocks:
		x.skipBlocks(s)
	}
}

func (x *execution) record(program int) {
	if x.calls--; x.calls < 0 {
		x.Fail("too many records for so few bytes")
	}
	if x.Enter() {
		x.run(program)
		x.Leave()
	}
}

func (x *execution) long(v int64) { x.out = AppendLong(x.out, v) }

func (x *execution) times(v, n int64) {
	if v > math.MaxInt64/n || v < math.MinInt64/n {
		x.Fail("%d times %d is out of range", v, n)
		return
	}
	x.long(v * n)
}

func (x *execution) symbol(s *step) {
	i := x.Enum(len(s.list))
	if x.err != nil {
		return
	}
	if s.list[i] < 0 {
		x.Fail("symbol %d of the writer is unknown to the reader, whose enum has no default", i)
		return
	}
	x.long(int64(s.list[i]))
}

func (x *execution) items(s *step) {
	seen := 0
	for n := x.Block(s.n); n > 0; n = x.Block(s.n) {
		x.long(int64(n))
		for ; n > 0; n-- {
			k := ""
			if s.op == opMap {
				k = x.Text()
				x.out = AppendString(x.out, k)
			}
			if x.run(s.sub); x.err != nil {
				if s.op == opMap {
					x.path = append(x.path, Key(k))
				} else {
					x.path = append(x.path, seen)
				}
				return
			}
			seen++
		}
	}
	x.out = append(x.out, 0)
}

// skipBlocks jumps over blocks that say how long they are.
func (x *execution) skipBlocks(s *step) {
	for x.err == nil {
		if n, size := binary.Varint([]byte(x.s[x.off:min(len(x.s), x.off+binary.MaxVarintLen64)])); size > 0 && n < 0 {
			x.off += size
			x.Fixed(int(min(uint64(x.Long()), math.MaxInt32)))
			continue
		}
		n := x.Block(s.n)
		if n == 0 {
			return
		}
		for ; n > 0 && x.err == nil; n-- {
			x.run(s.sub)
		}
	}
}

// arrange puts the segments that the last marks begin into the reader's order.
func (x *execution) arrange(s *step) {
	first := len(x.marks) - s.n
	x.marks = append(x.marks, len(x.out))
	marks := x.marks[first:]
	from := marks[0]
	if x.spend(len(x.out) - from) {
		x.moved = x.moved[:0]
		for _, i := range s.list {
			x.moved = append(x.moved, x.out[marks[i]:marks[i+1]]...)
		}
		x.out = append(x.out[:from], x.moved...)
	}
	x.marks = x.marks[:first]
}

// spend takes n bytes out of the budget.
func (x *execution) spend(n int) bool {
	if x.budget -= n; x.budget < 0 {
		x.Fail("the reader's defaults make the message many times larger; refused")
		return false
	}
	return true
}
