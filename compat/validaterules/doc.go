// Package validaterules says whom a change of protovalidate's constraints breaks.
// The constraints are options of messages, fields and oneofs (buf.validate, field
// number 1159); no byte of a message depends on them, so neither Buf's rules nor
// a registry see them. Whoever validates does: a tightened constraint makes
// consumers on the new schema refuse what was written before, and a loosened one
// lets new producers write what consumers on the old schema refuse.
//
// It compares constraints and runs none: expressions in CEL are equal or
// different. A constraint that it does not know counts as tightened unless both
// sides have it alike.
//
// [LintField] and [LintMessage] look at one side alone: at constraints that do not
// fit what they constrain, or contradict one another, and at expressions that do not
// compile.
package validaterules

import (
	"github.com/wireproof/wireproof/compat/rule"
)

// Table returns every rule, in the order in which they are documented. The rows
// are shared and must not be changed.
func Table() []*rule.Rule { return []*rule.Rule{tightened, loosened} }

var tightened = &rule.Rule{
	ID: "PROTO_CONSTRAINT_TIGHTENED",
	Doc: `a protovalidate constraint became stricter

Messages that were written under the old constraint may not pass the new one. A
consumer that validates refuses them, and a producer that was correct yesterday
fails.

Before:  string note = 1 [(buf.validate.field).string.max_len = 200];
After:   string note = 1 [(buf.validate.field).string.max_len = 100];
Instead: tighten the producers first, in code; change the constraint when no older
         message is left.`,
	Fix:      "keep the constraint as it was until no message written under it is left",
	Breaks:   rule.Readers,
	Severity: rule.Error,
}

var loosened = &rule.Rule{
	ID: "PROTO_CONSTRAINT_LOOSENED",
	Doc: `a protovalidate constraint became weaker

Producers on the new schema may write what consumers on the old one refuse when
they validate.

Before:  string note = 1 [(buf.validate.field).string.max_len = 100];
After:   string note = 1 [(buf.validate.field).string.max_len = 200];
Instead: move every consumer to the new schema before the first producer.`,
	Fix:      "move every consumer to the new schema before the first producer, or keep the constraint",
	Breaks:   rule.OldReaders,
	Severity: rule.Error,
}
