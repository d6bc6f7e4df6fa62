package registry

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A content is what an id stands for.
type content struct {
	id       int
	typ      string
	text     string
	refs     []api.Reference
	metadata *api.Metadata
	rules    *api.RuleSet
	hash     hash
	guid     string // hash as text
}

// says reports whether two contents differ at most in their ids. The hash alone
// does not tell: it leaves out the type, and has nothing between its parts.
func (c *content) says(other *content) bool {
	return c.hash == other.hash && c.typ == other.typ && c.text == other.text && slices.Equal(c.refs, other.refs) &&
		equalMetadata(c.metadata, other.metadata) && equalRules(c.rules, other.rules)
}

// An entry is what an id stands for: always one text, and one content wherever
// the log was written well. Others' logs may hold several under one id. An entry
// is a value; the zero entry is that of an id that stands for nothing.
type entry struct {
	counted
	others []counted // never written into
}

// A counted content knows how many versions have it, soft-deleted ones too.
type counted struct {
	*content
	versions int
}

// like returns the content of e that says what c says, or nil.
func (e entry) like(c *content) *content {
	if e.content != nil && e.says(c) {
		return e.content
	}
	for _, other := range e.others {
		if other.says(c) {
			return other.content
		}
	}
	return nil
}

// with returns e with one more version of a content.
func (e entry) with(c *content) entry {
	switch i := slices.IndexFunc(e.others, func(o counted) bool { return o.content == c }); {
	case e.content == nil:
		e.counted = counted{c, 1}
	case e.content == c:
		e.versions++
	case i < 0:
		e.others = append(slices.Clip(e.others), counted{c, 1})
	default:
		e.others = slices.Clone(e.others)
		e.others[i].versions++
	}
	return e
}

// less returns e with one version of a content fewer.
func (e entry) less(c *content) entry {
	if e.content == c {
		if e.versions--; e.versions > 0 {
			return e
		}
		e.counted = counted{}
		if len(e.others) > 0 {
			e.counted, e.others = e.others[0], e.others[1:]
		}
		return e
	}
	i := slices.IndexFunc(e.others, func(o counted) bool { return o.content == c })
	e.others = slices.Clone(e.others)
	if e.others[i].versions--; e.others[i].versions == 0 {
		e.others = slices.Delete(e.others, i, i+1)
	}
	return e
}

// hashes reports whether a content of e has a hash.
func (e entry) hashes(h hash) bool {
	return e.content != nil && e.hash == h || slices.ContainsFunc(e.others, func(o counted) bool { return o.hash == h })
}

// usesOf yields the versions that have an id, those of one subject in ascending
// order one after the other.
func (sp *space) usesOf(id int) iter.Seq[*version] { return under(sp.uses, keyOfUse(id)) }

// uses reports whether a version of a qualified subject has an id.
func (sp *space) usedBy(id int, subject string) bool {
	for range under(sp.uses, keyOfUse(id)+keyOfSubject(subject)) {
		return true
	}
	return false
}

// under yields the values of the keys that begin with a prefix.
func under[V any](t *table[string, V], prefix string) iter.Seq[V] {
	return func(yield func(V) bool) {
		t.Ascend(prefix, func(key string, v V) bool { return strings.HasPrefix(key, prefix) && yield(v) })
	}
}

// Keys of tables say how long the names in them are: none is the beginning of
// another, whatever characters somebody's log has in names.

func keyOfSubject(subject string) string {
	return string(append(binary.BigEndian.AppendUint32(nil, uint32(len(subject))), subject...))
}

// keyOfVersion is a version as the key of a table.
func keyOfVersion(v api.SubjectVersion) string {
	return string(appendVersion(make([]byte, 0, len(v.Subject)+12), v))
}

// keyOfUse is an id as the beginning of a key, or the whole key with the version
// that has it.
func keyOfUse(id int, users ...api.SubjectVersion) string {
	key := make([]byte, 0, 64)
	key = binary.BigEndian.AppendUint32(key, uint32(id))
	for _, v := range users {
		key = appendVersion(key, v)
	}
	return string(key)
}

func appendVersion(key []byte, v api.SubjectVersion) []byte {
	key = binary.BigEndian.AppendUint32(key, uint32(len(v.Subject)))
	key = append(key, v.Subject...)
	return binary.BigEndian.AppendUint64(key, uint64(v.Version))
}
