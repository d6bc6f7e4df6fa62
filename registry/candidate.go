package registry

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// A candidate is the schema of a request, parsed and in the form in which it
// would be stored.
type candidate struct {
	typ      lang.Type
	schema   lang.Schema
	text     string
	refs     []api.Reference
	metadata *api.Metadata
	rules    *api.RuleSet
}

// content returns what would be stored under an id.
func (c *candidate) content(id int) *content {
	h := hashOf(c.text, c.refs, c.metadata, c.rules)
	return &content{id, string(c.typ), c.text, c.refs, c.metadata, c.rules, h, h.guid()}
}

// candidate reads the schema of a request for a subject. Stored schemas may use
// soft-deleted versions, new ones only live ones; which says what this one is.
func (p *policy) candidate(st *State, subject string, req api.RegisterRequest, normalize bool, which Visible) (*candidate, error) {
	if len(req.Schema) > p.limits.Text {
		return nil, api.SchemaTooLarge.With()
	}
	if req.Schema == "" {
		return nil, api.InvalidSchema.With("Empty schema")
	}
	if weight(req.Metadata)+weight(req.RuleSet) > p.limits.Text {
		return nil, api.SchemaTooLarge.With()
	}
	typ := cmp.Or(req.SchemaType, string(lang.Avro))
	context, _ := splitName(subject)
	refs, err := pinReferences(st, context, req.References)
	if err != nil {
		return nil, err
	}
	if normalize {
		refs = sortReferences(refs)
	}
	src, err := newResolver(st, p.limits).resolve(subject, typ, req.Schema, refs, which)
	if err != nil {
		return nil, err
	}
	schema, err := p.parseAsked(src)
	if err != nil {
		return nil, err
	}
	c := &candidate{typ: lang.Type(typ), schema: schema, refs: refs, metadata: sortMetadata(req.Metadata)}
	if c.rules, err = checkRules(req.RuleSet); err != nil {
		return nil, err
	}
	if normalize {
		c.text = schema.Normalized()
	} else {
		c.text = schema.Canonical()
	}
	return c, nil
}

// keepText makes the candidate keep its text byte for byte, as an import does:
// whoever wrote it first may have had another idea of the canonical form, and
// ids go with texts. A Protobuf descriptor in base64 is not a text.
func (c *candidate) keepText() {
	if text := c.schema.Source().Text; c.typ != lang.Protobuf || strings.ContainsAny(text, ";{") {
		c.text = text
	}
}

// weight is how many bytes a value has as JSON.
func weight[T any](v *T) int {
	if v == nil {
		return 0
	}
	text, err := json.Marshal(v)
	if err != nil {
		return math.MaxInt32 // nothing that came as JSON
	}
	return len(text)
}

func sortReferences(refs []api.Reference) []api.Reference {
	slices.SortFunc(refs, func(a, b api.Reference) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(refs)
}

// find returns the version of a subject that says the same as c, or nil.
func (p *policy) find(st *State, subject string, c *candidate, which Visible, latestOnly bool) *version {
	all := st.visible(subject, which)
	if latestOnly && len(all) > 1 {
		all = all[len(all)-1:]
	}
	for body, i := c.content(0), len(all)-1; i >= 0; i-- {
		if all[i].says(body) {
			return all[i]
		}
	}
	for _, v := range slices.Backward(all) {
		if p.same(st, c, v) {
			return v
		}
	}
	return nil
}

// findFilled is find, and then once more with what the request leaves out taken
// from the latest version and the settings.
func (p *policy) findFilled(st *State, subject string, c *candidate, which Visible, latestOnly bool) *version {
	if v := p.find(st, subject, c, which, latestOnly); v != nil {
		return v
	}
	if c.metadata != nil && c.rules != nil {
		return nil
	}
	filled := *c
	p.fill(st, subject, &filled)
	if equalMetadata(filled.metadata, c.metadata) && equalRules(filled.rules, c.rules) {
		return nil
	}
	return p.find(st, subject, &filled, which, latestOnly)
}

// fill adds what settings and the latest version say: defaults, then what the
// request gives, or else what the latest version has, then overrides.
func (p *policy) fill(st *State, subject string, c *candidate) {
	cfg := p.config(st, subject)
	meta, rules := c.metadata, c.rules
	if prev := st.latest(subject); prev != nil {
		if meta == nil {
			meta = prev.metadata
		}
		if rules == nil {
			rules = prev.rules
		}
	}
	c.metadata = mergeMetadata(mergeMetadata(sortMetadata(cfg.DefaultMetadata), meta), sortMetadata(cfg.OverrideMetadata))
	c.rules = mergeRules(mergeRules(cfg.DefaultRuleSet, rules), cfg.OverrideRuleSet)
}

// same reports whether c says what v says. Texts that differ only in what has
// no meaning count as equal for every language, which spares users the new
// version that a moved JSON key would otherwise make.
func (p *policy) same(st *State, c *candidate, v *version) bool {
	if string(c.typ) != v.typ || !sameMetadata(c.metadata, v) || !equalRules(c.rules, v.rules) {
		return false
	}
	expanded := len(c.refs) == 0 && len(v.refs) > 0
	if !expanded && !slices.Equal(c.refs, v.refs) && !slices.Equal(sortReferences(slices.Clone(c.refs)), sortReferences(slices.Clone(v.refs))) {
		return false
	}
	if !expanded && c.text == v.text {
		return true
	}
	stored, err := p.parseStored(st, v)
	if err != nil {
		return false
	}
	if expanded {
		mine, ok1 := formatted(c.schema, resolvedFormat)
		theirs, ok2 := formatted(stored, resolvedFormat)
		return ok1 && ok2 && mine == theirs
	}
	return c.schema.Normalized() == stored.Normalized()
}

// versionProperty is the metadata property that counts versions.
const versionProperty = "confluent:version"

// sameMetadata compares metadata; the version property may be missing on one
// side, and if only the request has it, it must be right. Empty metadata are not
// none, as in the hash, but that property alone says no more than none.
func sameMetadata(asked *api.Metadata, v *version) bool {
	mine, theirs := plain(asked), plain(v.metadata)
	a, hasA := mine.Properties[versionProperty]
	_, hasB := theirs.Properties[versionProperty]
	switch {
	case hasA == hasB:
		return equalMetadata(asked, v.metadata)
	case hasA && a != strconv.Itoa(v.number):
		return false
	}
	mine.Properties, theirs.Properties = withoutVersion(mine.Properties), withoutVersion(theirs.Properties)
	return equalMetadata(&mine, &theirs)
}

func plain(m *api.Metadata) api.Metadata {
	if m == nil {
		return api.Metadata{}
	}
	return *m
}

func withoutVersion(m map[string]string) map[string]string {
	if _, ok := m[versionProperty]; !ok {
		return m
	}
	out := maps.Clone(m)
	delete(out, versionProperty)
	return out
}

// withVersion returns m with the version property set.
func withVersion(m *api.Metadata, number int) *api.Metadata {
	out := plain(m)
	out.Properties = maps.Clone(out.Properties)
	if out.Properties == nil {
		out.Properties = map[string]string{}
	}
	out.Properties[versionProperty] = strconv.Itoa(number)
	return &out
}
