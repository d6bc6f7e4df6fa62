package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// reservedProperty is the metadata property that lists, with commas, the names
// that no field at the top of a schema may have.
const reservedProperty = "confluent:reserved"

// A fielder is a schema that knows the names of the fields at its top.
type fielder interface{ TopLevelFields() []string }

func topFields(s lang.Schema) []string {
	if f, ok := s.(fielder); ok {
		return f.TopLevelFields()
	}
	return nil
}

func reservedIn(m *api.Metadata) []string {
	var out []string
	for name := range strings.SplitSeq(plain(m).Properties[reservedProperty], ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// reservedNames returns the messages about names that are no longer reserved,
// and about fields that have a reserved name.
func (q question) reservedNames(old *version) []string {
	if !q.fields {
		return nil
	}
	var out []string
	mine, fields := reservedIn(q.metadata), topFields(q.newer)
	for _, name := range reservedIn(old.metadata) {
		if !slices.Contains(mine, name) {
			out = append(out, fmt.Sprintf("{errorType:'RESERVED_FIELD_REMOVED', description:'The new schema has reserved field %s removed from its metadata which is present in the old schema's metadata.'}", name))
		}
	}
	for _, name := range mine {
		if slices.Contains(fields, name) {
			out = append(out, fmt.Sprintf("{errorType:'FIELD_CONFLICTS_WITH_RESERVED_FIELD', description:'The new schema has field that conflicts with the reserved field %s.'}", name))
		}
	}
	return out
}

// checkFields refuses names that the setting validateFields reserves for all.
func (p *policy) checkFields(st *State, subject string, c *candidate) error {
	if c.typ != lang.JSON || !isTrue(p.config(st, subject).ValidateFields) {
		return nil
	}
	for _, name := range topFields(c.schema) {
		if strings.HasPrefix(name, "$$") {
			return api.InvalidSchema.With(fmt.Sprintf("Invalid schema of type %s, details: field names that begin with $$ are reserved, found %q", c.typ, name))
		}
	}
	return nil
}

// checkReserved enforces, with that setting, the names that a schema reserves. It
// is for what nothing was compared with: otherwise such a field is incompatible.
func (p *policy) checkReserved(st *State, subject string, c *candidate) error {
	if !isTrue(p.config(st, subject).ValidateFields) {
		return nil
	}
	fields := topFields(c.schema)
	for _, name := range reservedIn(c.metadata) {
		if slices.Contains(fields, name) {
			return api.InvalidSchema.With(fmt.Sprintf("Invalid schema of type %s, details: The new schema has field that conflicts with the reserved field %s.", c.typ, name))
		}
	}
	return nil
}
