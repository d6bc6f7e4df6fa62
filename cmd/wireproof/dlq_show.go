package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/internal/payload"
)

func (a *app) dlqShowCmd(f *dlqFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show TOPIC ID…", Short: "Show dead letters with payload and headers", Args: cobra.MinimumNArgs(1),
		Long: `Show prints where letters come from, what failed, their headers, and the payload as
JSON, decoded with the schema that it was written with. Bytes that cannot be decoded
are printed in hexadecimal, with the reason.`,
		Example: `  wireproof dlq show orders --group billing 0:17
  wireproof dlq show orders --group billing 0:17 --registry http://localhost:8081 --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ids = append(f.ids, args[1:]...)
			if len(f.ids) == 0 {
				return usagef("show needs ids of letters; wireproof dlq list %s prints them", args[0])
			}
			return a.onDLQ(f, a.showLetters)(cmd, args)
		},
	}
	cmd.Flags().StringSliceVar(&f.ids, "id", nil, "the same as ID")
	return cmd
}

func (a *app) showLetters(ctx context.Context, l *letters) error {
	if _, err := l.one(); err != nil {
		return err
	}
	found, err := l.all(ctx, true)
	if err != nil {
		return err
	}
	schemas, none := a.schemas(l.flags)
	for i := range found {
		x := &found[i]
		doc, unreadable := payload.Decode(ctx, schemas, x.Payload)
		if unreadable != nil && schemas == nil {
			unreadable = fmt.Errorf("%w (%w)", unreadable, none)
		}
		if l.flags.output == "json" {
			out := jsonOf(x)
			if doc != nil {
				out.SchemaType, out.SchemaName, out.Document = string(doc.Type), doc.Name, doc.JSON
			} else {
				out.Unreadable = unreadable.Error()
			}
			if err := json.NewEncoder(a.stdout).Encode(out); err != nil {
				return err
			}
			continue
		}
		if err := a.printLetter(x, doc, unreadable); err != nil {
			return err
		}
	}
	return nil
}

// schemas returns where schemas come from, or why there is no registry.
func (a *app) schemas(f *dlqFlags) (codec.SchemaSource, error) {
	reg, _, err := a.openRegistry(f.registry)
	if err != nil {
		return nil, err
	}
	return codec.NewCache(reg), nil
}

func (a *app) printLetter(l *dlq.Letter, doc *payload.Document, unreadable error) error {
	line := func(name, format string, args ...any) {
		text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
		fmt.Fprintf(a.stdout, "%-12s %s\n", name, gate.Clean(text))
	}
	line("letter", "%s", l.ID)
	line("topic", "%s, partition %d, offset %d, %s", l.Topic, l.Partition, l.Offset, utc(l.Time))
	line("group", "%s", l.Group)
	line("key", "%s", readable(l.Key))
	line("dead since", "%s", utc(l.DeadAt))
	line("attempts", "%d", l.Attempts)
	line("replay id", "%s", l.ReplayID)
	line("replayed", "%s", replayed(l))
	if l.EditOf != "" {
		line("edit of", "%s", l.EditOf)
	}
	line("first error", "%s", l.FirstError)
	line("last error", "%s", l.LastError)
	for _, h := range l.Headers {
		line("header", "%s: %s", h.Key, readable(h.Value))
	}
	if doc == nil {
		line("payload", "%d bytes, not decoded: %v", len(l.Payload), unreadable)
		_, err := fmt.Fprint(a.stdout, hex.Dump(l.Payload))
		return err
	}
	what := "JSON without a schema"
	if doc.Type != "" {
		what = fmt.Sprintf("%s %s, schema id %d", doc.Type, doc.Name, doc.ID)
	}
	line("payload", "%d bytes, %s", len(l.Payload), what)
	_, err := fmt.Fprintf(a.stdout, "%s\n", escaped(doc.JSON))
	return err
}

// escaped writes what JSON has in its texts and a terminal would obey as JSON escapes
// it.
func escaped(doc []byte) string {
	var out strings.Builder
	for _, r := range string(doc) {
		if r != '\n' && r != '\t' && gate.Clean(string(r)) != string(r) {
			fmt.Fprintf(&out, "\\u%04x", r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
