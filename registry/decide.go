package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// A policy is what decisions depend on beside the state: it never changes.
type policy struct {
	*parser
	compat       Compatibility
	defaultLevel string
}

// A command is a wish to change the state.
type command interface {
	// decide is pure: it performs no I/O, reads no clock and changes nothing. It
	// returns the records that fulfil the wish, none if it is fulfilled already,
	// and the answer once the log has them.
	decide(p *policy, st *State, now int64) (decision, error)
}

type decision struct {
	records []Record
	answer  any
}

// decide is the whole of what may happen to a registry.
func decide(p *policy, st *State, cmd command, now time.Time) (decision, error) {
	return cmd.decide(p, st, now.UnixMilli())
}

// A Registration asks for a new version of a subject.
type Registration struct {
	Subject   string
	Request   api.RegisterRequest
	Normalize bool
	Force     bool // skips the compatibility check
}

// A Registered is the version that fulfils a registration.
type Registered struct {
	Version
	Existed bool
}

func (c Registration) decide(p *policy, st *State, now int64) (decision, error) {
	subject, err := newSubject(c.Subject)
	if err != nil {
		return decision{}, err
	}
	req := c.Request
	prev := st.latest(subject)
	if strings.TrimSpace(req.Schema) == "" {
		if prev == nil {
			return decision{}, api.InvalidSchema.With("Empty schema")
		}
		req.Schema, req.SchemaType, req.References = prev.text, prev.typ, prev.refs
	}
	cand, err := p.candidate(st, subject, req, c.Normalize || p.normalize(st, subject), Live)
	if err != nil {
		return decision{}, err
	}
	if req.Version <= 0 {
		found := p.findFilled(st, subject, cand, Live, req.Version == Latest)
		if found != nil && (req.ID == nil || *req.ID < 0 || *req.ID == found.id) {
			return decision{answer: Registered{found.describe(), true}}, nil
		}
	}
	if req.ID != nil && *req.ID >= 0 {
		return decision{}, api.OperationNotPermitted.With(fmt.Sprintf("Subject %s in context  is not in import mode", subject))
	}
	return c.append(p, st, subject, cand, now)
}

// append decides about a schema that the subject does not hold.
func (c Registration) append(p *policy, st *State, subject string, cand *candidate, now int64) (decision, error) {
	all := st.subjects.get(subject)
	next := 1
	if len(all) > 0 {
		next = all[len(all)-1].number + 1
	}
	if prev := st.latest(subject); cand.metadata == nil && prev != nil {
		cand.metadata = prev.metadata
	}
	if _, counted := plain(cand.metadata).Properties[versionProperty]; counted || c.Request.Version != 0 {
		cand.metadata = withVersion(cand.metadata, next)
	}
	if !c.Force {
		live := st.visible(subject, Live)
		slices.Reverse(live)
		q := check{level: p.level(st, subject), typ: cand.typ, newer: cand.schema, history: live}
		if msgs := p.messages(st, q); len(msgs) > 0 {
			return decision{}, api.IncompatibleSchema.With(subject, strings.Join(msgs, ", "))
		}
	}
	if c.Request.Version > 0 && c.Request.Version != next {
		return decision{}, api.InvalidSchema.With("Version is not one more than previous version")
	}
	id, known := st.byHash.find(cand.hash())
	if !known {
		id = st.maxID + 1
	}
	body := &content{id, string(cand.typ), cand.text, cand.refs, cand.metadata, cand.hash()}
	v := &version{content: body, subject: subject, number: next, time: now}
	records := []Record{v.record(false, now)}
	// A soft-deleted version with the same id has come back under a new number.
	for _, old := range all {
		if old.deleted && old.id == id && len(st.users.get(old.name())) == 0 {
			records = append(records, Record{Kind: PurgeRecord, Subject: subject, Version: old.number, Time: now})
		}
	}
	return decision{records, Registered{v.describe(), false}}, nil
}

// A Version is one version of a subject as it is stored.
type Version struct {
	Subject    string
	Number     int
	ID         int
	GUID       string
	Type       lang.Type
	Text       string
	References []api.Reference
	Metadata   *api.Metadata
	Time       int64 // of registration, milliseconds since 1970
	Deleted    bool
}

func (v *version) describe() Version {
	return Version{
		Subject: v.subject, Number: v.number, ID: v.id, GUID: v.hash.guid(), Type: lang.Type(v.typ), Text: v.text,
		References: v.refs, Metadata: v.metadata, Time: v.time, Deleted: v.deleted,
	}
}
