package registry

import (
	"iter"
	"slices"
	"sync"

	"github.com/tidwall/btree"

	"github.com/wireproof/wireproof/registry/api"
)

// A table is an ordered map whose copies share what they do not change.
type table[K interface{ ~string | ~int }, V any] = btree.Map[K, V]

// A State is everything that the records of a log say, indexed. It changes by
// apply alone, and not at all once others can see it. What it points to is
// immutable and shared between copies; a copy costs nothing, and a change costs
// the same however much there is.
type State struct {
	next    Offset // where the next record will be
	spaces  *table[string, *space]
	names   *table[string, []string]    // bare name to the contexts that have such a subject
	byHash  *table[string, []holder]    // who has what a hash stands for, in the order of contexts
	users   *table[string, *version]    // who refers to what, by keyOfVersion of the target and then of the referrer
	configs *table[string, *api.Config] // by scope
	modes   *table[string, string]      // by scope
	// copying serializes copies of tables: copying marks the original, which
	// readers do not notice and other copies would.
	copying *sync.Mutex
}

// A space is what belongs to one context.
type space struct {
	owner    *State // the one state that may still change it
	maxID    int    // highest id ever given
	listed   bool
	versions int // soft-deleted ones too
	subjects *table[string, []*version]
	byID     *table[int, entry]
	uses     *table[string, *version] // who has what id, by keyOfUse; soft-deleted versions too
}

// A holder is a context that has a content, and the id that it has there.
type holder struct {
	context string
	id      int
}

// A version is a numbered place of a content in a subject.
type version struct {
	*content
	subject string // qualified
	number  int
	time    int64
	deleted bool
}

func newState() *State {
	s := &State{
		spaces:  new(table[string, *space]),
		names:   new(table[string, []string]),
		byHash:  new(table[string, []holder]),
		users:   new(table[string, *version]),
		configs: new(table[string, *api.Config]),
		modes:   new(table[string, string]),
		copying: new(sync.Mutex),
	}
	s.own("")
	return s
}

// clone returns a State that may be changed apart from s, which is frozen from
// then on. Slices are shared too: apply replaces them and never writes into one.
func (s *State) clone() *State {
	s.copying.Lock()
	defer s.copying.Unlock()
	c := *s
	c.spaces = s.spaces.Copy()
	c.names = s.names.Copy()
	c.byHash = s.byHash.Copy()
	c.users = s.users.Copy()
	c.configs = s.configs.Copy()
	c.modes = s.modes.Copy()
	return &c
}

// noSpace is what a context holds that does not exist. It is never changed.
var noSpace = &space{subjects: new(table[string, []*version]), byID: new(table[int, entry]), uses: new(table[string, *version])}

// space returns what a context holds, to be read.
func (s *State) space(context string) *space {
	if sp, ok := s.spaces.Get(context); ok {
		return sp
	}
	return noSpace
}

// own returns what a context holds, to be changed.
func (s *State) own(context string) *space {
	sp := s.space(context)
	if sp.owner == s {
		return sp
	}
	c := *sp
	c.owner = s
	if sp == noSpace {
		c.subjects, c.byID, c.uses = new(table[string, []*version]), new(table[int, entry]), new(table[string, *version])
	} else {
		s.copying.Lock()
		c.subjects, c.byID, c.uses = sp.subjects.Copy(), sp.byID.Copy(), sp.uses.Copy()
		s.copying.Unlock()
	}
	s.spaces.Set(context, &c)
	return &c
}

// at returns the value of a key, or the zero value.
func at[K interface{ ~string | ~int }, V any](t *table[K, V], key K) V {
	v, _ := t.Get(key)
	return v
}

func (s *State) versions(subject string) []*version {
	context, name := splitName(subject)
	return at(s.space(context).subjects, name)
}

// version returns a version, soft-deleted or not, or nil.
func (s *State) version(subject string, number int) *version {
	all := s.versions(subject)
	if i, ok := slices.BinarySearchFunc(all, number, compareNumber); ok {
		return all[i]
	}
	return nil
}

// latest returns the highest live version, or nil.
func (s *State) latest(subject string) *version { return latestOf(s.versions(subject)) }

func latestOf(versions []*version) *version {
	for _, v := range slices.Backward(versions) {
		if !v.deleted {
			return v
		}
	}
	return nil
}

// visible returns the versions of a subject in ascending order. The slice must
// not be written to.
func (s *State) visible(subject string, which Visible) []*version {
	return visibleOf(s.versions(subject), which)
}

func visibleOf(all []*version, which Visible) []*version {
	if !slices.ContainsFunc(all, func(v *version) bool { return !which.shows(v.deleted) }) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(v *version) bool { return !which.shows(v.deleted) })
}

// referrers yields who refers to a version, in no order that means anything.
func (s *State) referrers(target api.SubjectVersion, which Visible) iter.Seq[*version] {
	return func(yield func(*version) bool) {
		for v := range under(s.users, keyOfVersion(target)) {
			if which.shows(v.deleted) && !yield(v) {
				return
			}
		}
	}
}

// referred reports whether anything refers to a version.
func (s *State) referred(target api.SubjectVersion, which Visible) bool {
	for range s.referrers(target, which) {
		return true
	}
	return false
}

// none is no id: imports may use 0.
const none = -1

// held returns the id that stands for c in a context, or none. taken is an id
// that has the hash of c and stands for something else, or none.
func (s *State) held(c *content, context string) (id, taken int) {
	taken = none
	for _, h := range at(s.byHash, c.hash.key()) {
		switch {
		case h.context != context:
		case at(s.space(context).byID, h.id).like(c) != nil:
			return h.id, none
		default:
			taken = h.id
		}
	}
	return none, taken
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
