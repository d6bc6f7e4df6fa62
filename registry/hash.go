package registry

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A hash identifies what a schema says: its text, references, metadata and
// rules. As a UUID it is the schema's GUID. The protocol says MD5; nothing
// depends on it being hard to forge but the id of whoever registers the forgery.
type hash [md5.Size]byte

// hashOf follows section "hash" of the protocol: the parts one after another,
// with nothing between them.
func hashOf(text string, refs []api.Reference, meta *api.Metadata, rules *api.RuleSet) hash {
	h := md5.New()
	put := func(parts ...string) {
		for _, p := range parts {
			h.Write([]byte(p))
		}
	}
	put(text)
	for _, r := range refs {
		put(r.Name, r.Subject)
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(r.Version)))
	}
	if meta != nil {
		h.Write([]byte{1})
		for _, key := range slices.Sorted(maps.Keys(meta.Tags)) {
			put(key)
			put(meta.Tags[key]...)
		}
		for _, key := range slices.Sorted(maps.Keys(meta.Properties)) {
			put(key, meta.Properties[key])
		}
		put(meta.Sensitive...)
	}
	if rules != nil {
		h.Write([]byte{1})
		for r := range allRules(rules) {
			put(r.Name, r.Doc, r.Kind, r.Mode, r.Type)
			put(r.Tags...)
			for _, key := range slices.Sorted(maps.Keys(r.Params)) {
				put(key, r.Params[key])
			}
			put(r.Expr, r.OnSuccess, r.OnFailure)
			if r.Disabled {
				h.Write([]byte{1})
			}
		}
		put(rules.EnableAt)
	}
	return hash(h.Sum(nil))
}

// key is the hash as the key of a table.
func (h hash) key() string { return string(h[:]) }

func (h hash) guid() string {
	s := hex.EncodeToString(h[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func parseGUID(text string) (h hash, ok bool) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != len(h) {
		return h, false
	}
	return hash(raw), true
}
