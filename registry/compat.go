package registry

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// The compatibility levels of the protocol.
const (
	LevelNone               = "NONE"
	LevelBackward           = "BACKWARD"
	LevelBackwardTransitive = "BACKWARD_TRANSITIVE"
	LevelForward            = "FORWARD"
	LevelForwardTransitive  = "FORWARD_TRANSITIVE"
	LevelFull               = "FULL"
	LevelFullTransitive     = "FULL_TRANSITIVE"
)

// The policies of the protocol: what a level means for JSON Schema.
const (
	PolicyStrict  = "STRICT"
	PolicyLenient = "LENIENT" // what most people expect of open content models
)

// parseLevel reads a level in any case.
func parseLevel(text string) (string, bool) {
	level := strings.ToUpper(text)
	return level, slices.Contains([]string{
		LevelNone, LevelBackward, LevelBackwardTransitive, LevelForward, LevelForwardTransitive, LevelFull, LevelFullTransitive,
	}, level)
}

// Compatibility says what a level forbids. It must be safe for concurrent use.
type Compatibility interface {
	// Differences returns what level, which is not NONE, forbids between two
	// schemas of one language under a policy, and nothing if newer may follow
	// older.
	Differences(level, policy string, newer, older lang.Schema) []Difference
}

// A Difference is one reason why a schema may not follow another.
type Difference struct {
	ErrorType   string // the protocol's name for it
	Description string // names the element by its path
	Info        string // Avro only
	// OldReads says that the old schema is the reader. Under a level that asks
	// for both directions, such differences alone do not quote the old schema.
	OldReads bool
}

// oldSchemaLimit is how many characters of the old text a message quotes.
const oldSchemaLimit = 10240

// A question asks about compatibility, with all that is needed to answer.
type question struct {
	level    string
	policy   string
	fields   bool   // reserved names are enforced
	group    string // metadata property that partitions versions, or ""
	typ      lang.Type
	newer    lang.Schema
	metadata *api.Metadata
	history  []*version // newest first
}

// question asks whether a candidate may follow versions of a subject.
func (p *policy) question(st *State, subject string, c *candidate, history []*version) question {
	cfg := p.config(st, subject)
	q := question{
		level: cfg.Level(), policy: PolicyStrict, fields: isTrue(cfg.ValidateFields),
		typ: c.typ, newer: c.schema, metadata: c.metadata, history: history,
	}
	if p := cfg.CompatibilityPolicy; p != nil && *p == PolicyLenient {
		q.policy = PolicyLenient // a policy in somebody else's log that is not known here is not softer than STRICT
	}
	if cfg.CompatibilityGroup != nil {
		q.group = *cfg.CompatibilityGroup
	}
	return q
}

// inGroup returns the versions that a question is about.
func (q question) inGroup() []*version {
	if q.group == "" {
		return q.history
	}
	mine := plain(q.metadata).Properties[q.group]
	var out []*version
	for _, v := range q.history {
		if plain(v.metadata).Properties[q.group] == mine {
			out = append(out, v)
		}
	}
	return out
}

// messages returns why the level forbids the new schema, or nil. A transitive
// check stops at the first version that fails, as clients expect.
func (p *policy) messages(st *State, c question) []string {
	if c.level == LevelNone {
		return nil
	}
	history := c.inGroup()
	if !strings.HasSuffix(c.level, "_TRANSITIVE") {
		history = history[:min(1, len(history))]
	}
	for _, old := range history {
		if out := p.against(st, c, old); len(out) > 0 {
			return append(out, fmt.Sprintf("{validateFields: '%t', compatibility: '%s'}", c.fields, c.level))
		}
	}
	return nil
}

func (p *policy) against(st *State, c question, old *version) []string {
	if string(c.typ) != old.typ {
		return []string{"Incompatible because of different schema type"}
	}
	older, err := p.parseStored(st, old)
	if err != nil {
		return []string{fmt.Sprintf("version %d does not parse: %v", old.number, err)}
	}
	out := c.reservedNames(old)
	found := p.differences(c, older)
	if len(found) == 0 && len(out) == 0 {
		return nil
	}
	quote := !strings.HasPrefix(c.level, LevelFull)
	for _, d := range found {
		out = append(out, d.message(c.typ))
		quote = quote || !d.OldReads
	}
	if !quote {
		return out
	}
	return append(out, fmt.Sprintf("{oldSchemaVersion: %d}", old.number), quoteOld(old.text))
}

// differences treats a panicking rule as a refusal: what could not be checked
// is not let in, and the other requests go on.
func (p *policy) differences(c question, older lang.Schema) (found []Difference) {
	defer func() {
		if r := recover(); r != nil {
			found = []Difference{{ErrorType: "INTERNAL", Description: fmt.Sprintf("the check panicked: %v", r)}}
		}
	}()
	return p.compat.Differences(c.level, c.policy, c.newer, older)
}

func (d Difference) message(typ lang.Type) string {
	// What is quoted twice is quoted once inside, as the protocol has it.
	text := strings.ReplaceAll(d.Description, `"`, "'")
	switch typ {
	case lang.Avro:
		return fmt.Sprintf("{errorType:'%s', description:'%s', additionalInfo:'%s'}", d.ErrorType, d.Description, d.Info)
	case lang.JSON:
		// The quotes that do not match are a fact of the protocol.
		return fmt.Sprintf("{errorType:\"%s\", description:\"%s'}", d.ErrorType, text)
	}
	return fmt.Sprintf("{errorType:\"%s\", description:\"%s\"}", d.ErrorType, text)
}

func quoteOld(text string) string {
	if utf8.RuneCountInString(text) <= oldSchemaLimit {
		return fmt.Sprintf("{oldSchema: '%s'}", text)
	}
	return fmt.Sprintf("{oldSchema: <truncated> '%s...'}", string([]rune(text)[:oldSchemaLimit]))
}
