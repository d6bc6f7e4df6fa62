package avro

import (
	"crypto/md5"
	"crypto/sha256"
	"strconv"
)

// Parsing returns the Parsing Canonical Form of the specification: only what
// matters for reading data, full names, every named type defined at its first
// use. Types of references are written out as well, since data cannot be read
// without them.
func (s *Schema) Parsing() string {
	return string(appendParsing(nil, s.Root, map[string]bool{}))
}

func appendParsing(dst []byte, t *Type, known map[string]bool) []byte {
	quote := func(s string) {
		dst = append(append(append(dst, '"'), s...), '"')
	}
	switch t.Kind {
	case Union:
		dst = append(dst, '[')
		for i, b := range t.Branches {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendParsing(dst, b, known)
		}
		return append(dst, ']')
	case Array, Map:
		dst = append(dst, `{"type":`...)
		quote(t.Kind.String())
		dst = append(dst, ',')
		quote(elementsKey(t.Kind))
		dst = append(dst, ':')
		return append(appendParsing(dst, t.Items, known), '}')
	case Record, Enum, Fixed:
	default:
		quote(t.Kind.String())
		return dst
	}
	if known[t.Name] {
		quote(t.Name)
		return dst
	}
	known[t.Name] = true
	dst = append(dst, `{"name":`...)
	quote(t.Name)
	dst = append(dst, `,"type":`...)
	quote(t.Kind.String())
	switch t.Kind {
	case Enum:
		dst = append(dst, `,"symbols":[`...)
		for i, s := range t.Symbols {
			if i > 0 {
				dst = append(dst, ',')
			}
			quote(s.Name)
		}
		dst = append(dst, ']')
	case Fixed:
		dst = strconv.AppendInt(append(dst, `,"size":`...), int64(t.Size), 10)
	case Record:
		dst = append(dst, `,"fields":[`...)
		for i, f := range t.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"name":`...)
			quote(f.Name)
			dst = append(dst, `,"type":`...)
			dst = append(appendParsing(dst, f.Type, known), '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// Fingerprint returns the CRC-64-AVRO of [Schema.Parsing].
func (s *Schema) Fingerprint() uint64 { return crc64(s.Parsing()) }

// FingerprintMD5 returns the MD5 of [Schema.Parsing].
func (s *Schema) FingerprintMD5() [16]byte { return md5.Sum([]byte(s.Parsing())) }

// FingerprintSHA256 returns the SHA-256 of [Schema.Parsing].
func (s *Schema) FingerprintSHA256() [32]byte { return sha256.Sum256([]byte(s.Parsing())) }

// crc64 is the Rabin fingerprint of the specification, bit by bit: a table would
// be global state, and nobody asks for it per message.
func crc64(text string) uint64 {
	const empty = 0xc15d213aa4d7a795
	fp := uint64(empty)
	for i := 0; i < len(text); i++ {
		fp ^= uint64(text[i])
		for range 8 {
			fp = fp>>1 ^ empty&-(fp&1)
		}
	}
	return fp
}
