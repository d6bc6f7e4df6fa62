package registry

import (
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// A policy is what decisions depend on beside the state: it never changes.
type policy struct {
	*parser
	compat       Compatibility
	defaultLevel string
	fixedModes   bool
	rejectEmpty  bool
}

// A command is a wish to change the state.
type command interface {
	// decide is pure: it performs no I/O, reads no clock and changes nothing. It
	// returns the records that fulfil the wish, none if it is fulfilled already,
	// and the answer once the log has them.
	decide(p *policy, st *State, now int64) (decision, error)
	// target names the wish and what it is about, for an audit log.
	target() (action, scope string)
	// mark identifies what the wish changes, as it is in a state.
	mark(st *State) string
}

type decision struct {
	records []Record
	answer  any
}

// decide is the whole of what may happen to a registry.
func decide(p *policy, st *State, cmd command, now time.Time) (decision, error) {
	return cmd.decide(p, st, now.UnixMilli())
}

// markSubject is the GUID of the latest version, soft-deleted or not, with a
// sign for the former.
func markSubject(st *State, name string) string {
	subject := normalName(name)
	if v := st.latest(subject); v != nil {
		return v.hash.guid()
	}
	if all := st.versions(subject); len(all) > 0 {
		return "deleted:" + all[len(all)-1].hash.guid()
	}
	return ""
}

// A Version is one version of a subject as it is stored.
type Version struct {
	Subject    string // qualified
	Number     int
	ID         int
	GUID       string
	Type       lang.Type
	Text       string
	References []api.Reference
	Metadata   *api.Metadata
	RuleSet    *api.RuleSet
	Time       int64 // of registration, milliseconds since 1970
	Deleted    bool
}

func (v *version) describe() Version {
	return Version{
		Subject: v.subject, Number: v.number, ID: v.id, GUID: v.guid, Type: lang.Type(v.typ), Text: v.text,
		References: v.refs, Metadata: v.metadata, RuleSet: v.rules, Time: v.time, Deleted: v.deleted,
	}
}
