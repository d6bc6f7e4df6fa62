package registry

import (
	"github.com/wireproof/wireproof/registry/api"
)

// A SubjectDeletion asks that all versions of a subject be deleted.
type SubjectDeletion struct {
	Subject   string
	Permanent bool // only what is soft-deleted can be deleted for good
}

func (c SubjectDeletion) target() (action, scope string) {
	return deletion("delete_subject", c.Permanent), c.Subject
}
func (c SubjectDeletion) mark(st *State) string { return markSubject(st, c.Subject) }

func deletion(action string, permanent bool) string {
	if permanent {
		return action + "_permanently"
	}
	return action
}

// decide checks in the order of the protocol, which clients can see.
func (c SubjectDeletion) decide(p *policy, st *State, now int64) (decision, error) {
	subject := normalName(c.Subject)
	all := st.versions(subject)
	if len(all) == 0 {
		return decision{}, api.SubjectNotFound.With(c.Subject)
	}
	live := st.visible(subject, Live)
	if !c.Permanent && len(live) == 0 {
		return decision{}, api.SubjectSoftDeleted.With(subject)
	}
	if p.readOnly(st, subject) {
		return decision{}, readOnly(subject)
	}
	blocking, gone := Live, live
	if c.Permanent {
		blocking, gone = All, all
	}
	for _, v := range gone {
		for user := range st.referrers(v.name(), blocking) {
			if user.subject != subject {
				return decision{}, api.ReferenceExists.With(subject, v.number)
			}
		}
	}
	if c.Permanent && len(live) > 0 {
		return decision{}, api.SubjectNotDeleted.With(subject)
	}
	return decision{remove(st, subject, gone, c.Permanent, now), numbers(gone)}, nil
}

// A VersionDeletion asks that one version be deleted.
type VersionDeletion struct {
	Subject   string
	Version   int // Latest is the highest live one
	Permanent bool
}

func (c VersionDeletion) target() (action, scope string) {
	return deletion("delete_version", c.Permanent), c.Subject
}
func (c VersionDeletion) mark(st *State) string { return markSubject(st, c.Subject) }

func (c VersionDeletion) decide(p *policy, st *State, now int64) (decision, error) {
	subject := normalName(c.Subject)
	if len(st.versions(subject)) == 0 {
		return decision{}, api.SubjectNotFound.With(c.Subject)
	}
	v := st.version(subject, c.Version)
	if c.Version == Latest {
		v = st.latest(subject)
	}
	switch {
	case v == nil:
		return decision{}, api.VersionNotFound.With(c.Version)
	case v.deleted && !c.Permanent:
		return decision{}, api.VersionSoftDeleted.With(subject, v.number)
	case p.readOnly(st, subject):
		return decision{}, readOnly(subject)
	}
	blocking := Live
	if c.Permanent {
		blocking = All
	}
	if st.referred(v.name(), blocking) {
		return decision{}, api.ReferenceExists.With(subject, v.number)
	}
	if c.Permanent && !v.deleted {
		return decision{}, api.VersionNotDeleted.With(subject, v.number)
	}
	return decision{remove(st, subject, []*version{v}, c.Permanent, now), v.number}, nil
}

// remove returns the records that delete versions of one subject.
func remove(st *State, subject string, gone []*version, permanent bool, now int64) []Record {
	var out []Record
	if !permanent {
		for _, v := range gone {
			out = append(out, v.record(true, v.time))
		}
		return out
	}
	context, _ := splitName(subject)
	out = append(out, idRecord(st, context, now))
	for _, v := range gone {
		out = append(out, Record{Kind: PurgeRecord, Subject: subject, Version: v.number, Time: now})
	}
	if _, name := splitName(subject); name == "" || len(gone) < len(st.versions(subject)) {
		return out // the settings of a subject without a name are those of its context
	}
	if _, ok := st.configs.Get(subject); ok {
		out = append(out, Record{Kind: ConfigRecord, Subject: subject, Time: now})
	}
	if _, ok := st.modes.Get(subject); ok {
		out = append(out, Record{Kind: ModeRecord, Subject: subject, Time: now})
	}
	return out
}

func numbers(versions []*version) []int {
	out := make([]int, len(versions))
	for i, v := range versions {
		out[i] = v.number
	}
	return out
}
