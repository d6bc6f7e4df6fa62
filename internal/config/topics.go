package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Topic says what a Kafka topic must be. What is not set is the cluster's
// business.
type Topic struct {
	Name          string       `yaml:"name" doc:"Name of the topic."`
	Partitions    int          `yaml:"partitions" doc:"Number of partitions. Default: the cluster's."`
	Replicas      int          `yaml:"replicas" doc:"Copies of each partition; kafka.replicas of an environment goes before it. Default: the cluster's."`
	Retention     Retention    `yaml:"retention" doc:"How long messages are kept, such as 36h, 7d or forever. Default: the cluster's."`
	RetentionSize Size         `yaml:"retention_size" doc:"Most bytes that a partition keeps, such as 10GiB. Default: the cluster's."`
	Compression   string       `yaml:"compression" enum:"producer,uncompressed,gzip,snappy,lz4,zstd" doc:"Compression in the topic. Default: the cluster's."`
	MaxMessage    Size         `yaml:"max_message" doc:"Largest batch of messages, such as 1MiB. Default: the cluster's."`
	Cleanup       string       `yaml:"cleanup" enum:"delete,compact,compact-and-delete" doc:"What is removed: what is old (delete), or what has a successor of its key (compact). Default: the cluster's."`
	Groups        []TopicGroup `yaml:"groups" doc:"Consumer groups, whose retry and dead-letter topics are made too."`
}

// A TopicGroup is a consumer group of a topic.
type TopicGroup struct {
	Name        string    `yaml:"name" doc:"Name of the group."`
	RetryLevels int       `yaml:"retry_levels" doc:"Number of retry levels, each of which has a topic. Default: 0."`
	Retention   Retention `yaml:"retention" doc:"How long retries and dead letters are kept, such as 30d or forever. Default: the cluster's."`
}

// A Retention is a time for which messages are kept; 0 is not set. It is written
// as 36h, 7d or forever, which is [Forever].
type Retention time.Duration

// Forever is the retention of what is never removed for its age.
const Forever = Retention(-1)

// String returns the retention as it is written.
func (r Retention) String() string {
	day := Retention(24 * time.Hour)
	switch {
	case r == Forever:
		return "forever"
	case r != 0 && r%day == 0:
		return fmt.Sprintf("%dd", r/day)
	}
	return time.Duration(r).String()
}

// MarshalText writes the retention as String does.
func (r Retention) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a retention of one second at least.
func (r *Retention) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "forever" {
		*r = Forever
		return nil
	}
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		if n, err = strconv.ParseInt(days, 10, 32); err == nil && n > 100_000 {
			err = strconv.ErrRange
		}
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < time.Second {
		return fmt.Errorf("%q; expected a time of a second or more, such as 36h or 7d, or forever", text)
	}
	*r = Retention(d)
	return nil
}

// topicName is what Kafka takes, beside its length and the names . and ..
var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// maxLevels bounds the retry levels of a group; real ones have two or three.
const maxLevels = 100

// validateTopics checks what the shape of topics cannot say.
func (c *Config) validateTopics(bad func(key, format string, args ...any)) {
	seen := map[string]int{}
	for i, t := range c.Topics {
		key := fmt.Sprintf("topics[%d]", i)
		switch {
		case t.Name == "":
			bad(key, "topic has no name")
		case !topicName.MatchString(t.Name) || t.Name == "." || t.Name == "..":
			bad(key+".name", "name is %q; expected at most 249 letters, digits, dots, hyphens and underscores", t.Name)
		}
		if first, ok := seen[t.Name]; ok {
			bad(key, "topic %q is entry %d already", t.Name, first+1)
		}
		seen[t.Name] = i
		if t.Partitions < 0 || t.Partitions > 100_000 {
			bad(key+".partitions", "partitions is %d; expected 1 to 100000", t.Partitions)
		}
		if t.Replicas < 0 || t.Replicas > 1000 {
			bad(key+".replicas", "replicas is %d; expected 1 to 1000", t.Replicas)
		}
		if t.MaxMessage > 1<<30 {
			bad(key+".max_message", "max_message is %s; expected 1GiB at most", t.MaxMessage)
		}
		groups := map[string]bool{}
		for j, g := range t.Groups {
			key := fmt.Sprintf("%s.groups[%d]", key, j)
			switch {
			case g.Name == "":
				bad(key, "group has no name")
			case !topicName.MatchString(t.Name + "." + g.Name + ".retry." + strconv.Itoa(g.RetryLevels)):
				bad(key, "group %q: its retry topics would have names that Kafka does not take; expected letters, digits, dots, hyphens and underscores, 249 of them with the topic's", g.Name)
			case groups[g.Name]:
				bad(key, "group %q of topic %q is there twice", g.Name, t.Name)
			}
			groups[g.Name] = true
			if g.RetryLevels < 0 || g.RetryLevels > maxLevels {
				bad(key+".retry_levels", "retry_levels is %d; expected 0 to %d", g.RetryLevels, maxLevels)
			}
		}
	}
	for _, name := range keys(c.Environments) {
		if n := c.Environments[name].Kafka.Replicas; n < 0 || n > 1000 {
			bad("environments."+name+".kafka.replicas", "replicas is %d; expected 1 to 1000", n)
		}
	}
}
