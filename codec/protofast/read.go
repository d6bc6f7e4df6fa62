package protofast

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxDepth is how deep messages may be nested: the limit of
// google.golang.org/protobuf.
const MaxDepth = protowire.DefaultRecursionLimit

// Uvarint reads a varint at s[i:].
func Uvarint(s string, i int) (uint64, int) {
	if i < len(s) && s[i] < 0x80 {
		return uint64(s[i]), i + 1
	}
	return uvarintSlow(s, i)
}

func uvarintSlow(s string, i int) (uint64, int) {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		if i >= len(s) {
			return 0, truncated
		}
		c := s[i]
		i++
		if shift == 63 && c > 1 {
			return 0, overlong
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, i
		}
	}
	return 0, overlong
}

// Tag reads a tag, which is a field number and a wire type.
func Tag(s string, i int) (uint64, int) {
	if i < len(s) && s[i] >= 8 && s[i] < 0x80 {
		return uint64(s[i]), i + 1
	}
	tag, n := uvarintSlow(s, i)
	if n >= 0 && (tag>>3 < uint64(protowire.MinValidNumber) || tag>>3 > uint64(protowire.MaxValidNumber)) {
		return 0, badTag
	}
	return tag, n
}

// Fixed32 reads four bytes, little-endian.
func Fixed32(s string, i int) (uint32, int) {
	if len(s)-i < 4 {
		return 0, truncated
	}
	b := s[i : i+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24, i + 4
}

// Fixed64 reads eight bytes, little-endian.
func Fixed64(s string, i int) (uint64, int) {
	if len(s)-i < 8 {
		return 0, truncated
	}
	lo, _ := Fixed32(s, i)
	hi, _ := Fixed32(s, i+4)
	return uint64(lo) | uint64(hi)<<32, i + 8
}

// Bytes reads a length and as many bytes. The result is a part of s.
func Bytes(s string, i int) (string, int) {
	if i < len(s) && s[i] < 0x80 {
		// Written out: most values are short, and the call is what costs.
		if start, end := i+1, i+1+int(s[i]); end <= len(s) {
			return s[start:end], end
		}
		return "", truncated
	}
	n, i := uvarintSlow(s, i)
	if i < 0 {
		return "", i
	}
	if n > uint64(len(s)-i) {
		return "", truncated
	}
	end := i + int(n)
	return s[i:end], end
}

// Text reads as [Bytes] does, and refuses what is not UTF-8.
func Text(s string, i int) (string, int) {
	t, n := Bytes(s, i)
	if !ascii(t) && !utf8.ValidString(t) {
		return "", badUTF8
	}
	return t, n
}

// ascii is the short way through short strings; utf8.ValidString has its own
// for long ones.
func ascii(s string) bool {
	if len(s) > 16 {
		return false
	}
	var all byte
	for i := range len(s) {
		all |= s[i]
	}
	return all < 0x80
}

// Skip reads over the value of a field that the schema does not know; tag has
// just been read.
func Skip(s string, i int, tag uint64) int {
	return skip(s, i, tag, MaxDepth)
}

func skip(s string, i int, tag uint64, depth int) int {
	switch protowire.Type(tag & 7) {
	case protowire.VarintType:
		_, i = Uvarint(s, i)
	case protowire.Fixed32Type:
		_, i = Fixed32(s, i)
	case protowire.Fixed64Type:
		_, i = Fixed64(s, i)
	case protowire.BytesType:
		_, i = Bytes(s, i)
	case protowire.StartGroupType:
		return skipGroup(s, i, tag, depth-1)
	default:
		return badTag
	}
	return i
}

func skipGroup(s string, i int, start uint64, depth int) int {
	if depth < 0 {
		return tooDeep
	}
	for {
		// Inside a group google's reader takes any number of 31 bits.
		tag, n := Uvarint(s, i)
		if n < 0 {
			return n
		}
		if tag>>3 < uint64(protowire.MinValidNumber) || tag>>3 > math.MaxInt32 {
			return badTag
		}
		if protowire.Type(tag&7) == protowire.EndGroupType {
			if tag>>3 != start>>3 {
				return badTag
			}
			return n
		}
		if i = skip(s, n, tag, depth); i < 0 {
			return i
		}
	}
}

// Count returns how many varints s holds: the capacity of a packed list.
func Count(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < 0x80 {
			n++
		}
	}
	return n
}

// Clone copies bytes out of the data. The result is never nil: an empty value
// that is present differs from an absent one.
func Clone(s string) []byte {
	b := make([]byte, len(s))
	copy(b, s)
	return b
}

// Zigzag turns the wire form of sint64 into its value.
func Zigzag(u uint64) int64 { return protowire.DecodeZigZag(u) }

// Zigzag32 turns the wire form of sint32 into its value.
func Zigzag32(u uint64) int32 { return int32(protowire.DecodeZigZag(u & 0xffffffff)) }
