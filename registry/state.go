package registry

import (
	"cmp"
	"slices"

	"github.com/wireproof/wireproof/registry/api"
)

// A State is everything that the records of a log say, indexed. It changes by
// apply alone, and not at all once others can see it. What it points to is
// immutable and shared between copies.
type State struct {
	next     Offset // where the next record will be
	maxID    int    // highest id ever given
	subjects *table[string, []*version]
	byID     *table[int, *content]
	byHash   *table[hash, int]
	uses     *table[int, []api.SubjectVersion] // id to versions that have it, soft-deleted ones too
	users    *table[api.SubjectVersion, []api.SubjectVersion]
	configs  *table[string, api.Config] // by subject; "" holds the global ones
}

// A content is what an id stands for.
type content struct {
	id       int
	typ      string
	text     string
	refs     []api.Reference
	metadata *api.Metadata
	hash     hash
}

// A version is a numbered place of a content in a subject.
type version struct {
	*content
	subject string
	number  int
	time    int64
	deleted bool
}

func newState() *State {
	return &State{
		subjects: newTable[string, []*version](),
		byID:     newTable[int, *content](),
		byHash:   newTable[hash, int](),
		uses:     newTable[int, []api.SubjectVersion](),
		users:    newTable[api.SubjectVersion, []api.SubjectVersion](),
		configs:  newTable[string, api.Config](),
	}
}

// clone returns a State that may be changed apart from s, which is frozen from
// then on. Slices are shared too: apply replaces them and never writes into one.
func (s *State) clone() *State {
	c := *s
	c.subjects = s.subjects.clone()
	c.byID = s.byID.clone()
	c.byHash = s.byHash.clone()
	c.uses = s.uses.clone()
	c.users = s.users.clone()
	c.configs = s.configs.clone()
	return &c
}

// apply makes s say what the records state. It accepts whatever a log holds: a
// record of a kind that it does not know is left to the version that wrote it.
func (s *State) apply(records []Record, next Offset) {
	for i := range records {
		s.applyOne(&records[i])
	}
	s.next = next
}

func (s *State) applyOne(r *Record) {
	s.maxID = max(s.maxID, r.ID)
	switch r.Kind {
	case SchemaRecord:
		if r.Schema != nil {
			s.putVersion(r)
		}
	case PurgeRecord:
		s.removeVersion(r.Subject, r.Version)
	case ConfigRecord:
		if r.Config == nil {
			s.configs.remove(r.Subject)
		} else {
			s.configs.set(r.Subject, *r.Config)
		}
	}
}

func (s *State) putVersion(r *Record) {
	stored := r.Schema
	sum := hashOf(stored.Text, stored.References, stored.Metadata)
	body := s.byID.get(r.ID)
	if body == nil || body.hash != sum {
		body = &content{r.ID, stored.Type, stored.Text, stored.References, stored.Metadata, sum}
	}
	s.removeVersion(r.Subject, r.Version)
	s.byID.set(r.ID, body)
	s.byHash.set(sum, r.ID)
	v := &version{content: body, subject: r.Subject, number: r.Version, time: r.Time, deleted: stored.Deleted}
	old := s.subjects.get(r.Subject)
	i, _ := slices.BinarySearchFunc(old, r.Version, compareNumber)
	// Clipped, so that copies of the state that share old never see v.
	s.subjects.set(r.Subject, slices.Insert(slices.Clip(old), i, v))

	self := v.name()
	s.uses.set(r.ID, append(slices.Clip(s.uses.get(r.ID)), self))
	for _, target := range v.targets() {
		s.users.set(target, append(slices.Clip(s.users.get(target)), self))
	}
}

func (s *State) removeVersion(subject string, number int) {
	old := s.subjects.get(subject)
	i, found := slices.BinarySearchFunc(old, number, compareNumber)
	if !found {
		return
	}
	v, self := old[i], old[i].name()
	if len(old) == 1 {
		s.subjects.remove(subject)
	} else {
		s.subjects.set(subject, slices.Delete(slices.Clone(old), i, i+1))
	}
	drop(s.uses, v.id, self)
	for _, target := range v.targets() {
		drop(s.users, target, self)
	}
	if len(s.uses.get(v.id)) == 0 {
		s.byID.remove(v.id)
		s.byHash.remove(v.hash)
	}
}

func drop[K comparable](t *table[K, []api.SubjectVersion], key K, gone api.SubjectVersion) {
	left := slices.DeleteFunc(slices.Clone(t.get(key)), func(x api.SubjectVersion) bool { return x == gone })
	if len(left) == 0 {
		t.remove(key)
	} else {
		t.set(key, left)
	}
}

func compareNumber(v *version, number int) int { return cmp.Compare(v.number, number) }

func (v *version) name() api.SubjectVersion {
	return api.SubjectVersion{Subject: v.subject, Version: v.number}
}

// targets returns the versions that v refers to, each once.
func (v *version) targets() []api.SubjectVersion {
	out := make([]api.SubjectVersion, 0, len(v.refs))
	for _, r := range v.refs {
		target := api.SubjectVersion{Subject: r.Subject, Version: r.Version}
		if !slices.Contains(out, target) {
			out = append(out, target)
		}
	}
	return out
}

// record returns the record that states v, deleted or not.
func (v *version) record(deleted bool, now int64) Record {
	return Record{
		Kind: SchemaRecord, Subject: v.subject, Version: v.number, ID: v.id, Time: now,
		Schema: &StoredSchema{Type: v.typ, Text: v.text, References: v.refs, Metadata: v.metadata, Deleted: deleted},
	}
}

// version returns a version, soft-deleted or not, or nil.
func (s *State) version(subject string, number int) *version {
	all := s.subjects.get(subject)
	if i, ok := slices.BinarySearchFunc(all, number, compareNumber); ok {
		return all[i]
	}
	return nil
}

// latest returns the highest live version, or nil.
func (s *State) latest(subject string) *version {
	for _, v := range slices.Backward(s.subjects.get(subject)) {
		if !v.deleted {
			return v
		}
	}
	return nil
}

// visible returns the versions of a subject in ascending order.
func (s *State) visible(subject string, which Visible) []*version {
	return slices.DeleteFunc(slices.Clone(s.subjects.get(subject)), func(v *version) bool { return !which.shows(v.deleted) })
}

// referrers returns who refers to a version, in the order in which they came.
func (s *State) referrers(target api.SubjectVersion, which Visible) []*version {
	var out []*version
	for _, name := range s.users.get(target) {
		if v := s.version(name.Subject, name.Version); v != nil && which.shows(v.deleted) {
			out = append(out, v)
		}
	}
	return out
}

// Visible says which versions an answer shows.
type Visible int

// What can be seen.
const (
	Live        Visible = iota // without soft-deleted ones
	All                        // with them
	DeletedOnly                // nothing but them
)

func (w Visible) shows(deleted bool) bool {
	return w == All || deleted == (w == DeletedOnly)
}
