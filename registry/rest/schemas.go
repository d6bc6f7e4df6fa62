package rest

import (
	"cmp"
	"errors"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// maxSchemas is how many schemas one answer lists at most.
const maxSchemas = 1000

// unparsed returns the error that says that a schema is invalid, or nil.
func unparsed(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) && e.Code == api.InvalidSchema {
		return e
	}
	return nil
}

// unassociated reports whether the filters of a list keep what has no
// association, which is every schema here.
func (c *call) unassociated() (bool, error) {
	filtered := c.query.Has("resourceType") || c.query.Has("associationType") || c.query.Has("lifecycle")
	keeps := !filtered
	for _, lifecycle := range c.query["lifecycle"] {
		switch lifecycle {
		case "NONE":
			keeps = true
		case "STRONG", "WEAK":
		default:
			return false, api.NotFound.With()
		}
	}
	return keeps, nil
}

func listSchemas(c *call) (*reply, error) {
	keeps, err := c.unassociated()
	if err != nil {
		return nil, err
	}
	var all []registry.Version
	if keeps {
		all = c.reg.Schemas(registry.Listing{
			Prefix: c.optional("subjectPrefix"), Visible: c.visible(), LatestOnly: c.flag("latestOnly"),
			RuleType: c.query.Get("ruleType"), Aliases: c.flag("aliases"),
		})
	}
	found, err := page(c, readable(c, all, func(v registry.Version) string { return v.Subject }), maxSchemas)
	if err != nil {
		return nil, err
	}
	out := make([]api.Schema, len(found))
	for i, v := range found {
		if err := c.r.Context().Err(); err != nil { // a form of each text costs time that nobody waits for any more
			return nil, err
		}
		out[i] = c.schema(v)
	}
	if c.flag("aliases") {
		names := c.reg.AliasesOf()
		for i := range out {
			out[i].Aliases = readable(c, names[out[i].Subject], func(s string) string { return s })
		}
	}
	return &reply{json: out}, nil
}

func types(c *call) (*reply, error) { return &reply{json: c.reg.Types()}, nil }

func (c *call) findByID() (registry.Version, error) {
	id, err := c.id()
	if err != nil {
		return registry.Version{}, err
	}
	v, err := c.reg.ByID(c.r.Context(), id, c.subjectParameter())
	if err == nil {
		err = c.mayRead(v)
	}
	return v, err
}

// schemaString describes a schema without its place.
func (c *call) schemaString(v registry.Version) api.SchemaString {
	return api.SchemaString{
		GUID: v.GUID, SchemaType: string(v.Type), Schema: c.text(v), References: c.references(v), Metadata: v.Metadata,
		RuleSet: v.RuleSet, Tags: c.tags(v), Time: &v.Time, Deleted: &v.Deleted,
	}
}

// forEver reports whether the answer for an id depends on nothing that changes.
func (c *call) forEver() bool {
	return !c.query.Has("subject") && !c.query.Has("fetchMaxId") && !c.query.Has("findTags")
}

func getByID(c *call) (*reply, error) {
	plain := c.r.URL.RawQuery == "" && c.vars.subject == "" && len(c.query) == 0
	now := c.reg.Offset()
	if plain && c.opts.Access == nil { // else the answer depends on who asks
		if id, err := c.id(); err == nil {
			if ready := c.answers.at(id, now); ready != nil {
				return &reply{ready: ready, immutable: true}, nil
			}
		}
	}
	v, err := c.findByID()
	if err != nil {
		return nil, err
	}
	if plain {
		if ready := c.answers.get(&v, now); ready != nil {
			return &reply{ready: ready, immutable: true}, nil
		}
	}
	out := c.schemaString(v)
	if c.query.Get("subject") != "" && c.allowed(api.Read, v.Subject) { // another subject may have allowed it
		out.Subject, out.Version = v.Subject, v.Number
	}
	if c.flag("fetchMaxId") {
		highest := c.reg.MaxID(v.Subject)
		out.MaxID = &highest
	}
	answer := &reply{json: out, immutable: c.forEver()}
	if plain {
		body, err := answer.encode()
		if err != nil {
			return nil, err
		}
		answer.ready = c.answers.put(&v, body, now)
	}
	return answer, nil
}

func getTextByID(c *call) (*reply, error) {
	v, err := c.findByID()
	if err != nil {
		return nil, err
	}
	return &reply{text: c.text(v), immutable: c.forEver()}, nil
}

func (c *call) uses() ([]api.SubjectVersion, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	uses, err := c.reg.Uses(c.r.Context(), id, c.subjectParameter(), c.visible())
	return readable(c, uses, func(u api.SubjectVersion) string { return u.Subject }), err
}

func versionsOfID(c *call) (*reply, error) {
	uses, err := c.uses()
	if err != nil {
		return nil, err
	}
	return ok(page(c, uses, unlimited))
}

func subjectsOfID(c *call) (*reply, error) {
	uses, err := c.uses()
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, u := range uses { // in the order of subjects
		if len(out) == 0 || out[len(out)-1] != u.Subject {
			out = append(out, u.Subject)
		}
	}
	return ok(page(c, out, unlimited))
}

func (c *call) findByGUID() (registry.Version, error) {
	v, err := c.reg.ByGUID(c.r.Context(), c.vars.guid)
	if err != nil {
		return v, err
	}
	refused := c.mayRead(v)
	if refused == nil {
		return v, nil
	}
	// Another context may have it where the request may read it.
	ids, err := c.reg.IDsOfGUID(c.r.Context(), c.vars.guid)
	for _, id := range ids {
		if v, err := c.reg.ByID(c.r.Context(), id.ID, ":"+id.Context+":"); err == nil && c.mayRead(v) == nil {
			return v, nil
		}
	}
	return registry.Version{}, cmp.Or(err, refused)
}

func getByGUID(c *call) (*reply, error) {
	v, err := c.findByGUID()
	if err != nil {
		return nil, err
	}
	return &reply{json: c.schemaString(v), immutable: c.forEver()}, nil
}

func idsOfGUID(c *call) (*reply, error) {
	if _, err := c.findByGUID(); err != nil && !errors.Is(err, api.SchemaNotFound) {
		return nil, err
	}
	ids, err := c.reg.IDsOfGUID(c.r.Context(), c.vars.guid)
	if err != nil {
		return nil, err
	}
	out := []api.ContextID{}
	for _, id := range ids {
		if v, err := c.reg.ByID(c.r.Context(), id.ID, ":"+id.Context+":"); err == nil && c.mayRead(v) == nil {
			out = append(out, id)
		}
	}
	return ok(out, nil)
}
