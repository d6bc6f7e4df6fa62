package rest

import (
	"strings"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

func getConfig(c *call) (*reply, error) {
	return ok(c.reg.Config(c.r.Context(), c.subject(), c.flag("defaultToGlobal")))
}

func putConfig(c *call) (*reply, error) {
	var update api.ConfigUpdate
	if err := c.body(&update); err != nil {
		return nil, err
	}
	cfg, err := c.reg.SetConfig(c.r.Context(), registry.ConfigChange{Scope: c.subject(), Update: update})
	if err != nil {
		return nil, err
	}
	return &reply{json: cfg.Echo()}, nil
}

func deleteConfig(c *call) (*reply, error) {
	return ok(c.reg.DeleteConfig(c.r.Context(), registry.ConfigDeletion{Scope: c.subject()}))
}

func modeOf(mode string, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	if mode == "" {
		return &reply{json: api.Mode{}}, nil
	}
	return &reply{json: api.Mode{Mode: &mode}}, nil
}

func getMode(c *call) (*reply, error) {
	return modeOf(c.reg.Mode(c.r.Context(), c.subject(), c.flag("defaultToGlobal")))
}

// putMode echoes what was asked for; null goes back to the inherited mode.
func putMode(c *call) (*reply, error) {
	var update api.Mode
	if err := c.body(&update); err != nil {
		return nil, err
	}
	mode := ""
	if update.Mode != nil {
		if mode = *update.Mode; strings.TrimSpace(mode) == "" {
			return nil, api.InvalidMode.With()
		}
	}
	return modeOf(c.reg.SetMode(c.r.Context(), registry.ModeChange{Scope: c.subject(), Mode: mode, Force: c.flag("force")}))
}

func deleteMode(c *call) (*reply, error) {
	return modeOf(c.reg.DeleteMode(c.r.Context(), registry.ModeDeletion{Scope: c.subject(), Recursive: c.flag("recursive")}))
}
