package rest

import (
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

func listSubjects(c *call) (*reply, error) {
	all := c.reg.Subjects(c.optional("subjectPrefix"), c.visibleOrOnlyDeleted())
	return ok(page(c, readable(c, all, func(s string) string { return s }), unlimited))
}

func lookup(c *call) (*reply, error) {
	req, err := c.schemaRequest()
	if err != nil {
		return nil, err
	}
	v, err := c.reg.Lookup(c.r.Context(), registry.Lookup{
		Subject: c.subject(), Request: req, Normalize: c.flag("normalize"), Visible: c.visible(),
	})
	if err == nil {
		err = c.may(api.Read, v.Subject) // it may be in another context
	}
	if err != nil {
		return nil, err
	}
	return &reply{json: c.schema(v)}, nil
}

func deleteSubject(c *call) (*reply, error) {
	return ok(c.reg.DeleteSubject(c.r.Context(), registry.SubjectDeletion{Subject: c.subject(), Permanent: c.flag("permanent")}))
}

func byMetadata(c *call) (*reply, error) {
	keys, values := c.query["key"], c.query["value"]
	want := map[string]string{}
	for i := range min(len(keys), len(values)) {
		want[keys[i]] = values[i]
	}
	v, err := c.reg.WithProperties(c.r.Context(), c.subject(), want, c.visible())
	if err == nil {
		err = c.may(api.Read, v.Subject)
	}
	if err != nil {
		return nil, err
	}
	return &reply{json: c.schema(v)}, nil
}

func listVersions(c *call) (*reply, error) {
	which := c.visibleOrOnlyDeleted()
	negative := c.flag("deletedAsNegative")
	if negative {
		which = registry.All
		if !c.flag("deleted") && !c.flag("deletedOnly") {
			// The subject must have a live version to be seen.
			if _, err := c.reg.Versions(c.r.Context(), c.subject(), registry.Live); err != nil {
				return nil, err
			}
		}
	}
	versions, err := c.reg.Versions(c.r.Context(), c.subject(), which)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(versions))
	for i, v := range versions {
		out[i] = v.Number
		if negative && v.Deleted {
			out[i] = -v.Number
		}
	}
	return ok(page(c, out, unlimited))
}

func register(c *call) (*reply, error) {
	req, err := c.schemaRequest()
	if err != nil {
		return nil, err
	}
	v, err := c.reg.Register(c.r.Context(), registry.Registration{
		Subject: c.subject(), Request: req, Normalize: c.flag("normalize"), Force: c.flag("force"),
	})
	if err != nil {
		return nil, err
	}
	return c.registered(v), nil
}

func (c *call) registered(v registry.Registered) *reply {
	out := api.RegisterResponse{
		ID: v.ID, Version: v.Number, GUID: v.GUID, SchemaType: string(v.Type),
		References: v.References, Metadata: v.Metadata, RuleSet: v.RuleSet, Schema: c.text(v.Version),
	}
	if v.Existed {
		out.Time, out.Deleted = &v.Time, &v.Deleted
	}
	return &reply{json: out}
}

func tag(c *call) (*reply, error) {
	n, err := c.version()
	if err != nil {
		return nil, err
	}
	var req api.TagRequest
	if err := c.body(&req); err != nil {
		return nil, err
	}
	if err := fits("newVersion", req.NewVersion); err != nil {
		return nil, err
	}
	v, err := c.reg.Tag(c.r.Context(), registry.Tagging{Subject: c.subject(), Version: n, Request: req})
	if err != nil {
		return nil, err
	}
	return c.registered(v), nil
}

// findVersion reads the version in the path.
func (c *call) findVersion() (registry.Version, error) {
	n, err := c.version()
	if err != nil {
		return registry.Version{}, err
	}
	return c.versionAt(n, c.visible())
}

// versionAt returns a version of the subject in the path, or of the same name in
// another context.
func (c *call) versionAt(n int, which registry.Visible) (registry.Version, error) {
	v, err := c.reg.Version(c.r.Context(), c.subject(), n, which)
	if err == nil {
		err = c.may(api.Read, v.Subject) // it may be in another context
	}
	return v, err
}

func getVersion(c *call) (*reply, error) {
	v, err := c.findVersion()
	if err != nil {
		return nil, err
	}
	return &reply{json: c.schema(v)}, nil
}

func getVersionText(c *call) (*reply, error) {
	v, err := c.findVersion()
	if err != nil {
		return nil, err
	}
	return &reply{text: c.text(v)}, nil
}

func deleteVersion(c *call) (*reply, error) {
	n, err := c.version()
	if err != nil {
		return nil, err
	}
	return ok(c.reg.DeleteVersion(c.r.Context(), registry.VersionDeletion{Subject: c.subject(), Version: n, Permanent: c.flag("permanent")}))
}

func referencedBy(c *call) (*reply, error) {
	n, err := c.version()
	if err != nil {
		return nil, err
	}
	v, err := c.versionAt(n, registry.All)
	if err != nil {
		return nil, err
	}
	ids, err := c.reg.ReferencedBy(c.r.Context(), v.Subject, v.Number, c.visible())
	if err != nil {
		return nil, err
	}
	return ok(page(c, ids, unlimited))
}

func checkAll(c *call) (*reply, error) { return c.check(0) }

func checkVersion(c *call) (*reply, error) {
	n, err := c.version()
	if err != nil {
		return nil, err
	}
	return c.check(n)
}

func (c *call) check(version int) (*reply, error) {
	req, err := c.schemaRequest()
	if err != nil {
		return nil, err
	}
	verbose := c.flag("verbose")
	messages, err := c.reg.Check(c.r.Context(), registry.Check{
		Subject: c.subject(), Version: version, Request: req, Normalize: c.flag("normalize"),
	})
	if refused := unparsed(err); refused != nil && verbose && req.Schema != "" {
		messages, err = []string{refused.Message}, nil
	}
	if err != nil {
		return nil, err
	}
	out := api.CompatibilityResponse{Compatible: len(messages) == 0}
	if verbose {
		if messages == nil {
			messages = []string{}
		}
		out.Messages = &messages
	}
	return &reply{json: out}, nil
}
