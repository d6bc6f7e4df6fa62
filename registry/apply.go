package registry

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// apply makes s say what the records state. It accepts whatever a log holds: a
// record of a kind that it does not know is left to the version that wrote it.
func (s *State) apply(records []Record, next Offset) {
	for i := range records {
		s.applyOne(&records[i])
	}
	s.next = next
}

func (s *State) applyOne(r *Record) {
	switch r.Kind {
	case SchemaRecord:
		if r.Schema != nil {
			s.putVersion(r)
		}
	case PurgeRecord:
		s.removeVersion(normalName(r.Subject), r.Version)
	case DeleteSubjectRecord:
		s.hideVersions(normalName(r.Subject), r.Version)
	case ClearRecord:
		s.clear(normalName(r.Subject))
	case ConfigRecord:
		if r.Config == nil {
			s.configs.Delete(normalName(r.Subject))
		} else {
			s.configs.Set(normalName(r.Subject), r.Config)
		}
	case ModeRecord:
		if r.Mode == "" {
			s.modes.Delete(normalName(r.Subject))
		} else {
			s.modes.Set(normalName(r.Subject), r.Mode)
		}
	case IDRecord:
		if context, _ := splitName(normalName(r.Subject)); r.ID > 0 && r.ID <= math.MaxInt32 {
			sp := s.own(context)
			sp.maxID = max(sp.maxID, r.ID)
		}
	case ContextRecord:
		if context, _ := splitName(normalName(r.Subject)); context != "" {
			s.own(context).listed = !r.Gone
		}
	}
}

func (s *State) putVersion(r *Record) {
	if r.Version < 1 || r.Version > math.MaxInt32 || r.ID < 0 || r.ID > math.MaxInt32 {
		return // nothing that the protocol can name
	}
	subject := normalName(r.Subject)
	context, name := splitName(subject)
	body := contentOf(r)
	sp := s.own(context)
	switch known := at(sp.byID, r.ID); {
	case known.content == nil:
		s.share(body)
	case known.text != body.text:
		return // the id is taken, as the protocol has it
	default:
		if same := known.like(body); same != nil {
			body = same // held once
		}
	}
	sp.maxID = max(sp.maxID, r.ID)
	s.removeVersion(subject, r.Version)
	v := &version{content: body, subject: subject, number: r.Version, time: r.Time, deleted: r.Schema.Deleted}
	old := at(sp.subjects, name)
	if len(old) == 0 {
		s.names.Set(name, insertSorted(at(s.names, name), context, strings.Compare))
	}
	i, _ := slices.BinarySearchFunc(old, r.Version, compareNumber)
	// Clipped, so that copies of the state that share old never see v.
	sp.subjects.Set(name, slices.Insert(slices.Clip(old), i, v))
	sp.versions++
	s.hold(sp, context, v)
	self := keyOfVersion(v.name())
	for _, target := range v.targets() {
		s.users.Set(keyOfVersion(target)+self, v)
	}
}

func contentOf(r *Record) *content {
	stored := r.Schema
	body := &content{id: r.ID, typ: cmp.Or(stored.Type, "AVRO"), text: stored.Text, refs: stored.References, metadata: stored.Metadata, rules: stored.RuleSet}
	if body.hash = hashOf(body.text, body.refs, body.metadata, body.rules); len(stored.MD5) == len(body.hash) {
		body.hash = hash(stored.MD5)
	}
	body.guid = body.hash.guid()
	return body
}

// share lets a content use the text of an equal one in another context.
func (s *State) share(body *content) {
	for _, h := range at(s.byHash, body.hash.key()) {
		if twin := at(s.space(h.context).byID, h.id); twin.content != nil && twin.text == body.text {
			body.text = twin.text
			if equalMetadata(body.metadata, twin.metadata) {
				body.metadata = twin.metadata
			}
			return
		}
	}
}

// hold notes that a version has its id.
func (s *State) hold(sp *space, context string, v *version) {
	sp.byID.Set(v.id, at(sp.byID, v.id).with(v.content))
	sp.uses.Set(keyOfUse(v.id, v.name()), v)
	key := v.hash.key()
	holders := at(s.byHash, key)
	if !slices.Contains(holders, holder{context, v.id}) {
		s.byHash.Set(key, insertSorted(holders, holder{context, v.id}, func(a, b holder) int {
			return cmp.Or(strings.Compare(a.context, b.context), cmp.Compare(b.id, a.id))
		}))
	}
}

func (s *State) removeVersion(subject string, number int) {
	context, name := splitName(subject)
	old := at(s.space(context).subjects, name)
	i, found := slices.BinarySearchFunc(old, number, compareNumber)
	if !found {
		return
	}
	sp, v := s.own(context), old[i]
	sp.versions--
	if len(old) == 1 {
		sp.subjects.Delete(name)
		setOrDelete(s.names, name, without(at(s.names, name), context))
	} else {
		sp.subjects.Set(name, slices.Delete(slices.Clone(old), i, i+1))
	}
	self := keyOfVersion(v.name())
	for _, target := range v.targets() {
		s.users.Delete(keyOfVersion(target) + self)
	}
	sp.uses.Delete(keyOfUse(v.id, v.name()))
	left := at(sp.byID, v.id).less(v.content)
	if !left.hashes(v.hash) {
		setOrDelete(s.byHash, v.hash.key(), without(at(s.byHash, v.hash.key()), holder{context, v.id}))
	}
	if left.content == nil {
		sp.byID.Delete(v.id)
	} else {
		sp.byID.Set(v.id, left)
	}
}

// hideVersions soft-deletes the versions of a subject up to a number.
func (s *State) hideVersions(subject string, upTo int) {
	for _, v := range s.versions(subject) {
		if v.number <= upTo && !v.deleted {
			r := v.record(true, v.time)
			s.putVersion(&r)
		}
	}
}

// clear removes the soft-deleted versions in a scope.
func (s *State) clear(scope string) {
	for _, v := range s.within(scope) {
		if v.deleted {
			s.removeVersion(v.subject, v.number)
		}
	}
}

// within returns the versions in a scope, soft-deleted ones too. The scope "" is
// everything, as for modes.
func (s *State) within(scope string) []*version {
	context, name := splitName(scope)
	switch {
	case name != "":
		return s.versions(scope)
	case context == "" || context == globalContext:
		var out []*version
		s.selected(selection{all: true}, func(_ string, versions []*version) { out = append(out, versions...) })
		return out
	}
	var out []*version
	s.selected(selection{context: context}, func(_ string, versions []*version) { out = append(out, versions...) })
	return out
}

// insertSorted returns a new slice with x in its place, unless it is there.
func insertSorted[T comparable](list []T, x T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(list, x, compare)
	if found {
		return list
	}
	return slices.Insert(slices.Clip(list), i, x)
}

// without returns a new slice without x.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return x == y })
}

func setOrDelete[V any](t *table[string, []V], key string, list []V) {
	if len(list) == 0 {
		t.Delete(key)
	} else {
		t.Set(key, list)
	}
}

func compareNumber(v *version, number int) int { return cmp.Compare(v.number, number) }

func (v *version) name() api.SubjectVersion {
	return api.SubjectVersion{Subject: v.subject, Version: v.number}
}

func (v *version) context() string {
	context, _ := splitName(v.subject)
	return context
}

// targets returns the versions that v refers to, each once.
func (v *version) targets() []api.SubjectVersion {
	out := make([]api.SubjectVersion, 0, len(v.refs))
	for _, r := range v.refs {
		target := api.SubjectVersion{Subject: refersTo(v.context(), r), Version: r.Version}
		if !slices.Contains(out, target) {
			out = append(out, target)
		}
	}
	return out
}

// refersTo returns the subject of a reference: a bare name means the context of
// whoever refers.
func refersTo(context string, r api.Reference) string {
	if qualified := normalName(r.Subject); qualified != r.Subject || context == "" {
		return qualified
	}
	if c, _ := splitName(r.Subject); c != "" {
		return r.Subject
	}
	return joinName(context, r.Subject)
}

// record returns the record that states v, deleted or not.
func (v *version) record(deleted bool, now int64) Record {
	stored := &StoredSchema{Type: v.typ, Text: v.text, References: v.refs, Metadata: v.metadata, RuleSet: v.rules, Deleted: deleted}
	if v.hash != hashOf(v.text, v.refs, v.metadata, v.rules) {
		stored.MD5 = v.hash[:]
	}
	return Record{Kind: SchemaRecord, Subject: v.subject, Version: v.number, ID: v.id, Time: now, Schema: stored}
}
