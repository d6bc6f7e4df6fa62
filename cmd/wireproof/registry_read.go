package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A listedSubject is one line of ls.
type listedSubject struct {
	Subject    string `json:"subject"`
	Version    int    `json:"version"` // the highest
	ID         int    `json:"id"`
	SchemaType string `json:"schemaType"`
	References int    `json:"references"`
	Deleted    bool   `json:"deleted"`
}

func (g *registryGroup) lsCmd() *cobra.Command {
	var deleted bool
	cmd := &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "List subjects with their latest version",
		Long: `Ls prints one line for each subject: its name, the highest version, the id and
language of that, and how many references it has.`,
		Example: `  wireproof registry ls
  wireproof registry ls orders- --deleted
  wireproof registry ls --context .team -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			opts := []client.Query{client.LatestOnly()}
			if deleted {
				opts = append(opts, client.WithDeleted())
			}
			found, err := reg.Schemas(cmd.Context(), g.prefix()+strings.Join(args, ""), opts...)
			if err != nil {
				return asked(err)
			}
			out := make([]listedSubject, len(found))
			for i, s := range found {
				out[i] = listedSubject{s.Subject, s.Version, s.ID, typeOf(s), len(s.References), s.Deleted != nil && *s.Deleted}
			}
			return g.print(out, func(w *tabwriter.Writer) {
				for i, s := range out {
					fmt.Fprintf(w, "%s\tv%d\tid %d\t%s\t%s\n", s.Subject, s.Version, s.ID, s.SchemaType, notes(refCount(s.References), deletedMark(found[i])))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&deleted, "deleted", false, "also what is soft-deleted")
	return cmd
}

func refCount(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 reference"
	}
	return fmt.Sprintf("%d references", n)
}

// notes joins what there is to say.
func notes(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

func (g *registryGroup) getCmd() *cobra.Command {
	var id int
	var guid, format string
	cmd := &cobra.Command{
		Use:   "get [SUBJECT[@VERSION]]",
		Short: "Print a schema",
		Long: `Get prints the text of a schema as the registry has it: the latest version of a
subject, another one, or what an id or guid stands for. With -o json it prints
everything that is known of it. Soft-deleted versions are printed too, if they are
asked for by number.`,
		Example: `  wireproof registry get orders-value
  wireproof registry get orders-value@2 -o json
  wireproof registry get --id 17`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			byID, byGUID := cmd.Flags().Changed("id"), guid != ""
			if n := len(args) + b2i(byID) + b2i(byGUID); n != 1 {
				return usagef("give one of SUBJECT[@VERSION], --id and --guid")
			}
			reg, err := g.open()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			switch {
			case byID && (id < 0 || id > 1<<31-1):
				return usagef("--id is %d; expected 0 to %d", id, 1<<31-1)
			case byID:
				found, err := reg.ByID(ctx, uint32(id))
				return g.printSchema(found, found.Schema, err)
			case byGUID:
				found, err := reg.ByGUID(ctx, guid)
				return g.printSchema(found, found.Schema, err)
			}
			subject, version, err := subjectVersion(args[0])
			if err != nil {
				return err
			}
			var opts []client.Query
			if version > 0 {
				opts = append(opts, client.WithDeleted())
			}
			if format != "" {
				opts = append(opts, client.Format(format))
			}
			found, err := reg.Version(ctx, subject, cmp.Or(version, client.Latest), opts...)
			if err == nil {
				g.a.note("%s v%d · id %d · %s", found.Subject, found.Version, found.ID, notes(typeOf(found), refCount(len(found.References)), deletedMark(found)))
			}
			return g.printSchema(found, found.Schema, err)
		},
	}
	f := cmd.Flags()
	f.IntVar(&id, "id", 0, "the schema with this id")
	f.StringVar(&guid, "guid", "", "the schema with this guid")
	f.StringVar(&format, "format", "", "form of the text, such as resolved (Avro) or serialized (Protobuf)")
	return cmd
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (g *registryGroup) printSchema(v any, text string, err error) error {
	if err != nil {
		return asked(err)
	}
	if g.output == "json" {
		return g.a.printJSON(v)
	}
	_, err = fmt.Fprintln(g.a.stdout, strings.TrimRight(text, "\n"))
	return err
}

// A past is one version of a subject with how it relates to the one before.
type past struct {
	api.Schema
	// Change is the level that the change from the version before keeps: FULL,
	// BACKWARD, FORWARD or NONE; empty for the first version, and for those that
	// do not parse here.
	Change string `json:"change,omitempty"`
}

func (g *registryGroup) historyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "history SUBJECT",
		Short: "List the versions of a subject and what each change kept",
		Long: `History prints every version of a subject that still exists, soft-deleted ones
too: its number, id, time, and which level the change from the live version before
it keeps. FULL: readers on both sides go on. BACKWARD: new readers read old data.
FORWARD: old readers read new data. NONE: neither.`,
		Example: `  wireproof registry history orders-value
  wireproof registry history orders-value -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			out, err := history(cmd.Context(), reg, args[0])
			if err != nil {
				return asked(err)
			}
			return g.print(out, func(w *tabwriter.Writer) {
				for _, p := range out {
					when := ""
					if p.Time != nil {
						when = time.UnixMilli(*p.Time).UTC().Format(time.DateTime)
					}
					fmt.Fprintf(w, "v%d\tid %d\t%s\t%s\t%s\n", p.Version, p.ID, cmp.Or(when, "-"), cmp.Or(p.Change, "-"), notes(refCount(len(p.References)), deletedMark(p.Schema)))
				}
			})
		},
	}
}

func history(ctx context.Context, reg *client.Client, subject string) ([]past, error) {
	numbers, err := reg.Versions(ctx, subject, client.WithDeleted())
	if err != nil {
		return nil, err
	}
	live, err := reg.Versions(ctx, subject)
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	isLive := map[int]bool{}
	for _, n := range live {
		isLive[n] = true
	}
	var out []past
	var before lang.Schema
	checker := compat.Default()
	for _, n := range numbers {
		found, err := reg.Version(ctx, subject, n, client.WithDeleted())
		if err != nil {
			return nil, err
		}
		gone := !isLive[n]
		found.Deleted = &gone
		p := past{Schema: found}
		src, err := reg.SourceOf(ctx, found)
		if err != nil {
			return nil, err
		}
		now := parse(src)
		if now != nil && before != nil {
			p.Change = keeps(checker, now, before)
		}
		if !gone {
			before = now
		}
		out = append(out, p)
	}
	return out, nil
}

// parse returns a schema, or nil if this program does not read it.
func parse(src lang.Source) lang.Schema {
	for _, l := range all.Languages() {
		if l.Type() == src.Type {
			if s, err := l.Parse(src); err == nil {
				return s
			}
		}
	}
	return nil
}

// keeps returns the strongest level that a change keeps.
func keeps(checker *compat.Checker, newer, older lang.Schema) string {
	if newer.Source().Type != older.Source().Type {
		return string(compat.None)
	}
	for _, level := range []compat.Level{compat.Full, compat.Backward, compat.Forward} {
		if len(checker.Differences(level, newer, older)) == 0 {
			return string(level)
		}
	}
	return string(compat.None)
}

// A schemaRefs is the answer of refs.
type schemaRefs struct {
	Subject      string               `json:"subject"`
	Version      int                  `json:"version"`
	RefersTo     []api.Reference      `json:"refersTo"`
	ReferencedBy []api.SubjectVersion `json:"referencedBy"`
}

func (g *registryGroup) refsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "refs SUBJECT[@VERSION]",
		Short: "Show what a schema refers to and what refers to it",
		Example: `  wireproof registry refs common.Money
  wireproof registry refs common.Money@2 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			subject, version, err := subjectVersion(args[0])
			if err != nil {
				return err
			}
			found, err := reg.Version(cmd.Context(), subject, cmp.Or(version, client.Latest), deletedIf(version > 0)...)
			if err != nil {
				return asked(err)
			}
			users, err := referrers(cmd.Context(), reg, found.Subject, found.Version, true)
			if err != nil {
				return asked(err)
			}
			out := schemaRefs{found.Subject, found.Version, found.References, users}
			if out.RefersTo == nil {
				out.RefersTo = []api.Reference{}
			}
			return g.print(out, func(w *tabwriter.Writer) {
				for _, r := range out.RefersTo {
					fmt.Fprintf(w, "refers to\t%s@%d\tas %s\n", r.Subject, r.Version, r.Name)
				}
				for _, u := range out.ReferencedBy {
					fmt.Fprintf(w, "referenced by\t%s@%d\n", u.Subject, u.Version)
				}
				if len(out.RefersTo)+len(out.ReferencedBy) == 0 {
					fmt.Fprintf(w, "%s@%d refers to nothing and nothing refers to it\n", out.Subject, out.Version)
				}
			})
		},
	}
}

func deletedIf(yes bool) []client.Query {
	if yes {
		return []client.Query{client.WithDeleted()}
	}
	return nil
}

// referrers returns the versions that refer to one, soft-deleted ones too if
// deleted is set.
func referrers(ctx context.Context, reg *client.Client, subject string, version int, deleted bool) ([]api.SubjectVersion, error) {
	ids, err := reg.ReferencedBy(ctx, subject, version, deletedIf(deleted)...)
	if err != nil {
		return nil, err
	}
	out := []api.SubjectVersion{}
	for _, id := range ids {
		uses, err := reg.UsesOf(ctx, uint32(id), append(deletedIf(deleted), inContextOf(subject)...)...)
		if err != nil {
			return nil, err
		}
		out = append(out, uses...)
	}
	return out, nil
}

// inContextOf makes an id mean that of a subject's context.
func inContextOf(subject string) []client.Query {
	if rest, ok := strings.CutPrefix(subject, ":."); ok {
		if name, _, ok := strings.Cut(rest, ":"); ok && name != "" {
			return []client.Query{client.InSubject(":." + name + ":")}
		}
	}
	return nil
}

// A hit is one version that search finds.
type hit struct {
	Subject string   `json:"subject"`
	Version int      `json:"version"`
	ID      int      `json:"id"`
	Matches []string `json:"matches"` // with what is around them
}

func (g *registryGroup) searchCmd() *cobra.Command {
	var re, every, deleted bool
	cmd := &cobra.Command{
		Use:   "search TEXT",
		Short: "Find schemas by their text or the name of their subject",
		Long: `Search looks for TEXT, in upper or lower case, in the latest version of every
subject and in its name, and prints where it is with what is around it. It exits
with 1 if it finds nothing.`,
		Example: `  wireproof registry search customer_id
  wireproof registry search --regexp '"name":"(e_?mail|phone)"' --all`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := args[0]
			if !re {
				pattern = regexp.QuoteMeta(pattern)
			}
			look, err := regexp.Compile("(?i)" + pattern)
			if err != nil {
				return usagef("TEXT is no regular expression: %w", err)
			}
			reg, err := g.open()
			if err != nil {
				return err
			}
			opts := deletedIf(deleted)
			if !every {
				opts = append(opts, client.LatestOnly())
			}
			found, err := reg.Schemas(cmd.Context(), g.prefix(), opts...)
			if err != nil {
				return asked(err)
			}
			out := search(found, look)
			err = g.print(out, func(w *tabwriter.Writer) {
				for _, h := range out {
					for _, m := range h.Matches {
						fmt.Fprintf(w, "%s@%d\tid %d\t%s\n", h.Subject, h.Version, h.ID, strings.ReplaceAll(m, "\t", " "))
					}
				}
			})
			if err == nil && len(out) == 0 {
				return exitWith(exitFindings, nil)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&re, "regexp", false, "TEXT is a regular expression")
	f.BoolVar(&every, "all", false, "search every version, not the latest alone")
	f.BoolVar(&deleted, "deleted", false, "also what is soft-deleted")
	return cmd
}

// maxMatches bounds what is shown of one schema.
const maxMatches = 20

func search(schemas []api.Schema, look *regexp.Regexp) []hit {
	out := []hit{}
	for _, s := range schemas {
		h := hit{Subject: s.Subject, Version: s.Version, ID: s.ID}
		if look.MatchString(s.Subject) {
			h.Matches = append(h.Matches, "the name of the subject")
		}
		for _, at := range look.FindAllStringIndex(s.Schema, maxMatches) {
			h.Matches = append(h.Matches, around(s.Schema, at[0], at[1]))
		}
		if h.Matches != nil {
			out = append(out, h)
		}
	}
	return out
}

// around cuts what is around a match out of a text that may be one long line.
func around(text string, start, end int) string {
	const margin = 30
	from, to := max(0, start-margin), min(len(text), end+margin)
	if cut := strings.LastIndexByte(text[from:start], '\n'); cut >= 0 {
		from += cut + 1
	}
	if cut := strings.IndexByte(text[end:to], '\n'); cut >= 0 {
		to = end + cut
	}
	for from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	for to > end && to < len(text) && !utf8.RuneStart(text[to]) {
		to--
	}
	return strings.TrimSpace(text[from:to])
}

// isNotFound reports whether the registry says that something does not exist.
func isNotFound(err error) bool {
	return errors.Is(err, api.SubjectNotFound) || errors.Is(err, api.VersionNotFound) || errors.Is(err, api.SchemaNotFound)
}
