package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
)

type dlqFlags struct {
	brokers []string
	group   string
	output  string
	ids     []string
	pending bool
	limit   int
	dryRun  bool
	timeout time.Duration
}

func (a *app) dlqCmd() *cobra.Command {
	var f dlqFlags
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, show and replay dead letters on Kafka",
		Long: `Dead letters of a consumer group for a topic lie in TOPIC.GROUP.dlq. Looking at
them moves no offsets. A replay publishes the same key, payload and headers to the
topic that they came from, for the group that failed alone.`,
		Example: `  wireproof dlq list orders --group billing
  wireproof dlq show orders --group billing --id 0:17
  wireproof dlq replay orders --group billing --id 0:17
  wireproof dlq replay orders --group billing --pending --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p := cmd.PersistentFlags()
	p.StringSliceVar(&f.brokers, "brokers", nil, "host:port of Kafka brokers, in place of the environment's")
	p.StringVarP(&f.group, "group", "g", "", "consumer group (required)")
	p.StringSliceVar(&f.ids, "id", nil, "only these letters; partition:offset, as list prints them")
	p.BoolVar(&f.pending, "pending", false, "only letters that were not replayed yet")
	p.IntVar(&f.limit, "limit", 0, "at most so many letters; 0 means all")
	p.StringVarP(&f.output, "output", "o", "text", "text or json (one object a line)")
	p.DurationVar(&f.timeout, "timeout", time.Minute, "longest time for the whole command")

	list := &cobra.Command{
		Use: "list TOPIC", Aliases: []string{"ls"}, Short: "List dead letters, a line each", Args: cobra.ExactArgs(1),
		Example: "  wireproof dlq list orders --group billing --pending",
		RunE: a.onDLQ(&f, func(ctx context.Context, bus event.Bus, topic string) error {
			letters, err := dlq.List(ctx, bus, topic, f.group, f.selection())
			if err != nil {
				return exitWith(exitIncomplete, err)
			}
			for _, l := range letters {
				if err := a.printLetter(l, f.output, false); err != nil {
					return err
				}
			}
			a.note("%d dead letters in %s", len(letters), dlq.Topic(topic, f.group))
			return nil
		}),
	}
	show := &cobra.Command{
		Use: "show TOPIC --id ID", Short: "Show dead letters with payload and headers", Args: cobra.ExactArgs(1),
		Example: "  wireproof dlq show orders --group billing --id 0:17",
		RunE: a.onDLQ(&f, func(ctx context.Context, bus event.Bus, topic string) error {
			if len(f.ids) == 0 {
				return usagef("show needs --id; wireproof dlq list %s --group %s prints them", topic, f.group)
			}
			for _, id := range f.ids {
				l, err := dlq.Show(ctx, bus, topic, f.group, id)
				if err != nil {
					return letterFailure(err)
				}
				if err := a.printLetter(l, f.output, true); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	replay := &cobra.Command{
		Use: "replay TOPIC", Short: "Publish dead letters again to where they came from", Args: cobra.ExactArgs(1),
		Long: `Replay publishes the selected letters again: those with --id, those that were not
replayed yet with --pending. One of the two is needed. Replays are at least once; the
header wireproof-replay-id is the same for each replay of a message.`,
		Example: `  wireproof dlq replay orders --group billing --id 0:17 --id 0:18
  wireproof dlq replay orders --group billing --pending`,
		RunE: a.onDLQ(&f, func(ctx context.Context, bus event.Bus, topic string) error { return a.replay(ctx, bus, topic, f) }),
	}
	replay.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be replayed, publish nothing")
	cmd.AddCommand(list, show, replay)
	return cmd
}

func (f dlqFlags) selection() dlq.Selection {
	return dlq.Selection{IDs: f.ids, Pending: f.pending, Limit: f.limit}
}

// onDLQ checks the flags, connects and runs do.
func (a *app) onDLQ(f *dlqFlags, do func(ctx context.Context, bus event.Bus, topic string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		if f.group == "" {
			return usagef("--group is missing: dead letters belong to a consumer group")
		}
		if f.output != "text" && f.output != "json" {
			return usagef("--output is %q; expected text or json", f.output)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
		defer cancel()
		bus, err := a.kafka(ctx, f.brokers)
		if err != nil {
			return err
		}
		defer closing(&err, func() error { return bus.Close(context.WithoutCancel(ctx)) })
		return do(ctx, bus, args[0])
	}
}

// letterFailure gives an error of package dlq its exit code.
func letterFailure(err error) error {
	if errors.Is(err, dlq.ErrNotFound) {
		return exitWith(exitUsage, err)
	}
	return exitWith(exitIncomplete, err)
}

func (a *app) replay(ctx context.Context, bus event.Bus, topic string, f dlqFlags) error {
	if len(f.ids) == 0 && !f.pending {
		return usagef("replay needs --id or --pending: say which letters")
	}
	if f.dryRun {
		letters, err := dlq.List(ctx, bus, topic, f.group, f.selection())
		if err != nil {
			return letterFailure(err)
		}
		for _, l := range letters {
			fmt.Fprintf(a.stdout, "would replay\t%s\t%s\n", l.ID, l.Topic)
		}
		a.note("%d letters would be replayed", len(letters))
		return nil
	}
	results, err := dlq.Replay(ctx, bus, topic, f.group, f.selection())
	done := 0
	for _, r := range results {
		if r.Err == nil {
			done++
			fmt.Fprintf(a.stdout, "replayed\t%s\t%s\n", r.Letter.ID, r.Letter.Topic)
			continue
		}
		fmt.Fprintf(a.stdout, "failed\t%s\t%s\t%v\n", r.Letter.ID, r.Letter.Topic, r.Err)
	}
	switch {
	case err != nil && done > 0:
		return exitWith(exitPartly, err)
	case err != nil:
		return letterFailure(err)
	}
	a.note("%d letters replayed", done)
	return nil
}

// A letterJSON is a dead letter as --output json prints it; bytes are base64.
type letterJSON struct {
	ID         string       `json:"id"`
	Topic      string       `json:"topic"`
	Partition  int32        `json:"partition"`
	Offset     int64        `json:"offset"`
	Group      string       `json:"group"`
	Key        []byte       `json:"key"`
	Payload    []byte       `json:"payload"`
	Headers    []headerJSON `json:"headers"`
	Attempts   int          `json:"attempts"`
	FirstError string       `json:"first_error"`
	LastError  string       `json:"last_error"`
	SchemaID   string       `json:"schema_id,omitempty"`
	DeadAt     time.Time    `json:"dead_at"`
	Replayed   int          `json:"replayed"`
}

type headerJSON struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

func (a *app) printLetter(l dlq.Letter, format string, whole bool) error {
	if format == "json" {
		out := letterJSON{
			ID: l.ID, Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Group: l.Group, Key: l.Key, Payload: l.Payload,
			Headers: []headerJSON{}, Attempts: l.Attempts, FirstError: l.FirstError, LastError: l.LastError, SchemaID: l.SchemaID, DeadAt: l.DeadAt, Replayed: l.Replayed,
		}
		for _, h := range l.Headers {
			out.Headers = append(out.Headers, headerJSON(h))
		}
		return json.NewEncoder(a.stdout).Encode(out)
	}
	if !whole {
		_, err := fmt.Fprintf(a.stdout, "%s\t%s\t%s\tattempts %d\treplayed %d\t%s\n",
			l.ID, l.DeadAt.UTC().Format(time.RFC3339), readable(l.Key), l.Attempts, l.Replayed, firstLine(l.LastError))
		return err
	}
	fmt.Fprintf(a.stdout, "letter       %s\ntopic        %s, partition %d, offset %d\ngroup        %s\nkey          %s\ndead since   %s\nattempts     %d\nreplayed     %d\nschema id    %s\nfirst error  %s\nlast error   %s\n",
		l.ID, l.Topic, l.Partition, l.Offset, l.Group, readable(l.Key), l.DeadAt.UTC().Format(time.RFC3339), l.Attempts, l.Replayed, l.SchemaID, l.FirstError, l.LastError)
	for _, h := range l.Headers {
		fmt.Fprintf(a.stdout, "header       %s: %s\n", h.Key, readable(h.Value))
	}
	_, err := fmt.Fprintf(a.stdout, "payload      %d bytes\n%s", len(l.Payload), hex.Dump(l.Payload))
	return err
}

// readable prints bytes as text where they are text, and as base64 otherwise.
func readable(b []byte) string {
	if b == nil {
		return "-"
	}
	for _, r := range string(b) {
		if r == utf8.RuneError || r < ' ' {
			return "base64:" + base64.StdEncoding.EncodeToString(b)
		}
	}
	return string(b)
}

// firstLine returns the start of an error, for a list.
func firstLine(s string) string {
	for i, r := range s {
		if r == '\n' {
			return s[:i]
		}
		if i > 110 {
			return s[:i] + "…"
		}
	}
	return s
}
