package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/topics"
)

func (a *app) topicsStatusCmd(f *topicsFlags) *cobra.Command {
	var groups []string
	cmd := &cobra.Command{
		Use:   "status [TOPIC...]",
		Short: "Show topics, missing leaders, and how far groups are behind",
		Long: `Status prints the topics of wireproof.yaml, or those that are given, and for each
group how far it is behind in each partition: the offset that it goes on from (- if it
has settled nothing, and begins at the oldest message), the end, the difference, and the
age of the first message that is not settled. The difference counts offsets: where
messages were removed, or belong to transactions, there are fewer messages.

The groups are those of topics: in wireproof.yaml, with their retry topics, and those of
--group. With TOPIC and --brokers no settings are needed.

Exit codes: 0 all is there · 1 a topic is missing, or a partition has no leader · 5 the
cluster could not be asked.`,
		Example: `  wireproof topics status --env prod
  wireproof topics status orders --group billing --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			wants, reads, err := a.watched(args, groups, f.brokers)
			if err != nil {
				return err
			}
			return a.onKafka(cmd.Context(), f, func(ctx context.Context, bus *kafkabus.Bus) error {
				s, err := topicsStatusOf(ctx, bus, wants, reads)
				if err != nil {
					return kafkaFailure(err)
				}
				return a.printTopicsStatus(s, f.output)
			})
		},
	}
	cmd.Flags().StringSliceVarP(&groups, "group", "g", nil, "consumer groups to show for every topic that is no retry or dead-letter topic; repeatable")
	return cmd
}

// A groupReading is a group and the topics that it reads.
type groupReading struct {
	group  string
	topics []string
}

// watched returns the topics to show and which groups read them.
func (a *app) watched(args, groups, brokers []string) (names []string, reads []groupReading, err error) {
	add := func(group, topic string) {
		i := slices.IndexFunc(reads, func(r groupReading) bool { return r.group == group })
		if i < 0 {
			reads = append(reads, groupReading{group: group})
			i = len(reads) - 1
		}
		if !slices.Contains(reads[i].topics, topic) {
			reads[i].topics = append(reads[i].topics, topic)
		}
	}
	sources := slices.Clone(args)
	_, lost := config.Find(a.dir)
	if needless := len(args) > 0 && len(brokers) > 0 && a.config == "" && lost != nil; !needless {
		cfg, err := a.settings()
		if err != nil {
			return nil, nil, err
		}
		for _, t := range cfg.Topics {
			if len(args) > 0 && !slices.Contains(args, t.Name) {
				continue
			}
			for _, g := range t.Groups {
				add(g.Name, t.Name)
				for level := range g.RetryLevels {
					add(g.Name, event.RetryTopic(t.Name, g.Name, level+1))
				}
			}
		}
		for _, w := range topics.Wanted(cfg, 0) {
			origin := w.Of
			if origin == "" {
				origin = w.Name
			}
			if len(args) > 0 && !slices.Contains(args, origin) {
				continue
			}
			names = append(names, w.Name)
			if w.Of == "" {
				sources = append(sources, w.Name)
			}
		}
	}
	for _, t := range args {
		if !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	for _, g := range groups {
		for _, t := range sources {
			add(g, t)
		}
	}
	if len(names) == 0 {
		return nil, nil, usagef("there are no topics: name some, or describe them in wireproof.yaml")
	}
	return names, reads, nil
}

// A topicsStatus is what topics status prints.
type topicsStatus struct {
	Topics []topicState `json:"topics"`
	Lag    []lagState   `json:"lag"`
}

type topicState struct {
	Topic      string  `json:"topic"`
	Exists     bool    `json:"exists"`
	Partitions int     `json:"partitions"`
	Replicas   int     `json:"replicas"`
	Leaderless []int32 `json:"leaderless"`
	Behind     []int32 `json:"replicas_behind"`
}

type lagState struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Committed is null for a group that has settled nothing.
	Committed *int64 `json:"committed"`
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`
	// Oldest and AgeSeconds are of the first message that is not settled.
	Oldest     *time.Time `json:"oldest"`
	AgeSeconds float64    `json:"age_seconds"`
}

func topicsStatusOf(ctx context.Context, bus *kafkabus.Bus, names []string, reads []groupReading) (*topicsStatus, error) {
	found, err := bus.Topics(ctx, names...)
	if err != nil {
		return nil, err
	}
	s := &topicsStatus{Topics: []topicState{}, Lag: []lagState{}}
	readable := map[string]bool{}
	for _, t := range found {
		readable[t.Name] = t.Exists && len(t.Leaderless) == 0
		s.Topics = append(s.Topics, topicState{
			Topic: t.Name, Exists: t.Exists, Partitions: t.Partitions, Replicas: t.Replicas,
			Leaderless: append([]int32{}, t.Leaderless...), Behind: append([]int32{}, t.Behind...),
		})
	}
	now := time.Now()
	for _, r := range reads {
		wanted := slices.DeleteFunc(slices.Clone(r.topics), func(t string) bool { return !readable[t] })
		if len(wanted) == 0 {
			continue
		}
		lags, err := bus.Lag(ctx, r.group, wanted...)
		if err != nil {
			return nil, err
		}
		for _, l := range lags {
			state := lagState{Group: r.group, Topic: l.Topic, Partition: l.Partition, End: l.End, Lag: l.Messages}
			if l.Committed >= 0 {
				state.Committed = &l.Committed
			}
			if !l.Oldest.IsZero() {
				at := l.Oldest.UTC()
				state.Oldest, state.AgeSeconds = &at, max(now.Sub(at), 0).Seconds()
			}
			s.Lag = append(s.Lag, state)
		}
	}
	return s, nil
}

func (a *app) printTopicsStatus(s *topicsStatus, format string) error {
	if format == "json" {
		if err := a.printJSON(s); err != nil {
			return err
		}
	} else if err := s.print(a); err != nil {
		return err
	}
	missing := 0
	for _, t := range s.Topics {
		if !t.Exists || len(t.Leaderless) > 0 {
			missing++
		}
	}
	if missing > 0 {
		return exitWith(exitFindings, fmt.Errorf("%d of %d topics are missing or have partitions without a leader", missing, len(s.Topics)))
	}
	return nil
}

func (s *topicsStatus) print(a *app) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tPARTITIONS\tREPLICAS\tNO LEADER\tREPLICAS BEHIND")
	for _, t := range s.Topics {
		if !t.Exists {
			fmt.Fprintf(w, "%s\tmissing\t-\t-\t-\n", t.Topic)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", t.Topic, t.Partitions, t.Replicas, partitionList(t.Leaderless), partitionList(t.Behind))
	}
	if len(s.Lag) > 0 {
		fmt.Fprintln(w, "\nGROUP\tTOPIC\tPARTITION\tCOMMITTED\tEND\tLAG\tOLDEST")
	}
	for _, l := range s.Lag {
		committed, age := "-", "-"
		if l.Committed != nil {
			committed = strconv.FormatInt(*l.Committed, 10)
		}
		if l.Oldest != nil {
			age = time.Duration(l.AgeSeconds * float64(time.Second)).Round(time.Millisecond).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%s\n", l.Group, l.Topic, l.Partition, committed, l.End, l.Lag, age)
	}
	return w.Flush()
}

// partitionList prints partitions, or - where there is none.
func partitionList(ps []int32) string {
	if len(ps) == 0 {
		return "-"
	}
	var out []string
	for _, p := range ps {
		out = append(out, strconv.Itoa(int(p)))
	}
	return strings.Join(out, ",")
}
