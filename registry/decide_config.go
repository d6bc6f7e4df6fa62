package registry

import (
	"github.com/wireproof/wireproof/registry/api"
)

// level returns the compatibility level in effect for a subject. A record of the
// subject without a level means the default of the server, not the global
// level: a surprise that clients of the protocol rely on.
func (p *policy) level(st *State, subject string) string {
	cfg, ok := st.configs.find(subject)
	if !ok {
		cfg = st.configs.get("")
	}
	return *p.withLevel(cfg).CompatibilityLevel
}

// normalize reports whether texts of a subject are normalized.
func (p *policy) normalize(st *State, subject string) bool {
	own := st.configs.get(subject).Normalize
	if own == nil {
		own = st.configs.get("").Normalize
	}
	return own != nil && *own
}

// withLevel fills in the level of the server.
func (p *policy) withLevel(c api.Config) api.Config {
	if c.Level() == "" {
		level := p.defaultLevel
		c.CompatibilityLevel = &level
	}
	return c
}

// A ConfigChange asks for other settings of a subject, or of the server if
// Global is set.
type ConfigChange struct {
	Subject string
	Global  bool
	Update  api.ConfigUpdate
}

func (c ConfigChange) decide(_ *policy, st *State, now int64) (decision, error) {
	subject, err := configSubject(c.Subject, c.Global)
	if err != nil {
		return decision{}, err
	}
	if asked := c.Update.Compatibility.Value; asked != nil {
		level, ok := parseLevel(*asked)
		if !ok {
			return decision{}, api.InvalidCompatibility.With()
		}
		c.Update.Compatibility = api.Set(level)
	}
	merged := st.configs.get(subject).Merge(c.Update)
	record := Record{Kind: ConfigRecord, Subject: subject, Time: now, Config: &merged}
	return decision{[]Record{record}, merged}, nil
}

// A ConfigDeletion asks that a subject, or the server if Global is set, go back
// to what it inherits.
type ConfigDeletion struct {
	Subject string
	Global  bool
}

func (c ConfigDeletion) decide(p *policy, st *State, now int64) (decision, error) {
	subject, err := configSubject(c.Subject, c.Global)
	if err != nil {
		return decision{}, err
	}
	old, ok := st.configs.find(subject)
	if !ok {
		if subject != "" {
			return decision{}, api.SubjectNotFound.With(subject)
		}
		return decision{answer: p.withLevel(old)}, nil
	}
	record := Record{Kind: ConfigRecord, Subject: subject, Time: now}
	return decision{[]Record{record}, p.withLevel(old)}, nil
}

// configSubject returns the key of settings. The default context, spelled out,
// is the server.
func configSubject(name string, global bool) (string, error) {
	if global || name == defaultContext {
		return "", nil
	}
	return newSubject(name)
}
