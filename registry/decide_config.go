package registry

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// config returns the settings in effect for a scope: those of the first of
// subject, context (or server, for the default context) and all contexts that
// has any. One without a level means the default of the server, not the next
// level: a surprise that clients of the protocol rely on. A named context does
// not inherit from the server.
func (p *policy) config(st *State, scope string) api.Config {
	for i, s := range scopes(scope) {
		cfg, ok := st.configs.Get(s)
		if !ok {
			continue
		}
		out := *cfg
		if i == 0 && s != "" && s != globalScope {
			if global, ok := st.configs.Get(""); ok {
				inherit(&out.Normalize, global.Normalize)
				inherit(&out.ValidateFields, global.ValidateFields)
				inherit(&out.ValidateNewSchemas, global.ValidateNewSchemas)
				inherit(&out.ValidateRules, global.ValidateRules)
				inherit(&out.CompatibilityPolicy, global.CompatibilityPolicy)
				inherit(&out.CompatibilityGroup, global.CompatibilityGroup)
			}
		}
		return p.withLevel(out)
	}
	return p.withLevel(api.Config{})
}

// scopes returns where a setting or a mode of a scope is looked for, in order.
func scopes(scope string) []string {
	context, name := splitName(scope)
	above := joinName(context, "")
	switch {
	case scope == globalScope:
		return []string{globalScope}
	case name == "":
		return []string{above, globalScope}
	}
	return []string{scope, above, globalScope}
}

func inherit[T any](own **T, above *T) {
	if *own == nil {
		*own = above
	}
}

// normalize reports whether texts of a subject are normalized.
func (p *policy) normalize(st *State, subject string) bool {
	return isTrue(p.config(st, subject).Normalize)
}

// validateNew reports whether new schemas must keep to the letter.
func (p *policy) validateNew(st *State, subject string) bool {
	v := p.config(st, subject).ValidateNewSchemas
	return v == nil || *v
}

// referable says which versions new schemas of a subject may refer to.
func (p *policy) referable(st *State, subject string) Visible {
	if p.validateNew(st, subject) {
		return Live
	}
	return All
}

func isTrue(b *bool) bool { return b != nil && *b }

// withLevel fills in the level of the server.
func (p *policy) withLevel(c api.Config) api.Config {
	if c.Level() == "" {
		level := p.defaultLevel
		c.CompatibilityLevel = &level
	}
	return c
}

// A ConfigChange asks for other settings of a scope: a subject, a context
// spelled :.context:, or "" for the server.
type ConfigChange struct {
	Scope  string
	Update api.ConfigUpdate
}

func (c ConfigChange) target() (action, scope string) { return "set_config", c.Scope }
func (c ConfigChange) mark(st *State) string          { return markConfig(st, c.Scope) }

func markConfig(st *State, scope string) string {
	cfg, ok := st.configs.Get(normalName(scope))
	if !ok {
		return ""
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return "" // a Config holds nothing that JSON cannot
	}
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

func (c ConfigChange) decide(p *policy, st *State, now int64) (decision, error) {
	scope, err := newScope(c.Scope)
	if err != nil {
		return decision{}, err
	}
	update, err := checkUpdate(c.Update)
	if err != nil {
		return decision{}, err
	}
	if p.readOnly(st, scope) {
		return decision{}, readOnly(scope)
	}
	merged := plainConfig(at(st.configs, scope)).Merge(update)
	if weight(&merged) > p.limits.Text {
		return decision{}, api.SchemaTooLarge.With()
	}
	record := Record{Kind: ConfigRecord, Subject: scope, Time: now, Config: &merged}
	return decision{[]Record{record}, merged}, nil
}

func plainConfig(c *api.Config) api.Config {
	if c == nil {
		return api.Config{}
	}
	return *c
}

// checkUpdate returns an update in the form in which it is stored.
func checkUpdate(u api.ConfigUpdate) (api.ConfigUpdate, error) {
	if asked := u.Compatibility.Value; asked != nil {
		level, ok := parseLevel(*asked)
		if !ok {
			return u, api.InvalidCompatibility.With()
		}
		u.Compatibility = api.Set(level)
	}
	if asked := u.CompatibilityPolicy.Value; asked != nil {
		policy := strings.ToUpper(*asked)
		if !slices.Contains([]string{PolicyStrict, PolicyLenient}, policy) {
			return u, api.UnprocessableEntity.With(fmt.Sprintf("compatibilityPolicy %q: expected STRICT or LENIENT", *asked))
		}
		u.CompatibilityPolicy = api.Set(policy)
	}
	for _, metadata := range []*api.Field[api.Metadata]{&u.DefaultMetadata, &u.OverrideMetadata} {
		metadata.Value = sortMetadata(metadata.Value)
	}
	for _, rules := range []*api.Field[api.RuleSet]{&u.DefaultRuleSet, &u.OverrideRuleSet} {
		checked, err := checkRules(rules.Value)
		if err != nil {
			return u, err
		}
		rules.Value = checked
	}
	return u, nil
}

// A ConfigDeletion asks that a scope go back to what it inherits.
type ConfigDeletion struct {
	Scope string
}

func (c ConfigDeletion) target() (action, scope string) { return "delete_config", c.Scope }
func (c ConfigDeletion) mark(st *State) string          { return markConfig(st, c.Scope) }

func (c ConfigDeletion) decide(p *policy, st *State, now int64) (decision, error) {
	scope, err := newScope(c.Scope)
	if err != nil {
		return decision{}, err
	}
	if p.readOnly(st, scope) {
		return decision{}, readOnly(scope)
	}
	old, ok := st.configs.Get(scope)
	if !ok {
		if scope != "" {
			return decision{}, api.SubjectNotFound.With(scope)
		}
		return decision{answer: p.withLevel(api.Config{})}, nil
	}
	record := Record{Kind: ConfigRecord, Subject: scope, Time: now}
	return decision{[]Record{record}, p.withLevel(*old)}, nil
}
