package registry

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

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

func (c Registration) target() (action, scope string) { return "register", c.Subject }
func (c Registration) mark(st *State) string          { return markSubject(st, c.Subject) }

// givenID returns the id that an import asks for, or -1.
func (c Registration) givenID() int {
	if c.Request.ID == nil || *c.Request.ID < 0 {
		return -1
	}
	return *c.Request.ID
}

func (c Registration) tagged() bool {
	return c.givenID() < 0 && (len(c.Request.TagsToAdd) > 0 || len(c.Request.TagsToRemove) > 0 || c.Request.PropagateTags)
}

// decide follows section "register, step by step" of the protocol.
func (c Registration) decide(p *policy, st *State, now int64) (decision, error) {
	subject, err := p.newSubject(c.Subject)
	if err != nil {
		return decision{}, err
	}
	importing := c.givenID() >= 0
	normalize := !importing && (c.Normalize || p.normalize(st, subject))
	if !c.tagged() && strings.TrimSpace(c.Request.Schema) != "" {
		found, err := c.existing(p, st, subject, normalize)
		if err != nil {
			return decision{}, err
		}
		if found != nil {
			return decision{answer: *found}, nil
		}
	}
	if err := p.checkMode(st, subject, importing); err != nil {
		return decision{}, err
	}
	which := p.referable(st, subject)
	if importing {
		which = All
	}
	req, err := c.completed(p, st, subject, which)
	if err != nil {
		return decision{}, err
	}
	cand, err := p.candidate(st, subject, req, normalize, which)
	if err != nil {
		return decision{}, err
	}
	if importing {
		return c.bring(st, subject, cand, now)
	}
	return c.append(p, st, subject, cand, now)
}

// existing returns what the subject holds already, or nil. No mode forbids to be
// told, except where settings add to what is registered, as the protocol has it.
func (c Registration) existing(p *policy, st *State, subject string, normalize bool) (*Registered, error) {
	cand, err := p.candidate(st, subject, c.Request, normalize, All)
	if err != nil {
		return nil, err
	}
	if c.givenID() >= 0 {
		cand.keepText()
	}
	number, id := c.Request.Version, c.givenID()
	if number > 0 && id < 0 {
		return nil, nil // it must be the next version
	}
	if cfg := p.config(st, subject); cfg.DefaultMetadata != nil || cfg.OverrideMetadata != nil || cfg.DefaultRuleSet != nil || cfg.OverrideRuleSet != nil {
		if err := p.checkMode(st, subject, id >= 0); err != nil {
			return nil, err
		}
		if id < 0 {
			p.fill(st, subject, cand)
		}
	}
	found := p.findFilled(st, subject, cand, Live, number == Latest)
	if found == nil || id >= 0 && id != found.id {
		return nil, nil
	}
	if number > 0 && found.number != number {
		// The number may be that of an older version with the same content.
		if found = st.version(subject, number); found == nil || found.deleted || found.id != id || !found.says(cand.content(id)) {
			return nil, nil
		}
	}
	return &Registered{found.describe(), true}, nil
}

// completed returns the request with the text that it leaves out and the tags
// that it asks for; an import is what it is. which says what it may refer to.
func (c Registration) completed(p *policy, st *State, subject string, which Visible) (api.RegisterRequest, error) {
	req := c.Request
	prev := st.latest(subject)
	if strings.TrimSpace(req.Schema) == "" {
		if prev == nil || c.givenID() >= 0 {
			return req, api.InvalidSchema.With("Empty schema")
		}
		req.Schema, req.SchemaType, req.References = prev.text, prev.typ, prev.refs
	}
	if !c.tagged() {
		return req, nil
	}
	cand, err := p.candidate(st, subject, req, false, which)
	if err != nil {
		return req, err
	}
	add, remove := tagsOf(req.TagsToAdd), tagsOf(req.TagsToRemove)
	if req.PropagateTags && prev != nil {
		old, err := p.parseStored(st, prev)
		if err != nil {
			return req, err
		}
		add = append(inherited(old, cand.schema), add...)
	}
	req.Schema, err = retag(cand.schema, add, remove)
	return req, err
}

// append decides about a schema that the subject does not hold.
func (c Registration) append(p *policy, st *State, subject string, cand *candidate, now int64) (decision, error) {
	next := nextNumber(st, subject)
	p.fill(st, subject, cand)
	if _, counted := plain(cand.metadata).Properties[versionProperty]; counted || c.Request.Version != 0 {
		cand.metadata = withVersion(cand.metadata, next)
	}
	if c.Request.Version == 0 && (c.tagged() || strings.TrimSpace(c.Request.Schema) == "") {
		if found := p.find(st, subject, cand, Live, false); found != nil {
			return decision{answer: Registered{found.describe(), true}}, nil
		}
	}
	if p.validateNew(st, subject) {
		if err := checkNew(cand.schema); err != nil {
			return decision{}, err
		}
	}
	if err := p.checkFields(st, subject, cand); err != nil {
		return decision{}, err
	}
	if !c.Force {
		live := slices.Clone(st.visible(subject, Live))
		slices.Reverse(live)
		if msgs := p.messages(st, p.question(st, subject, cand, live)); len(msgs) > 0 {
			return decision{}, api.IncompatibleSchema.With(subject, strings.Join(msgs, ", "))
		}
	}
	if err := p.checkReserved(st, subject, cand); err != nil {
		return decision{}, err
	}
	if c.Request.Version > 0 && c.Request.Version != next {
		return decision{}, api.InvalidSchema.With("Version is not one more than previous version")
	}
	context, _ := splitName(subject)
	id, taken := st.held(cand.content(0), context)
	if taken != none {
		return decision{}, forged(taken, context)
	}
	if id == none {
		id = st.space(context).maxID + 1
	}
	if id > math.MaxInt32 || next > math.MaxInt32 {
		return decision{}, api.OperationNotPermitted.With(fmt.Sprintf(
			"Subject %s in context %s has no id or version left below 2^31", subject, contextText(context)))
	}
	return c.place(st, subject, cand, next, id, now), nil
}

// bring decides about a schema whose id comes from elsewhere. Nothing is checked
// but that it replaces nothing else.
func (c Registration) bring(st *State, subject string, cand *candidate, now int64) (decision, error) {
	cand.keepText()
	context, _ := splitName(subject)
	id, number := c.givenID(), c.Request.Version
	if number <= 0 {
		number = nextNumber(st, subject)
	}
	if id > math.MaxInt32 || number > math.MaxInt32 {
		return decision{}, api.OperationNotPermitted.With(fmt.Sprintf(
			"Subject %s in context %s: id %d or version %d is above 2^31-1", subject, contextText(context), id, number))
	}
	if have := at(st.space(context).byID, id); have.content != nil && have.like(cand.content(id)) == nil {
		return decision{}, overwrite(id, context)
	}
	if have := st.version(subject, number); have != nil && have.id != id {
		return decision{}, api.OperationNotPermitted.With(fmt.Sprintf(
			"Subject %s version %d has id %d, so it cannot be imported with id %d", subject, number, have.id, id))
	}
	return c.place(st, subject, cand, number, id, now), nil
}

// place returns the records of a version that is let in.
func (c Registration) place(st *State, subject string, cand *candidate, number, id int, now int64) decision {
	context, _ := splitName(subject)
	v := &version{content: cand.content(id), subject: subject, number: number, time: now}
	var records []Record
	if context != "" && !st.space(context).listed {
		records = append(records, Record{Kind: ContextRecord, Subject: joinName(context, ""), Time: now})
	}
	records = append(records, v.record(false, now))
	if c.givenID() < 0 {
		// A soft-deleted version with the same id has come back under a new number.
		for _, old := range st.versions(subject) {
			if old.deleted && old.id == id && !st.referred(old.name(), All) {
				records = append(records, Record{Kind: PurgeRecord, Subject: subject, Version: old.number, Time: now})
			}
		}
	}
	return decision{records, Registered{v.describe(), false}}
}

// overwrite refuses to let an id stand for something else than it does.
func overwrite(id int, context string) *api.Error {
	return api.OperationNotPermitted.With(fmt.Sprintf("Overwrite new schema with id %d in context %s is not permitted.", id, contextText(context)))
}

// forged refuses a schema that has the hash of another one: MD5 allows texts that
// are made to, the hash leaves out the type and has nothing between its parts,
// and an id must stand for one schema.
func forged(id int, context string) error {
	e := overwrite(id, context)
	e.Message += " The schema has the same GUID as that one and differs; change it in any way, a space in a doc is enough."
	return e
}

func nextNumber(st *State, subject string) int {
	all := st.versions(subject)
	if len(all) == 0 {
		return 1
	}
	return all[len(all)-1].number + 1
}

// A strict schema knows what its language forbids in new schemas and puts up
// with in old ones.
type strict interface{ CheckStrict() error }

func checkNew(s lang.Schema) error {
	if c, ok := s.(strict); ok {
		if err := c.CheckStrict(); err != nil {
			return invalid(s.Source().Type, err)
		}
	}
	return nil
}

// A Tagging asks for a version that differs from another in its tags, metadata
// or rules.
type Tagging struct {
	Subject string
	Version int // Latest is the highest live one
	Request api.TagRequest
}

func (c Tagging) target() (action, scope string) { return "tag", c.Subject }
func (c Tagging) mark(st *State) string          { return markSubject(st, c.Subject) }

func (c Tagging) decide(p *policy, st *State, now int64) (decision, error) {
	subject, err := p.newSubject(c.Subject)
	if err != nil {
		return decision{}, err
	}
	v, err := st.findVersion(subject, c.Version, Live)
	if err != nil {
		return decision{}, err
	}
	merging := c.Request.RulesToMerge != nil || len(c.Request.RulesToRemove) > 0
	if c.Request.RuleSet != nil && merging {
		return decision{}, api.InvalidRuleSet.With("ruleSet should be omitted if specifying rulesToMerge or rulesToRemove")
	}
	req := api.RegisterRequest{
		Version: c.Request.NewVersion, SchemaType: v.typ, Schema: v.text, References: v.refs,
		Metadata: v.metadata, RuleSet: v.rules,
		TagsToAdd: c.Request.TagsToAdd, TagsToRemove: c.Request.TagsToRemove,
	}
	if req.Version == 0 {
		req.Version = Latest
	}
	if c.Request.Metadata != nil {
		req.Metadata = c.Request.Metadata
	}
	if c.Request.RuleSet != nil {
		req.RuleSet = c.Request.RuleSet
	}
	if merging {
		req.RuleSet = mergeRules(dropRules(v.rules, c.Request.RulesToRemove), c.Request.RulesToMerge)
	}
	return Registration{Subject: subject, Request: req}.decide(p, st, now)
}
