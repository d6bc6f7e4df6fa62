package registry

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
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
	// schemas of one language, and nothing if newer may follow older.
	Differences(level string, newer, older lang.Schema) []Difference
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

// A check is a question about compatibility with all that is needed to answer.
type check struct {
	level   string
	typ     lang.Type
	newer   lang.Schema
	history []*version // newest first
}

// messages returns why the level forbids the new schema, or nil. A transitive
// check stops at the first version that fails, as clients expect.
func (p *policy) messages(st *State, c check) []string {
	if c.level == LevelNone {
		return nil
	}
	history := c.history
	if !strings.HasSuffix(c.level, "_TRANSITIVE") {
		history = history[:min(1, len(history))]
	}
	for _, old := range history {
		if out := p.against(st, c, old); len(out) > 0 {
			return append(out, fmt.Sprintf("{validateFields: 'false', compatibility: '%s'}", c.level))
		}
	}
	return nil
}

func (p *policy) against(st *State, c check, old *version) []string {
	if string(c.typ) != old.typ {
		return []string{"Incompatible because of different schema type"}
	}
	older, err := p.parseStored(st, old)
	if err != nil {
		return []string{fmt.Sprintf("version %d does not parse: %v", old.number, err)}
	}
	found := p.differences(c.level, c.newer, older)
	if len(found) == 0 {
		return nil
	}
	var out []string
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
func (p *policy) differences(level string, newer, older lang.Schema) (found []Difference) {
	defer func() {
		if r := recover(); r != nil {
			found = []Difference{{ErrorType: "INTERNAL", Description: fmt.Sprintf("the check panicked: %v", r)}}
		}
	}()
	return p.compat.Differences(level, newer, older)
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
