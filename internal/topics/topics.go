// Package topics compares the Kafka topics that settings describe with those that
// a cluster has, says what would have to change, and changes it.
//
// It creates what is missing, and sets what differs. It never deletes a topic, and
// never moves a replica. What settings do not mention it leaves alone.
package topics

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/internal/config"
)

// The settings of a topic that this package knows, as Kafka calls them.
const (
	retentionTime = "retention.ms"
	retentionSize = "retention.bytes"
	compression   = "compression.type"
	maxMessage    = "max.message.bytes"
	cleanup       = "cleanup.policy"
)

// room is what a retry or dead letter may be larger than its message, as
// [event.TopicMaker] promises.
const room = 64 << 10

// A Want is a topic as it shall be. What is 0 or not in Config is the cluster's
// business.
type Want struct {
	Name       string
	Partitions int
	Replicas   int
	Config     map[string]string
	// Of is the topic of whose messages this one keeps retries or dead letters;
	// empty for a topic of events.
	Of string
}

// Wanted returns what the settings ask for: each of topics, followed by what its
// groups need, then the topics of events that topics does not mention. Replicas
// above 0 go before those of the settings.
func Wanted(c *config.Config, replicas int) []Want {
	var out []Want
	seen := map[string]bool{}
	for _, t := range c.Topics {
		seen[t.Name] = true
	}
	for _, t := range c.Topics {
		w := Want{Name: t.Name, Partitions: t.Partitions, Replicas: cmp.Or(replicas, t.Replicas), Config: configOf(t)}
		out = append(out, w)
		for _, g := range t.Groups {
			var names []string
			for level := range g.RetryLevels {
				names = append(names, event.RetryTopic(t.Name, g.Name, level+1))
			}
			for _, name := range append(names, event.DeadLetterTopic(t.Name, g.Name)) {
				if seen[name] {
					continue // it has an entry of its own
				}
				seen[name] = true
				// Compaction would lose letters that have one key.
				conf := map[string]string{cleanup: "delete"}
				if g.Retention != 0 {
					conf[retentionTime] = milliseconds(g.Retention)
				}
				out = append(out, Want{Name: name, Partitions: w.Partitions, Replicas: w.Replicas, Config: conf, Of: t.Name})
			}
		}
	}
	for _, e := range c.Events {
		if !seen[e.Topic] {
			seen[e.Topic] = true
			out = append(out, Want{Name: e.Topic, Replicas: replicas, Config: map[string]string{}})
		}
	}
	return out
}

func configOf(t config.Topic) map[string]string {
	conf := map[string]string{}
	if t.Retention != 0 {
		conf[retentionTime] = milliseconds(t.Retention)
	}
	if t.RetentionSize != 0 {
		conf[retentionSize] = strconv.FormatInt(int64(t.RetentionSize), 10)
	}
	if t.Compression != "" {
		conf[compression] = t.Compression
	}
	if t.MaxMessage != 0 {
		conf[maxMessage] = strconv.FormatInt(int64(t.MaxMessage), 10)
	}
	switch t.Cleanup {
	case "":
	case "compact-and-delete":
		conf[cleanup] = "compact,delete"
	default:
		conf[cleanup] = t.Cleanup
	}
	return conf
}

func milliseconds(r config.Retention) string {
	if r == config.Forever {
		return "-1"
	}
	return strconv.FormatInt(time.Duration(r).Milliseconds(), 10)
}

// An Action is what a change does.
type Action string

// The actions.
const (
	Create Action = "create"
	Set    Action = "set"
	Grow   Action = "grow"
	Move   Action = "replicas" // never done: always refused
)

// A Change is one thing that is not as it shall be.
type Change struct {
	Topic  string `json:"topic"`
	Action Action `json:"action"`
	// Partitions, Replicas and Config are of a topic to create; 0 is the cluster's
	// default.
	Partitions int               `json:"partitions,omitempty"`
	Replicas   int               `json:"replicas,omitempty"`
	Config     map[string]string `json:"config,omitempty"`
	// RoomOf is the topic than whose largest message that of the new one is 64 KiB
	// larger, where that is known only once the other exists.
	RoomOf string `json:"room_of,omitempty"`
	// Setting, From and To are of a setting, or of a number of partitions.
	Setting string `json:"setting,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	// Loses says which messages the change removes; Refused why it is not made.
	Loses   string `json:"loses,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// A Plan is what would have to change.
type Plan struct {
	Changes   []Change `json:"changes"`
	Unchanged int      `json:"unchanged"` // topics
}

// Refused returns the changes that are not made.
func (p *Plan) Refused() []Change { return p.those(func(c Change) bool { return c.Refused != "" }) }

// Losing returns the changes that remove messages.
func (p *Plan) Losing() []Change { return p.those(func(c Change) bool { return c.Loses != "" }) }

func (p *Plan) those(is func(Change) bool) []Change {
	var out []Change
	for _, c := range p.Changes {
		if is(c) {
			out = append(out, c)
		}
	}
	return out
}

// Compare returns what has to change for the topics that there are, which are in
// the order of wants, to be what is wanted. More partitions are refused unless grow
// is true.
func Compare(wants []Want, have []kafkabus.Topic, grow bool) *Plan {
	p := &Plan{Changes: []Change{}}
	byName := map[string]int{}
	for i, w := range wants {
		byName[w.Name] = i
	}
	for i, w := range wants {
		before := len(p.Changes)
		var unknown bool
		if w.Of != "" {
			origin := byName[w.Of]
			w, unknown = derive(w, wants[origin], have[origin])
		}
		if have[i].Exists {
			w.Replicas = wants[i].Replicas // those of the origin are for a new topic
			p.differences(w, have[i], grow)
		} else {
			c := Change{Topic: w.Name, Action: Create, Partitions: w.Partitions, Replicas: w.Replicas, Config: w.Config}
			if unknown {
				c.RoomOf = w.Of
			}
			p.Changes = append(p.Changes, c)
		}
		if len(p.Changes) == before {
			p.Unchanged++
		}
	}
	return p
}

// derive completes what is wanted of a topic of retries or dead letters by what its
// origin is, or will be. Whether the largest message of that is known only once it
// exists is unknown.
func derive(w, origin Want, have kafkabus.Topic) (_ Want, unknown bool) {
	w.Config = maps.Clone(w.Config)
	w.Partitions = max(origin.Partitions, have.Partitions)
	w.Replicas = cmp.Or(origin.Replicas, have.Replicas)
	largest, err := strconv.ParseInt(cmp.Or(origin.Config[maxMessage], have.Config[maxMessage]), 10, 64)
	if err != nil {
		return w, true
	}
	w.Config[maxMessage] = strconv.FormatInt(largest+room, 10)
	return w, false
}

// The reasons for what is refused.
const (
	refusedGrowth = "the partition of a key is a hash over their number: keys would move, and messages of one key published before and after be handled out of order, or at once. " +
		"Where no order matters, or the topic is drained, give --grow"
	refusedShrink   = "Kafka removes no partitions; make a new topic and move to it"
	refusedReplicas = "copies are moved by a reassignment (kafka-reassign-partitions.sh), which copies all data and needs somebody who watches it"
)

func (p *Plan) differences(w Want, have kafkabus.Topic, grow bool) {
	add := func(c Change) {
		c.Topic = w.Name
		p.Changes = append(p.Changes, c)
	}
	if w.Partitions != 0 && w.Partitions != have.Partitions && w.Of == "" {
		c := Change{Action: Grow, Setting: "partitions", From: strconv.Itoa(have.Partitions), To: strconv.Itoa(w.Partitions)}
		switch {
		case w.Partitions < have.Partitions:
			c.Refused = refusedShrink
		case !grow:
			c.Refused = refusedGrowth
		}
		add(c)
	}
	if w.Replicas != 0 && w.Replicas != have.Replicas {
		add(Change{Action: Move, Setting: "replicas", From: strconv.Itoa(have.Replicas), To: strconv.Itoa(w.Replicas), Refused: refusedReplicas})
	}
	for _, key := range slices.Sorted(maps.Keys(w.Config)) {
		from, to := have.Config[key], w.Config[key]
		if same(key, from, to) || w.Of != "" && key == maxMessage && !less(from, to) {
			continue
		}
		add(Change{Action: Set, Setting: key, From: from, To: to, Loses: loses(key, from, to)})
	}
}

// same reports whether two values of a setting mean the same.
func same(key, a, b string) bool {
	if key == cleanup {
		return slices.Equal(policies(a), policies(b))
	}
	return a == b
}

func policies(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		out = append(out, strings.TrimSpace(p))
	}
	slices.Sort(out)
	return out
}

// less compares bounds as numbers; -1 is no bound.
func less(a, b string) bool {
	x, errA := strconv.ParseInt(a, 10, 64)
	y, errB := strconv.ParseInt(b, 10, 64)
	if errA != nil || errB != nil {
		return false
	}
	return x >= 0 && (y < 0 || x < y)
}

// loses says which messages go away by a change.
func loses(key, from, to string) string {
	switch {
	case key == retentionTime && less(to, from):
		return "removes messages that are older"
	case key == retentionSize && less(to, from):
		return "removes the oldest messages of partitions that are larger"
	case key == cleanup:
		had := policies(from)
		for _, p := range policies(to) {
			if slices.Contains(had, p) {
				continue
			}
			if p == "compact" {
				return "removes messages that have a successor of their key"
			}
			return "removes messages that are older than the retention"
		}
	}
	return ""
}

// String says what the change is, on one line.
func (c Change) String() string {
	if c.Action != Create {
		s := fmt.Sprintf("%s %s → %s", c.Setting, cmp.Or(c.From, "not set"), c.To)
		if c.Loses != "" {
			s += " (" + c.Loses + ")"
		}
		return s
	}
	count := func(n int, what string) string {
		if n == 0 {
			return what + " as the cluster's default"
		}
		return fmt.Sprintf("%d %s", n, what)
	}
	parts := []string{count(c.Partitions, "partitions"), count(c.Replicas, "replicas")}
	for _, k := range slices.Sorted(maps.Keys(c.Config)) {
		parts = append(parts, k+"="+c.Config[k])
	}
	if c.RoomOf != "" {
		parts = append(parts, fmt.Sprintf("%s=%d more than %s", maxMessage, room, c.RoomOf))
	}
	return strings.Join(parts, ", ")
}
