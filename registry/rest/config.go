package rest

import (
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

func getConfig(c *call) (*reply, error) {
	return settings(c.reg.Config(c.r.Context(), c.subject(), c.flag("defaultToGlobal")))
}

// settings answers with a Config. What is set to nothing is left out, as in all
// answers but the echo of a change.
func settings(cfg api.Config, err error) (*reply, error) {
	for _, text := range []**string{&cfg.Alias, &cfg.AliasForDeks, &cfg.CompatibilityGroup} {
		if *text != nil && **text == "" {
			*text = nil
		}
	}
	return ok(cfg, err)
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
	return settings(c.reg.DeleteConfig(c.r.Context(), registry.ConfigDeletion{Scope: c.subject()}))
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

// putMode echoes what was asked for, as it was spelled. Null goes back to the
// inherited mode, which whoever misspells the field does not mean.
func putMode(c *call) (*reply, error) {
	var update struct {
		Mode api.Field[string] `json:"mode"`
	}
	if err := c.body(&update); err != nil {
		return nil, err
	}
	change := registry.ModeChange{Scope: c.subject(), Force: c.flag("force")}
	if asked := update.Mode.Value; asked != nil {
		change.Mode = *asked
	}
	if !update.Mode.Present || update.Mode.Value != nil && change.Mode == "" {
		return nil, api.InvalidMode.With()
	}
	if _, err := c.reg.SetMode(c.r.Context(), change); err != nil {
		return nil, err
	}
	return &reply{json: api.Mode{Mode: update.Mode.Value}}, nil
}

func deleteMode(c *call) (*reply, error) {
	return modeOf(c.reg.DeleteMode(c.r.Context(), registry.ModeDeletion{Scope: c.subject(), Recursive: c.flag("recursive")}))
}
