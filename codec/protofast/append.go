package protofast

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AppendUvarint appends a varint.
func AppendUvarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// AppendString appends the length of s and s.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	if len(s) < 0x80 {
		return append(append(dst, byte(len(s))), s...)
	}
	return append(AppendUvarint(dst, uint64(len(s))), s...)
}

// AppendFixed32 appends four bytes, little-endian.
func AppendFixed32(dst []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(dst, v) }

// AppendFixed64 appends eight bytes, little-endian.
func AppendFixed64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// AppendBool appends a bool.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// Unzigzag returns the wire form of sint64 and sint32.
func Unzigzag(v int64) uint64 { return protowire.EncodeZigZag(v) }

// Close writes the length of what was appended after at into the byte before
// it, which the caller has left free. Only a body of 128 bytes or more moves.
func Close(dst []byte, at int) []byte {
	n := len(dst) - at
	if n < 0x80 {
		dst[at-1] = byte(n)
		return dst
	}
	extra := (bits.Len(uint(n))+6)/7 - 1
	dst = slices.Grow(dst, extra)[:len(dst)+extra]
	copy(dst[at+extra:], dst[at:at+n])
	binary.PutUvarint(dst[at-1:], uint64(n))
	return dst
}

// AppendUnknown appends a field that the schema does not know, with its tag in
// the shortest form.
func AppendUnknown(dst []byte, tag uint64, value string) []byte {
	return append(AppendUvarint(dst, tag), value...)
}

// AppendMessage appends m by reflection.
func AppendMessage(dst []byte, m proto.Message) ([]byte, error) {
	out, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, m)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// MergeMessage decodes data into m by reflection, adding to what m has.
func MergeMessage(m proto.Message, data string) error {
	return proto.UnmarshalOptions{Merge: true}.Unmarshal([]byte(data), m)
}

// AppendTimestamp appends a google.protobuf.Timestamp.
func AppendTimestamp(dst []byte, t *timestamppb.Timestamp) []byte {
	if t == nil {
		return dst
	}
	return appendTime(dst, t.Seconds, t.Nanos, t.ProtoReflect().GetUnknown())
}

// AppendDuration appends a google.protobuf.Duration.
func AppendDuration(dst []byte, d *durationpb.Duration) []byte {
	if d == nil {
		return dst
	}
	return appendTime(dst, d.Seconds, d.Nanos, d.ProtoReflect().GetUnknown())
}

func appendTime(dst []byte, seconds int64, nanos int32, unknown []byte) []byte {
	if seconds != 0 {
		dst = AppendUvarint(append(dst, 1<<3), uint64(seconds))
	}
	if nanos != 0 {
		dst = AppendUvarint(append(dst, 2<<3), uint64(int64(nanos)))
	}
	return append(dst, unknown...)
}

// MergeTimestamp decodes a google.protobuf.Timestamp into t.
func MergeTimestamp(t *timestamppb.Timestamp, data string) error {
	if mergeTime(data, &t.Seconds, &t.Nanos) {
		return nil
	}
	return MergeMessage(t, data)
}

// MergeDuration decodes a google.protobuf.Duration into d.
func MergeDuration(d *durationpb.Duration, data string) error {
	if mergeTime(data, &d.Seconds, &d.Nanos) {
		return nil
	}
	return MergeMessage(d, data)
}

// mergeTime reads what all writers write; anything else is left to reflection,
// with seconds and nanos as they were.
func mergeTime(data string, seconds *int64, nanos *int32) bool {
	s, n := *seconds, *nanos
	for i := 0; i < len(data); {
		tag := data[i]
		u, next := Uvarint(data, i+1)
		if next < 0 {
			return false
		}
		switch tag {
		case 1 << 3:
			s = int64(u)
		case 2 << 3:
			n = int32(u)
		default:
			return false
		}
		i = next
	}
	*seconds, *nanos = s, n
	return true
}

// Keys returns the keys of a map in the order in which they are encoded.
func Keys[K int32 | int64 | uint32 | uint64 | string, V any](m map[K]V, keys []K) []K {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
