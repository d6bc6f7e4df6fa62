package api

import "encoding/json"

// A Config is what a subject, a context or the server is set to. A nil field is
// not set.
type Config struct {
	Alias               *string   `json:"alias,omitempty"` // subject to use instead of this one
	AliasForDeks        *string   `json:"aliasForDeks,omitempty"`
	Normalize           *bool     `json:"normalize,omitempty"`
	ValidateFields      *bool     `json:"validateFields,omitempty"`
	ValidateNewSchemas  *bool     `json:"validateNewSchemas,omitempty"`
	ValidateRules       *bool     `json:"validateRules,omitempty"`
	CompatibilityLevel  *string   `json:"compatibilityLevel,omitempty"`
	CompatibilityPolicy *string   `json:"compatibilityPolicy,omitempty"` // STRICT, LENIENT (JSON Schema) or LOGICAL
	CompatibilityGroup  *string   `json:"compatibilityGroup,omitempty"`  // metadata property that partitions versions
	DefaultMetadata     *Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata    *Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet      *RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet     *RuleSet  `json:"overrideRuleSet,omitempty"`
}

// Level returns the compatibility level, or "" if none is set.
func (c Config) Level() string {
	if c.CompatibilityLevel == nil {
		return ""
	}
	return *c.CompatibilityLevel
}

// A ConfigUpdate is the body of a change of settings and its echo. The protocol
// spells the level differently here than in [Config].
type ConfigUpdate struct {
	Alias               Field[string]   `json:"alias,omitzero"`
	AliasForDeks        Field[string]   `json:"aliasForDeks,omitzero"`
	Normalize           Field[bool]     `json:"normalize,omitzero"`
	ValidateFields      Field[bool]     `json:"validateFields,omitzero"`
	ValidateNewSchemas  Field[bool]     `json:"validateNewSchemas,omitzero"`
	ValidateRules       Field[bool]     `json:"validateRules,omitzero"`
	Compatibility       Field[string]   `json:"compatibility,omitzero"`
	CompatibilityPolicy Field[string]   `json:"compatibilityPolicy,omitzero"`
	CompatibilityGroup  Field[string]   `json:"compatibilityGroup,omitzero"`
	DefaultMetadata     Field[Metadata] `json:"defaultMetadata,omitzero"`
	OverrideMetadata    Field[Metadata] `json:"overrideMetadata,omitzero"`
	DefaultRuleSet      Field[RuleSet]  `json:"defaultRuleSet,omitzero"`
	OverrideRuleSet     Field[RuleSet]  `json:"overrideRuleSet,omitzero"`
}

// Echo returns the answer to an update: the settings after it.
func (c Config) Echo() ConfigUpdate {
	return ConfigUpdate{
		Alias:               fieldOf(c.Alias),
		AliasForDeks:        fieldOf(c.AliasForDeks),
		Normalize:           fieldOf(c.Normalize),
		ValidateFields:      fieldOf(c.ValidateFields),
		ValidateNewSchemas:  fieldOf(c.ValidateNewSchemas),
		ValidateRules:       fieldOf(c.ValidateRules),
		Compatibility:       fieldOf(c.CompatibilityLevel),
		CompatibilityPolicy: fieldOf(c.CompatibilityPolicy),
		CompatibilityGroup:  fieldOf(c.CompatibilityGroup),
		DefaultMetadata:     fieldOf(c.DefaultMetadata),
		OverrideMetadata:    fieldOf(c.OverrideMetadata),
		DefaultRuleSet:      fieldOf(c.DefaultRuleSet),
		OverrideRuleSet:     fieldOf(c.OverrideRuleSet),
	}
}

// Merge returns c changed by u: what is absent stays, null clears.
func (c Config) Merge(u ConfigUpdate) Config {
	u.Alias.apply(&c.Alias)
	u.AliasForDeks.apply(&c.AliasForDeks)
	u.Normalize.apply(&c.Normalize)
	u.ValidateFields.apply(&c.ValidateFields)
	u.ValidateNewSchemas.apply(&c.ValidateNewSchemas)
	u.ValidateRules.apply(&c.ValidateRules)
	u.Compatibility.apply(&c.CompatibilityLevel)
	u.CompatibilityPolicy.apply(&c.CompatibilityPolicy)
	u.CompatibilityGroup.apply(&c.CompatibilityGroup)
	u.DefaultMetadata.apply(&c.DefaultMetadata)
	u.OverrideMetadata.apply(&c.OverrideMetadata)
	u.DefaultRuleSet.apply(&c.DefaultRuleSet)
	u.OverrideRuleSet.apply(&c.OverrideRuleSet)
	return c
}

// A Field of an update is absent, null or a value. The zero Field is absent.
type Field[T any] struct {
	Present bool
	Value   *T // nil if the field is null
}

// Set returns a Field with a value.
func Set[T any](v T) Field[T] { return Field[T]{Present: true, Value: &v} }

func fieldOf[T any](v *T) Field[T] { return Field[T]{Present: v != nil, Value: v} }

func (f Field[T]) apply(dst **T) {
	if f.Present {
		*dst = f.Value
	}
}

// IsZero reports whether the field is absent.
func (f Field[T]) IsZero() bool { return !f.Present }

// MarshalJSON writes the value or null.
func (f Field[T]) MarshalJSON() ([]byte, error) { return json.Marshal(f.Value) }

// UnmarshalJSON is called for null too, which is how null differs from absent.
func (f *Field[T]) UnmarshalJSON(data []byte) error {
	f.Present = true
	return json.Unmarshal(data, &f.Value)
}
