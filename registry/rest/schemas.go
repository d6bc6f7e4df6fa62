package rest

import (
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

func listSchemas(c *call) (*reply, error) {
	found, err := page(c, c.reg.Schemas(registry.Listing{
		Prefix: c.optional("subjectPrefix"), Visible: c.visible(), LatestOnly: c.flag("latestOnly"),
	}), maxSchemas)
	if err != nil {
		return nil, err
	}
	out := make([]api.Schema, len(found))
	for i, v := range found {
		out[i] = c.schema(v)
	}
	return &reply{json: out}, nil
}

func types(c *call) (*reply, error) { return &reply{json: c.reg.Types()}, nil }

func (c *call) findByID() (registry.Version, error) {
	id, err := c.id()
	if err != nil {
		return registry.Version{}, err
	}
	return c.reg.ByID(c.r.Context(), id, c.query.Get("subject"))
}

// schemaString describes a schema without its place.
func (c *call) schemaString(v registry.Version) api.SchemaString {
	return api.SchemaString{
		GUID: v.GUID, SchemaType: string(v.Type), Schema: c.text(v), References: v.References, Metadata: v.Metadata,
		Time: &v.Time, Deleted: &v.Deleted,
	}
}

func getByID(c *call) (*reply, error) {
	v, err := c.findByID()
	if err != nil {
		return nil, err
	}
	out := c.schemaString(v)
	if c.query.Get("subject") != "" {
		out.Subject, out.Version = v.Subject, v.Number
	}
	if c.flag("fetchMaxId") {
		highest := c.reg.MaxID()
		out.MaxID = &highest
	}
	return &reply{json: out}, nil
}

func getTextByID(c *call) (*reply, error) {
	v, err := c.findByID()
	if err != nil {
		return nil, err
	}
	return &reply{text: c.text(v)}, nil
}

func (c *call) uses() ([]api.SubjectVersion, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return c.reg.Uses(c.r.Context(), id, c.visible())
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

func getByGUID(c *call) (*reply, error) {
	v, err := c.reg.ByGUID(c.r.Context(), c.vars["guid"])
	if err != nil {
		return nil, err
	}
	return &reply{json: c.schemaString(v)}, nil
}

func idsOfGUID(c *call) (*reply, error) {
	v, err := c.reg.ByGUID(c.r.Context(), c.vars["guid"])
	out := []api.ContextID{}
	switch {
	case err == nil:
		out = append(out, api.ContextID{Context: ".", ID: v.ID})
	case !errors.Is(err, api.SchemaNotFound):
		return nil, err
	}
	return &reply{json: out}, nil
}
