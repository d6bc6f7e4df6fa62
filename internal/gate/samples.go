package gate

import (
	"fmt"

	"github.com/wireproof/wireproof/compat/rule"
)

// samples turns messages that could not be read into findings.
func (c *check) samples() {
	for _, s := range c.in.Samples {
		broken := 0
		for _, f := range s.Faults {
			broken += f.Count
		}
		c.out.Sampled += s.Read + broken
		for _, f := range s.Faults {
			found := rule.Finding{
				Rule: sampleUnreadable, Path: s.Name,
				Message: fmt.Sprintf("%d of %s of %s cannot be read: %s", f.Count, plural(s.Read+broken, "message"), s.Name, f.Text),
			}
			c.out.Findings = append(c.out.Findings, c.eventFinding(found, f.Subject, Event{}, Event{}))
		}
	}
}

var sampleUnreadable = &rule.Rule{
	ID: "EVENT_SAMPLE_UNREADABLE",
	Doc: `messages that exist cannot be read with the new schema

check --sample reads real messages with the schemas of the work tree. These are there
already, so a consumer on the new schema would fail on each of them.

Before:  a topic whose messages the schema reads
After:   a change after which some of them are not read
Instead: undo the change, or clean the topic of those messages first.`,
	Fix:      "keep the schema able to read the messages that are there",
	Breaks:   rule.Readers,
	Severity: rule.Error,
}
