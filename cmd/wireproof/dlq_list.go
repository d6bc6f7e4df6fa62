package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/internal/gate"
)

func (a *app) dlqListCmd(f *dlqFlags) *cobra.Command {
	var by string
	cmd := &cobra.Command{
		Use: "list TOPIC", Aliases: []string{"ls"}, Short: "List dead letters, or groups of them", Args: cobra.ExactArgs(1),
		Long: `List prints a line for each letter, the oldest first; with --group-by a line for
each group, the largest first: letters of one error, where names in quotes, numbers
and ids count as equal, of one subject of the registry, or of one consumer group.`,
		Example: `  wireproof dlq list orders --group billing --pending
  wireproof dlq list orders --group-by error
  wireproof dlq list orders --group-by subject --since 24h
  wireproof dlq list orders -g billing --error 'no such account' --output json`,
		RunE: a.onDLQ(f, func(ctx context.Context, l *letters) error {
			switch by {
			case "":
				return a.listLetters(ctx, l)
			case "error", "subject", "consumer":
				return a.listGroups(ctx, l, by)
			}
			return usagef("--group-by is %q; expected error, subject or consumer", by)
		}),
	}
	f.filters(cmd)
	cmd.Flags().StringVar(&by, "group-by", "", "a line for each group: by error, subject or consumer")
	completeWords(cmd, "group-by", "error\twhat failed", "subject\tof which schema", "consumer\twhose handler failed")
	return cmd
}

func (a *app) listLetters(ctx context.Context, l *letters) error {
	asJSON := l.flags.output == "json"
	found, err := l.all(ctx, asJSON)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(a.stdout)
		for i := range found {
			if err := enc.Encode(jsonOf(&found[i])); err != nil {
				return err
			}
		}
	} else if err := a.table("ID\tGROUP\tDEAD SINCE\tKEY\tATTEMPTS\tREPLAYED\tERROR", func(row func(string, ...any)) {
		for _, x := range found {
			row("%s\t%s\t%s\t%s\t%d\t%s\t%s", x.ID, x.Group, utc(x.DeadAt), readable(x.Key), x.Attempts, replayed(&x), gate.Clean(firstLine(x.LastError)))
		}
	}, len(found)); err != nil {
		return err
	}
	a.note("%s of %s, group %s", several(len(found), "dead letter"), l.topic, strings.Join(l.groups, ", "))
	return nil
}

// table prints aligned columns, and nothing for no rows.
func (a *app) table(head string, rows func(row func(format string, args ...any)), n int) error {
	if n == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, head)
	rows(func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) })
	return w.Flush()
}

// replayed says how often a letter was replayed, and whether edited.
func replayed(x *dlq.Letter) string {
	if x.Edited > 0 {
		return fmt.Sprintf("%d (edited)", x.Replayed)
	}
	return fmt.Sprint(x.Replayed)
}

// A groupJSON is a group of letters as --output json prints it.
type groupJSON struct {
	By      string      `json:"by"`
	Name    string      `json:"name"`
	Count   int         `json:"count"`
	Pending int         `json:"pending"`
	First   time.Time   `json:"first"`
	Last    time.Time   `json:"last"`
	Example exampleJSON `json:"example"`
}

type exampleJSON struct {
	Topic string `json:"topic"`
	Group string `json:"group"`
	ID    string `json:"id"`
	Error string `json:"error"`
}

func (a *app) listGroups(ctx context.Context, l *letters, by string) error {
	var tally dlq.Tally
	total := 0
	var failed error
	err := l.each(ctx, func(x dlq.Letter) {
		names := []string{x.Group}
		switch by {
		case "error":
			names[0] = dlq.ErrorClass(x.LastError)
		case "subject":
			subjects, err := l.subjects(x.SchemaID)
			failed = cmp.Or(failed, err)
			if names = subjects; len(names) == 0 {
				names = []string{noSubject(x.SchemaID)}
			}
		}
		x.Payload, x.Headers = nil, nil
		total++
		for _, name := range names {
			tally.Add(name, x)
		}
	})
	if err = cmp.Or(failed, err); err != nil {
		return err
	}
	groups := tally.Groups()
	if l.sel.Limit > 0 && len(groups) > l.sel.Limit {
		groups = groups[:l.sel.Limit]
	}
	if l.flags.output == "json" {
		enc := json.NewEncoder(a.stdout)
		for _, g := range groups {
			x := g.Example
			out := groupJSON{by, g.Name, g.Count, g.Pending, g.First.UTC(), g.Last.UTC(), exampleJSON{x.Topic, x.Group, x.ID, x.LastError}}
			if err := enc.Encode(out); err != nil {
				return err
			}
		}
	} else if err := a.table("COUNT\tPENDING\tFIRST\tLAST\tEXAMPLE\t"+strings.ToUpper(by), func(row func(string, ...any)) {
		for _, g := range groups {
			example := g.Example.ID
			if len(l.groups) > 1 {
				example = g.Example.Group + " " + example
			}
			row("%d\t%d\t%s\t%s\t%s\t%s", g.Count, g.Pending, utc(g.First), utc(g.Last), example, gate.Clean(cmp.Or(g.Name, "(none)")))
		}
	}, len(groups)); err != nil {
		return err
	}
	a.note("%s of %s in %s by %s", several(total, "dead letter"), l.topic, several(len(tally.Groups()), "group"), by)
	return nil
}

// several returns a number of things that are named by noun.
func several(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}

func noSubject(id string) string {
	if id == "" {
		return "(no schema)"
	}
	return "(schema id " + id + ")"
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
	Time       time.Time    `json:"time"`
	Attempts   int          `json:"attempts"`
	FirstError string       `json:"first_error"`
	LastError  string       `json:"last_error"`
	ErrorClass string       `json:"error_class"`
	SchemaID   string       `json:"schema_id,omitempty"`
	DeadAt     time.Time    `json:"dead_at"`
	ReplayID   string       `json:"replay_id"`
	Replayed   int          `json:"replayed"`
	Edited     int          `json:"edited"`
	EditOf     string       `json:"edit_of,omitempty"`

	// Of show only.
	SchemaType string          `json:"schema_type,omitempty"`
	SchemaName string          `json:"schema_name,omitempty"`
	Document   json.RawMessage `json:"document,omitempty"`
	Unreadable string          `json:"unreadable,omitempty"`
}

type headerJSON struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

func jsonOf(l *dlq.Letter) letterJSON {
	out := letterJSON{
		ID: l.ID, Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Group: l.Group, Key: l.Key, Payload: l.Payload,
		Headers: []headerJSON{}, Time: l.Time.UTC(), Attempts: l.Attempts, FirstError: l.FirstError, LastError: l.LastError,
		ErrorClass: dlq.ErrorClass(l.LastError), SchemaID: l.SchemaID, DeadAt: l.DeadAt, ReplayID: l.ReplayID,
		Replayed: l.Replayed, Edited: l.Edited, EditOf: l.EditOf,
	}
	for _, h := range l.Headers {
		out.Headers = append(out.Headers, headerJSON(h))
	}
	return out
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// readable prints bytes as text where they are text, and as base64 otherwise.
func readable(b []byte) string {
	if b == nil {
		return "-"
	}
	if gate.Clean(string(b)) != string(b) {
		return "base64:" + base64.StdEncoding.EncodeToString(b)
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
