package gate

import (
	"fmt"

	"github.com/wireproof/wireproof/compat/rule"
)

// waive takes the accepted findings out, and reports waivers that have expired
// and those that accept nothing.
func (c *check) waive() {
	byID := map[string]*Waiver{}
	for i, w := range c.in.Waivers {
		if !w.Expired {
			byID[w.ID] = &c.in.Waivers[i]
			continue
		}
		c.waiverFinding(waiverExpired, w, fmt.Sprintf("the waiver for %s (%s) has expired: %s", w.ID, w.Owner, w.Reason))
	}
	used := map[string]bool{}
	var left []Finding
	for _, f := range c.out.Findings {
		if w, ok := byID[f.ID]; ok {
			f.Waiver = w
			used[f.ID] = true
			c.out.Waived = append(c.out.Waived, f)
			continue
		}
		left = append(left, f)
	}
	c.out.Findings = left
	if len(c.out.Problems) > 0 {
		return // what could not be checked may be what a waiver is for
	}
	for _, w := range c.in.Waivers {
		if !w.Expired && !used[w.ID] {
			c.waiverFinding(waiverUnused, w, fmt.Sprintf("the waiver for %s (%s) accepts no finding of this check: %s", w.ID, w.Owner, w.Reason))
		}
	}
}

func (c *check) waiverFinding(r *rule.Rule, w Waiver, message string) {
	if c.severity(r) == Off {
		return
	}
	f := rule.Finding{Rule: r, Path: w.ID, Message: message}
	c.out.Findings = append(c.out.Findings, c.eventFinding(f, "waivers", Event{}, Event{Line: w.Line, Col: w.Col}))
}

var waiverExpired = &rule.Rule{
	ID: "EVENT_WAIVER_EXPIRED",
	Doc: `a waiver has expired

A waiver accepts a finding until a day. After it somebody has to look again.

Before:  waivers: [{ id: 91c04e5d7ab2, reason: …, owner: shop, until: 2027-01-31 }]
After:   the same on 2027-02-01
Instead: remove the waiver, or give it a new day and a reason for that.`,
	Fix:      "remove the waiver, or give it a new day and a reason",
	Severity: rule.Error,
}

var waiverUnused = &rule.Rule{
	ID: "EVENT_WAIVER_UNUSED",
	Doc: `a waiver accepts nothing

No finding has its id: the change was taken back, or it has landed and the
baseline has it too. A waiver that stays would accept the same break again.

Before:  waivers: [{ id: 91c04e5d7ab2, … }] and a finding 91c04e5d7ab2
After:   the waiver, and no such finding
Instead: remove the waiver.`,
	Fix:      "remove the waiver",
	Severity: rule.Warning,
}
