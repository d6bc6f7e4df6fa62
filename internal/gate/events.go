package gate

import (
	"strings"

	"cmp"
	"fmt"

	"github.com/wireproof/wireproof/compat/rule"
)

// An Event says what is published where.
type Event struct {
	Name    string // full name of the record or message
	Schema  string // path of the schema file
	Topic   string
	Key     string // the field that orders the events; empty for none
	Subject string
	// Line and Col say where the settings name the event; 0 if unknown.
	Line, Col int
}

// Rules returns the rules of the gate itself: those about events, waivers, proofs and samples.
func Rules() []*rule.Rule {
	return []*rule.Rule{eventDeleted, eventTopic, eventSubject, eventKey, waiverExpired, waiverUnused, notProved, sampleUnreadable}
}

// events compares what is published where.
func (c *check) events() {
	if c.in.OldEvents == nil {
		return
	}
	pairs, gone := pairEvents(c.in.OldEvents, c.in.Events)
	for _, p := range pairs {
		if p.old.Topic != p.new.Topic {
			c.event(eventTopic, p, fmt.Sprintf("event %s moved from topic %s to topic %s", p.old.Name, p.old.Topic, p.new.Topic))
		}
		if p.old.Topic == p.new.Topic && p.old.Name == p.new.Name && p.old.Subject != p.new.Subject {
			c.event(eventSubject, p, fmt.Sprintf("the subject of event %s changed from %s to %s", p.old.Name, p.old.Subject, p.new.Subject))
		}
		if p.old.Key != p.new.Key {
			c.event(eventKey, p, fmt.Sprintf("the key of event %s changed from %s to %s", p.old.Name, keyWord(p.old.Key), keyWord(p.new.Key)))
		}
	}
	for _, e := range gone {
		c.event(eventDeleted, eventPair{old: e}, fmt.Sprintf("event %s of topic %s was deleted", e.Name, e.Topic))
	}
}

// FormerSubjects says under which subject an event was registered whose subject
// changed and whose name did not, by the subject that it has now: the history of
// its schema is there.
func FormerSubjects(older, newer []Event) map[string]string {
	out := map[string]string{}
	pairs, _ := pairEvents(older, newer)
	for _, p := range pairs {
		if p.old.Name == p.new.Name && p.old.Subject != p.new.Subject {
			out[p.new.Subject] = p.old.Subject
		}
	}
	return out
}

func keyWord(key string) string {
	if key == "" {
		return "none"
	}
	return fmt.Sprintf("%q", key)
}

func (c *check) event(r *rule.Rule, p eventPair, message string) {
	f := rule.Finding{Rule: r, Path: cmp.Or(p.new.Name, p.old.Name), Message: message}
	c.out.Findings = append(c.out.Findings, c.eventFinding(f, cmp.Or(p.new.Subject, p.old.Subject), p.old, p.new))
}

// eventFinding is a finding that stands in the settings rather than in a schema.
func (c *check) eventFinding(f rule.Finding, subject string, old, now Event) Finding {
	out := Finding{
		ID: f.Fingerprint(subject), Rule: f.Rule, Severity: c.severity(f.Rule), Subject: subject, Message: f.Message, Fix: f.Rule.Fix, Path: f.Path,
		Why: paragraph(f.Rule.Doc),
		New: Place{Path: c.in.Settings, Line: now.Line, Col: now.Col, EndLine: now.Line, EndCol: now.Col},
	}
	if old.Name != "" {
		out.Old = Place{Label: c.in.Against, Path: c.in.Settings, Line: old.Line, Col: old.Col, EndLine: old.Line, EndCol: old.Col}
		out.Versions = []string{c.in.Against}
	}
	return out
}

type eventPair struct{ old, new Event }

// pairEvents finds each old event among the new ones: the same event on the same
// topic, else one whose record was renamed in its file, which the rules of the
// language judge, else the same event elsewhere.
func pairEvents(older, newer []Event) (pairs []eventPair, gone []Event) {
	taken := make([]bool, len(newer))
	left := older
	for _, same := range []func(o, n Event) bool{
		func(o, n Event) bool { return o.Name == n.Name && o.Topic == n.Topic },
		func(o, n Event) bool { return o.Schema == n.Schema && o.Subject == n.Subject },
		func(o, n Event) bool { return o.Name == n.Name },
	} {
		var rest []Event
		for _, o := range left {
			i := 0
			for i < len(newer) && (taken[i] || !same(o, newer[i])) {
				i++
			}
			if i == len(newer) {
				rest = append(rest, o)
				continue
			}
			taken[i] = true
			pairs = append(pairs, eventPair{o, newer[i]})
		}
		left = rest
	}
	return pairs, left
}

// paragraph returns the first paragraph below the title of a rule's documentation,
// on one line: whom it breaks, and how.
func paragraph(doc string) string {
	_, body, _ := strings.Cut(doc, "\n\n")
	body, _, _ = strings.Cut(body, "\n\n")
	return strings.ToLower(body[:min(1, len(body))]) + strings.TrimRight(strings.ReplaceAll(body[min(1, len(body)):], "\n", " "), ".")
}

var eventDeleted = &rule.Rule{
	ID: "EVENT_DELETED",
	Doc: `an event is no longer published

Its consumers keep running and get nothing, and no schema check sees that: the
schema did not change, it went away.

Before:  events: [{ schema: orders/v1/order_placed.avsc, topic: orders }]
After:   events: []
Instead: agree with the consumers first, then accept the deletion with a waiver.`,
	Fix:      "restore the event, or accept its deletion with a waiver once its consumers are gone",
	Severity: rule.Error,
}

var eventTopic = &rule.Rule{
	ID: "EVENT_TOPIC_CHANGED",
	Doc: `an event moved to another topic

Consumers of the old topic get no more events, and those of the new one do not
see the old events; between the two, order is lost.

Before:  { schema: orders/v1/order_placed.avsc, topic: orders }
After:   { schema: orders/v1/order_placed.avsc, topic: sales }
Instead: publish on both topics until every consumer has moved.`,
	Fix:      "publish on both topics until every consumer has moved, then accept the change with a waiver",
	Severity: rule.Error,
}

var eventSubject = &rule.Rule{
	ID: "EVENT_SUBJECT_CHANGED",
	Doc: `an event is registered under another subject

A subject holds the history that the registry checks against. Under a new one the
history starts anew, so the registry accepts any schema; and whoever looks the old
subject up, a Connect sink or a Java consumer, sees no new version there.

Before:  subjects: { naming: topic-record }
After:   subjects: { naming: topic }
Instead: keep the strategy for names of subjects; it is chosen once for a topic.`,
	Fix:      "keep the naming strategy, or move every consumer that knows the old subject and accept the change with a waiver",
	Severity: rule.Error,
}

var eventKey = &rule.Rule{
	ID: "EVENT_KEY_CHANGED",
	Doc: `the key of an event changed

The key decides the partition, and only events of one partition are in order.
With another key, new events of an order may overtake its old ones, and a
compacted topic keeps both.

Before:  { schema: orders/v1/order_placed.avsc, topic: orders, key: order_id }
After:   { schema: orders/v1/order_placed.avsc, topic: orders, key: customer_id }
Instead: publish under the new key on a new topic.`,
	Fix:      "keep the key, or publish under the new key on a new topic",
	Severity: rule.Error,
}
