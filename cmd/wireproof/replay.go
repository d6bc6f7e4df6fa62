package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event/kafkabus"
)

type rereadFlags struct {
	topicsFlags
	group, from string
	dryRun      bool

	topic, into, checkpoint string // of a log
	rate                    float64
	newTimes                bool
}

func (a *app) replayCmd() *cobra.Command {
	var f rereadFlags
	cmd := &cobra.Command{
		Use:   "replay kafka:TOPIC | log:DIR",
		Short: "Let a group read a topic again, or publish an event log to a topic",
		Long: `Replay kafka:TOPIC moves a consumer group: --from says where it goes on, and all from
there comes to it again, or is passed over. It first prints what that does to each
partition. The group has to be without members, or it refuses: they would commit where
they are. Stop them, replay, start them. A handler sees messages that it has handled
before; dedupe, or an inbox, that still remembers them drops them.

--from is beginning, end, a time (2027-01-31T08:00:00Z, 2027-01-31, or 90m for so long
ago), or offsets as PARTITION:OFFSET,…; a bare offset is enough for one partition.

Replay log:WHERE publishes what an event log holds of --topic to a Kafka topic, --into,
with keys, payloads, headers and times as they were; as a topic keeps messages by their
times, old ones may be removed from it at once, unless --new-times is set. WHERE is the folder of a file
store, the file of a SQLite database, or a postgres:// URL (its password is best left to
PGPASSWORD). It goes up to what is there when it begins, and prints the offset that it has
come to. With --checkpoint FILE it notes that offset after each batch that the broker has
stored, and goes on from there when it is run again: what was on its way when it was
interrupted, a batch at most, is published twice, and nothing is left out.

Exit codes: 0 done, or previewed · 1 the group has members, or nobody said yes · 2 usage ·
5 the cluster or the log could not be asked · 6 a part is published, then it failed.`,
		Example: `  wireproof replay kafka:orders --group billing --from 2h --dry-run
  wireproof replay kafka:orders --group billing --from 0:1400,1:1377 --yes
  wireproof replay log:data/events --topic orders --into orders-again --checkpoint orders.next --rate 500`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, where, ok := strings.Cut(args[0], ":")
			switch {
			case ok && where != "" && kind == "kafka":
				return a.replayGroup(cmd.Context(), where, &f)
			case ok && where != "" && kind == "log":
				return a.replayLog(cmd.Context(), where, &f)
			}
			return usagef("replay of %q; expected kafka:TOPIC or log:DIR", args[0])
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.brokers, "brokers", nil, "host:port of Kafka brokers, in place of the environment's")
	fl.StringVarP(&f.output, "output", "o", "text", "text or json")
	fl.DurationVar(&f.timeout, "timeout", time.Minute, "longest time to move a group; a log takes as long as it takes")
	fl.StringVarP(&f.group, "group", "g", "", "consumer group to move (kafka:)")
	fl.StringVar(&f.from, "from", "", "where to begin: beginning, end, a time, or offsets")
	fl.BoolVar(&f.dryRun, "dry-run", false, "say what would be done, do nothing")
	fl.BoolVarP(&f.yes, "yes", "y", false, "do not ask before a group is moved")
	fl.StringVar(&f.topic, "topic", "", "topic of the log (log:)")
	fl.StringVar(&f.into, "into", "", "Kafka topic to publish to; default: that of --topic (log:)")
	fl.StringVar(&f.checkpoint, "checkpoint", "", "file that keeps how far the replay has come (log:)")
	fl.Float64Var(&f.rate, "rate", 0, "at most so many messages a second; 0 means as fast as can be (log:)")
	fl.BoolVar(&f.newTimes, "new-times", false, "give messages the time at which they are published again (log:)")
	return cmd
}

// A start is what --from says: one of a time, the beginning, the end and offsets.
type start struct {
	beginning, end bool
	time           time.Time
	offset         int64           // -1 if none is given for all
	offsets        map[int32]int64 // by partition
}

func parseStart(s string, now time.Time) (start, error) {
	out := start{offset: -1}
	switch s {
	case "beginning":
		out.beginning = true
		return out, nil
	case "end":
		out.end = true
		return out, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		out.offset = n
		return out, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			out.time = t
			return out, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		out.time = now.Add(-d)
		return out, nil
	}
	out.offsets = map[int32]int64{}
	for part := range strings.SplitSeq(s, ",") {
		p, o, ok := strings.Cut(strings.TrimSpace(part), ":")
		partition, errP := strconv.ParseInt(p, 10, 32)
		offset, errO := strconv.ParseInt(o, 10, 64)
		if _, twice := out.offsets[int32(partition)]; !ok || twice || errP != nil || errO != nil || partition < 0 || offset < 0 {
			return out, usagef("--from is %q; expected beginning, end, a time such as 2027-01-31T08:00:00Z or 90m ago, an offset, or PARTITION:OFFSET,…", s)
		}
		out.offsets[int32(partition)] = offset
	}
	return out, nil
}

// position translates s for a topic.
func (s start) position(ctx context.Context, bus *kafkabus.Bus, topic string) (kafkabus.Position, error) {
	switch {
	case s.beginning:
		return kafkabus.Oldest(), nil
	case s.end:
		return kafkabus.Newest(), nil
	case !s.time.IsZero():
		return kafkabus.At(s.time), nil
	}
	offsets := s.offsets
	if s.offset >= 0 {
		found, err := bus.Topics(ctx, topic)
		if err != nil {
			return kafkabus.Position{}, kafkaFailure(err)
		}
		if found[0].Partitions > 1 {
			return kafkabus.Position{}, usagef("--from is one offset, and topic %q has %d partitions; expected PARTITION:OFFSET,…", topic, found[0].Partitions)
		}
		offsets = map[int32]int64{0: s.offset}
	}
	return kafkabus.Offsets(map[string]map[int32]int64{topic: offsets}), nil
}

// replayGroup moves a group.
func (a *app) replayGroup(ctx context.Context, topic string, f *rereadFlags) error {
	if f.group == "" || f.from == "" {
		return usagef("replay of a Kafka topic needs --group and --from: whom to move, and where")
	}
	if f.topic != "" || f.into != "" || f.checkpoint != "" || f.rate != 0 || f.newTimes {
		return usagef("--topic, --into, --checkpoint, --rate and --new-times are for a log:; here the group reads the topic itself")
	}
	begin, err := parseStart(f.from, time.Now())
	if err != nil {
		return err
	}
	return a.onKafka(ctx, &f.topicsFlags, func(ctx context.Context, bus *kafkabus.Bus) error {
		to, err := begin.position(ctx, bus, topic)
		if err != nil {
			return err
		}
		moves, err := bus.PreviewSeek(ctx, f.group, topic, to)
		if err != nil {
			return seekFailure(err)
		}
		if err := a.printMoves(moves, f.output); err != nil {
			return err
		}
		var again, passed int64
		for _, m := range moves {
			again, passed = again+m.Again, passed+m.Passed
		}
		if f.dryRun {
			a.note("dry run: group %q would get %d messages again and pass over %d", f.group, again, passed)
			return nil
		}
		question := fmt.Sprintf("Move group %q in topic %q, so that %d messages come again and %d are passed over?", f.group, topic, again, passed)
		if err := a.confirm(f.yes, question, "yes"); err != nil {
			return err
		}
		if _, err := bus.Seek(ctx, f.group, topic, to); err != nil {
			return seekFailure(err)
		}
		a.note("group %q is moved: %d messages come again, %d are passed over", f.group, again, passed)
		return nil
	})
}

// seekFailure gives an error of a seek its exit code.
func seekFailure(err error) error {
	if errors.Is(err, kafkabus.ErrMembers) {
		return exitWith(exitFindings, err)
	}
	return kafkaFailure(err)
}

// A moveJSON is a move as --output json prints it.
type moveJSON struct {
	Partition int32  `json:"partition"`
	From      *int64 `json:"from"` // null for a group that has settled nothing
	To        int64  `json:"to"`
	Again     int64  `json:"again"`
	Passed    int64  `json:"passed"`
}

func (a *app) printMoves(moves []kafkabus.Move, format string) error {
	if format == "json" {
		out := []moveJSON{}
		for _, m := range moves {
			j := moveJSON{Partition: m.Partition, To: m.To, Again: m.Again, Passed: m.Passed}
			if m.From >= 0 {
				j.From = &m.From
			}
			out = append(out, j)
		}
		return a.printJSON(out)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PARTITION\tFROM\tTO\tCOME AGAIN\tPASSED OVER")
	for _, m := range moves {
		from := "-"
		if m.From >= 0 {
			from = strconv.FormatInt(m.From, 10)
		}
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%d\n", m.Partition, from, m.To, m.Again, m.Passed)
	}
	return w.Flush()
}
