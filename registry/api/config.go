package api

import "encoding/json"

// A Config is what a subject, or the server for all subjects, is set to. A nil
// field is not set.
type Config struct {
	Normalize          *bool   `json:"normalize,omitempty"`
	CompatibilityLevel *string `json:"compatibilityLevel,omitempty"`
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
	Normalize     Field[bool]   `json:"normalize,omitzero"`
	Compatibility Field[string] `json:"compatibility,omitzero"`
}

// Echo returns the answer to an update: the settings after it.
func (c Config) Echo() ConfigUpdate {
	return ConfigUpdate{Normalize: fieldOf(c.Normalize), Compatibility: fieldOf(c.CompatibilityLevel)}
}

// Merge returns c changed by u: what is absent stays, null clears.
func (c Config) Merge(u ConfigUpdate) Config {
	u.Normalize.apply(&c.Normalize)
	u.Compatibility.apply(&c.CompatibilityLevel)
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
