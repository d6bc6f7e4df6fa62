package rest

import (
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// global reports whether a path of settings names no subject.
func (c *call) global() bool { return c.subject() == "" || c.subject() == ":.:" }

func getConfig(c *call) (*reply, error) {
	if c.global() {
		return ok(c.reg.Config(c.r.Context(), "", true))
	}
	return ok(c.reg.Config(c.r.Context(), c.subject(), c.flag("defaultToGlobal")))
}

func putConfig(c *call) (*reply, error) {
	var update api.ConfigUpdate
	if err := c.body(&update); err != nil {
		return nil, err
	}
	cfg, err := c.reg.SetConfig(c.r.Context(), registry.ConfigChange{Subject: c.subject(), Global: c.global(), Update: update})
	if err != nil {
		return nil, err
	}
	return &reply{json: cfg.Echo()}, nil
}

func deleteConfig(c *call) (*reply, error) {
	return ok(c.reg.DeleteConfig(c.r.Context(), registry.ConfigDeletion{Subject: c.subject(), Global: c.global()}))
}

func getMode(c *call) (*reply, error) {
	if !c.global() && !c.flag("defaultToGlobal") {
		return nil, api.SubjectModeNotSet.With(c.subject())
	}
	mode := api.ModeReadWrite
	return &reply{json: api.Mode{Mode: &mode}}, nil
}

func putMode(*call) (*reply, error) {
	return nil, api.OperationNotPermitted.With("Mode changes are not allowed")
}
