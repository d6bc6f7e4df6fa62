package codec

import (
	"encoding/binary"
	"fmt"
)

const (
	frameLen   = 5       // the byte 0 and the id
	maxIndexes = 32      // depth of a message in its file; far beyond what people write
	maxIndex   = 1 << 16 // messages side by side
)

// AppendFrame appends the frame that precedes every value: the byte 0 and the
// id of the schema, big-endian. Protobuf data continues with [AppendIndexes].
func AppendFrame(dst []byte, id uint32) []byte {
	return append(dst, 0, byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}

// CutFrame splits framed bytes into the id of the schema and the value, which
// aliases src. The error matches [ErrNotFramed].
func CutFrame(src []byte) (id uint32, value []byte, err error) {
	if len(src) < frameLen || src[0] != 0 {
		return 0, nil, notFramed(src)
	}
	return binary.BigEndian.Uint32(src[1:]), src[frameLen:], nil
}

func notFramed(src []byte) error {
	if len(src) < frameLen {
		return fmt.Errorf("%w: %d bytes, expected at least %d", ErrNotFramed, len(src), frameLen)
	}
	return fmt.Errorf("%w: first byte is 0x%02x, expected 0x00", ErrNotFramed, src[0])
}

// AppendIndexes appends the path of a Protobuf message in its file: its
// position among the messages beside it, for each level from the outermost. The
// empty path and [0] are both the first message of the file, one byte.
func AppendIndexes(dst []byte, path []int) []byte {
	if len(path) == 0 || len(path) == 1 && path[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(path)))
	for _, index := range path {
		dst = binary.AppendVarint(dst, int64(index))
	}
	return dst
}

// CutIndexes splits the value of a Protobuf frame into the path of the message
// and the message itself, which aliases src. It accepts every spelling of a
// path, and allocates nothing for one that is not there. The error matches
// [ErrNotFramed].
func CutIndexes(src []byte) (path []int, rest []byte, err error) {
	var found indexes
	n, err := found.read(src)
	if err != nil {
		return nil, nil, err
	}
	return append(path, found.path[:found.len]...), src[n:], nil
}

// indexes is a path that needs no allocation.
type indexes struct {
	path [maxIndexes]int
	len  int
}

// read takes the path at the start of src, and returns its length in bytes.
func (x *indexes) read(src []byte) (n int, err error) {
	count, n := binary.Varint(src)
	if n <= 0 {
		return 0, fmt.Errorf("%w: message indexes end early", ErrNotFramed)
	}
	if count == 0 {
		x.path[0], x.len = 0, 1
		return n, nil
	}
	if most := int64(min(maxIndexes, len(src)-n)); count < 0 || count > most {
		return 0, fmt.Errorf("%w: %d message indexes, expected 0 to %d", ErrNotFramed, count, most)
	}
	x.len = int(count)
	for i := range x.len {
		index, width := binary.Varint(src[n:])
		if width <= 0 {
			return 0, fmt.Errorf("%w: message index %d of %d is cut off", ErrNotFramed, i+1, count)
		}
		if index < 0 || index >= maxIndex {
			return 0, fmt.Errorf("%w: message index %d, expected 0 to %d", ErrNotFramed, index, maxIndex-1)
		}
		x.path[i] = int(index)
		n += width
	}
	return n, nil
}

// lost says that there is no message at the path. The receiver is a copy, so
// that only this costs an allocation.
func (x indexes) lost() error {
	return fmt.Errorf("%w: message indexes %v are not in the writer's schema; a producer that leaves them out does not follow the wire format", ErrNotFramed, x.path[:x.len])
}
