package config

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Parse reads the settings in text. The path is for messages and for Dir.
func Parse(path, text string) (*Config, error) {
	doc, body, errs := readDocument(path, text, "expected one YAML document with version: 1", configType)
	c := &Config{Path: path, Dir: filepath.Dir(path), doc: doc}
	if len(errs) == 0 {
		if err := yaml.NodeToValue(body, c); err != nil {
			errs = append(errs, doc.syntaxError(err))
		}
	}
	if len(errs) == 0 {
		c.defaults()
		errs = c.validate()
	}
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return c, nil
}

// Place returns where a key stands, such as "events[2].topic", or the zero Place.
func (c *Config) Place(key string) Place { return c.doc.index[key] }

func (c *Config) defaults() {
	c.Schemas = cmp.Or(c.Schemas, "schemas")
	c.Generate.Out = cmp.Or(c.Generate.Out, "gen")
	c.Subjects.Naming = cmp.Or(c.Subjects.Naming, "topic-record")
	c.Subjects.Compatibility = cmp.Or(c.Subjects.Compatibility, "BACKWARD_TRANSITIVE")
	c.Check.FailOn = cmp.Or(c.Check.FailOn, "error")
}

// validate checks what the shape of the file cannot say.
func (c *Config) validate() Errors {
	var errs Errors
	bad := func(key, format string, args ...any) {
		errs = append(errs, c.doc.errorAt(c.doc.index[key], format, args...))
	}
	if c.Version != 1 {
		bad("version", "version is %d; this program reads version 1", c.Version)
	}
	for _, dir := range []struct{ key, value string }{{"schemas", c.Schemas}, {"generate.out", c.Generate.Out}} {
		if !filepath.IsLocal(filepath.FromSlash(dir.value)) {
			bad(dir.key, "%s is %q; expected a folder below this file", dir.key, dir.value)
		}
	}
	for i, o := range c.Subjects.Overrides {
		key := fmt.Sprintf("subjects.overrides[%d]", i)
		if o.Match == "" || o.Compatibility == "" {
			bad(key, "an override needs match and compatibility")
		}
		if _, err := path.Match(o.Match, ""); err != nil {
			bad(key+".match", "match is %q; expected a pattern such as audit.*, with each [ closed", o.Match)
		}
	}
	type use struct{ schema, message, topic string }
	seen := map[use]int{}
	for i, e := range c.Events {
		key := fmt.Sprintf("events[%d]", i)
		if e.Schema == "" {
			bad(key, "event has no schema; expected a file below %s", c.Schemas)
		} else if !filepath.IsLocal(filepath.FromSlash(e.Schema)) {
			bad(key+".schema", "schema is %q; expected a path below %s", e.Schema, c.Schemas)
		}
		if e.Topic == "" {
			bad(key, "event has no topic")
		}
		u := use{e.Schema, e.Message, e.Topic}
		if first, ok := seen[u]; ok {
			bad(key, "the same event on the same topic as entry %d", first+1)
		}
		seen[u] = i
	}
	c.validateTopics(bad)
	severities := []string{"error", "warning", "info", "off"}
	for _, id := range keys(c.Check.Rules) {
		if got := c.Check.Rules[id]; !slices.Contains(severities, got) {
			bad("check.rules."+id, "check.rules.%s is %q%s; expected %s", id, got, suggestion(got, severities), strings.Join(severities, ", "))
		}
	}
	for i, w := range c.Check.Waivers {
		key := fmt.Sprintf("check.waivers[%d]", i)
		if w.ID == "" || w.Reason == "" || w.Owner == "" {
			bad(key, "a waiver needs id, reason, owner and until")
		}
		if _, err := time.Parse(time.DateOnly, w.Until); err != nil {
			bad(key, "until is %q; expected a day such as 2027-01-31", w.Until)
		}
	}
	return errs
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
