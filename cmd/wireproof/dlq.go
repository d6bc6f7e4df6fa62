package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// dlqFlags say which letters are meant, and where they are.
type dlqFlags struct {
	brokers  []string
	bus      string
	registry string
	groups   []string
	output   string
	timeout  time.Duration
	patient  bool // the default timeout does not count

	ids          []string
	pending      bool
	limit        int
	errorText    string
	errorClass   string
	key          string
	subject      string
	since, until string
}

func (a *app) dlqCmd() *cobra.Command {
	var f dlqFlags
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, group, show, edit and replay dead letters",
		Long: `Dead letters of a consumer group for a topic lie in TOPIC.GROUP.dlq. Looking at
them moves no offsets. A replay publishes the same key, payload and headers to the
topic that they came from, for the group that failed alone, under a replay id that
is the same for each replay of a message.

Kafka is that of the settings or of --brokers; --bus names another broker. Payloads
are decoded with the schema that they were written with, from the registry of the
settings or of --registry.`,
		Example: `  wireproof dlq list orders --group-by error
  wireproof dlq show orders --group billing 0:17
  wireproof dlq edit orders --group billing 0:17 --set total=1999
  wireproof dlq replay orders --group billing --error-class 'order # not found' --rate 50/s --ramp 1m
  wireproof dlq list orders --group billing --bus nats://localhost:4222`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p := cmd.PersistentFlags()
	p.StringSliceVar(&f.brokers, "brokers", nil, "host:port of Kafka brokers, in place of the environment's")
	p.StringVar(&f.bus, "bus", "", "URL of another broker, "+busUsage)
	p.StringVar(&f.registry, "registry", "", "URL of the registry, in place of the environment's")
	p.StringSliceVarP(&f.groups, "group", "g", nil, "consumer groups (default, on Kafka: all that have dead letters of the topic)")
	p.StringVarP(&f.output, "output", "o", "text", "text or json (one object a line)")
	p.DurationVar(&f.timeout, "timeout", time.Minute, "longest time for the whole command; edit and replay have none unless it is given")
	completeWords(cmd, "output", "text\ta table", "json\tone object a line")
	cmd.AddCommand(a.dlqListCmd(&f), a.dlqShowCmd(&f), a.dlqEditCmd(&f), a.dlqReplayCmd(&f))
	return cmd
}

// completeWords offers the values of a flag.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is defined beside the call
	}
}

// filters adds the flags that select letters.
func (f *dlqFlags) filters(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringSliceVar(&f.ids, "id", nil, "only these letters; partition:offset, as list prints them")
	p.BoolVar(&f.pending, "pending", false, "only letters that were not replayed yet")
	p.IntVar(&f.limit, "limit", 0, "at most so many letters; 0 means all")
	p.StringVar(&f.errorText, "error", "", "only letters whose first or last error holds this text")
	p.StringVar(&f.errorClass, "error-class", "", "only letters of this group of errors, as list --group-by error prints it")
	p.StringVar(&f.key, "key", "", "only letters of this key")
	p.StringVar(&f.subject, "subject", "", "only letters whose schema is of this subject; asks the registry")
	p.StringVar(&f.since, "since", "", "only letters that died since: an age such as 2h, or a time such as 2026-01-31T09:00:00Z")
	p.StringVar(&f.until, "until", "", "only letters that died before: an age or a time")
}

// filtered reports whether any flag selects letters.
func (f *dlqFlags) filtered() bool {
	return f.pending || len(f.ids) > 0 || f.errorText+f.errorClass+f.key+f.subject+f.since+f.until != ""
}

// A letters is a command's view of dead letters: where they are and which are meant.
type letters struct {
	app      *app
	flags    *dlqFlags
	bus      event.Bus
	topic    string
	groups   []string
	sel      dlq.Selection
	subjects func(schemaID string) ([]string, error)
	err      error // of the registry, asked by a filter
}

// onDLQ checks the flags, connects and runs do.
func (a *app) onDLQ(f *dlqFlags, do func(ctx context.Context, l *letters) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		if f.output != "text" && f.output != "json" {
			return usagef("--output is %q; expected text or json", f.output)
		}
		ctx, cancel := f.limited(cmd)
		defer cancel()
		l := &letters{app: a, flags: f, topic: args[0], groups: f.groups, subjects: a.subjects(ctx, f)}
		if l.sel, err = l.selection(time.Now()); err != nil {
			return err
		}
		if l.bus, err = a.bus(ctx, f.bus, f.brokers); err != nil {
			return err
		}
		defer closing(&err, func() error { return l.bus.Close(context.WithoutCancel(ctx)) })
		if len(l.groups) == 0 {
			if l.groups, err = groupsOf(ctx, l.bus, l.topic); err != nil {
				return err
			}
			if len(l.groups) == 0 {
				a.note("no group has dead letters of %s", l.topic)
				return nil
			}
		}
		return do(ctx, l)
	}
}

// limited returns the command's context with its timeout.
func (f *dlqFlags) limited(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if !f.patient || cmd.Flags().Changed("timeout") {
		return context.WithTimeout(cmd.Context(), f.timeout)
	}
	return context.WithCancel(cmd.Context())
}

// one returns the only group.
func (l *letters) one() (string, error) {
	if len(l.groups) != 1 {
		return "", usagef("letters of %s are those of %d groups (%s); name one with --group", l.topic, len(l.groups), strings.Join(l.groups, ", "))
	}
	return l.groups[0], nil
}

// each calls fn with the selected letters of each group, without heed of the limit.
func (l *letters) each(ctx context.Context, fn func(dlq.Letter)) error {
	if len(l.sel.IDs) > 0 {
		if _, err := l.one(); err != nil {
			return err
		}
	}
	for _, group := range l.groups {
		err := dlq.Each(ctx, l.bus, l.topic, group, l.sel, func(x dlq.Letter) error {
			if l.err == nil {
				fn(x)
			}
			return l.err
		})
		if l.err != nil {
			return l.err
		}
		if err != nil {
			return letterFailure(err)
		}
	}
	return nil
}

// all returns the selected letters, the oldest first and no more than the limit,
// with their payloads or without.
func (l *letters) all(ctx context.Context, payloads bool) ([]dlq.Letter, error) {
	var out []dlq.Letter
	err := l.each(ctx, func(x dlq.Letter) {
		if !payloads {
			x.Payload, x.Headers = nil, nil
		}
		out = append(out, x)
	})
	slices.SortStableFunc(out, func(a, b dlq.Letter) int { return a.DeadAt.Compare(b.DeadAt) })
	if l.sel.Limit > 0 && len(out) > l.sel.Limit {
		out = out[:l.sel.Limit]
	}
	return out, err
}

// selection reads the flags that select letters.
func (l *letters) selection(now time.Time) (dlq.Selection, error) {
	f := l.flags
	since, err := moment("--since", f.since, now)
	if err != nil {
		return dlq.Selection{}, err
	}
	until, err := moment("--until", f.until, now)
	if err != nil {
		return dlq.Selection{}, err
	}
	return dlq.Selection{IDs: f.ids, Pending: f.pending, Limit: f.limit, Where: func(x *dlq.Letter) bool {
		switch {
		case f.errorText != "" && !strings.Contains(x.FirstError, f.errorText) && !strings.Contains(x.LastError, f.errorText),
			f.errorClass != "" && dlq.ErrorClass(x.LastError) != dlq.ErrorClass(f.errorClass),
			f.key != "" && string(x.Key) != f.key,
			!since.IsZero() && x.DeadAt.Before(since),
			!until.IsZero() && !x.DeadAt.Before(until):
			return false
		case f.subject == "" || l.err != nil:
			return true
		}
		subjects, err := l.subjects(x.SchemaID)
		l.err = err
		return slices.Contains(subjects, f.subject)
	}}, nil
}

// moment reads an age or a time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%s is %q; expected an age such as 2h30m, a time such as 2026-01-31T09:00:00Z, or a day", flag, text)
}

// subjects returns a function that asks the registry which subjects have a schema,
// and remembers the answers. It connects when it is first called.
func (a *app) subjects(ctx context.Context, f *dlqFlags) func(string) ([]string, error) {
	var reg *client.Client
	known := map[string][]string{"": nil}
	return func(id string) (_ []string, err error) {
		if out, ok := known[id]; ok {
			return out, nil
		}
		if reg == nil {
			if reg, _, err = a.openRegistry(f.registry); err != nil {
				return nil, err
			}
		}
		if _, err := strconv.ParseUint(id, 10, 31); err != nil {
			known[id] = nil // a letter may say anything
			return nil, nil
		}
		body, err := reg.Get(ctx, "/schemas/ids/"+id+"/subjects")
		if errors.Is(err, api.SchemaNotFound) {
			known[id] = nil
			return nil, nil
		}
		var out []string
		if err == nil {
			err = json.Unmarshal(body, &out)
		}
		if err != nil {
			return nil, registryFailure(fmt.Errorf("subjects of schema id %s: %w", id, err))
		}
		slices.Sort(out)
		known[id] = out
		return out, nil
	}
}

// letterFailure gives an error of package dlq its exit code.
func letterFailure(err error) error {
	if errors.Is(err, dlq.ErrNotFound) || errors.Is(err, dlq.ErrID) {
		return exitWith(exitUsage, err)
	}
	return exitWith(exitIncomplete, err)
}
