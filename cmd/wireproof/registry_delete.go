package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A deletion is the answer of delete.
type deletion struct {
	Subject   string `json:"subject"`
	Versions  []int  `json:"versions"`
	Permanent bool   `json:"permanent"`
}

func (g *registryGroup) deleteCmd() *cobra.Command {
	var permanent, yes bool
	cmd := &cobra.Command{
		Use:   "delete SUBJECT[@VERSION]",
		Short: "Delete a subject or one of its versions",
		Long: `Delete deletes softly: what is deleted is no longer listed or compared with, but
messages that were written with it can still be read, and restore brings it back.

With --permanent it is gone for good, and messages that were written with it can no
longer be read. Delete takes both steps then, the soft one and the hard one.

What other schemas refer to cannot be deleted; delete shows them and exits with 1.
It asks first; --yes answers.`,
		Example: `  wireproof registry delete orders-value@3
  wireproof registry delete orders-value --permanent --yes`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, version, err := subjectVersion(args[0])
			if err != nil {
				return err
			}
			reg, err := g.open()
			if err != nil {
				return err
			}
			out, err := g.delete(cmd.Context(), reg, subject, version, permanent, yes)
			if err != nil {
				return asked(err)
			}
			return g.print(out, func(w *tabwriter.Writer) {
				for _, n := range out.Versions {
					fmt.Fprintf(w, "deleted\t%s@%d\t%s\n", out.Subject, n, forGood(permanent))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&permanent, "permanent", false, "for good; messages written with it can no longer be read")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func forGood(permanent bool) string {
	if permanent {
		return "for good"
	}
	return ""
}

func (g *registryGroup) delete(ctx context.Context, reg *client.Client, subject string, version int, permanent, yes bool) (deletion, error) {
	out := deletion{Subject: subject, Permanent: permanent}
	versions := []int{version}
	if version <= 0 {
		var err error
		if versions, err = reg.Versions(ctx, subject, deletedIf(permanent)...); err != nil {
			return out, err
		}
		if version == client.Latest {
			// The registry's own latest is the highest live version.
			live, err := reg.Latest(ctx, subject)
			if err != nil {
				return out, err
			}
			version, versions = live.Version, []int{live.Version}
		}
	}
	out.Versions = versions
	if err := g.showUsers(ctx, reg, subject, version, versions, permanent); err != nil {
		return out, err
	}
	what := fmt.Sprintf("Delete %s, versions %s?", subject, numbers(versions))
	if permanent {
		what = fmt.Sprintf("Delete %s, versions %s, for good? Messages written with them can no longer be read.", subject, numbers(versions))
	}
	if err := g.a.confirm(yes, what, subject); err != nil {
		return out, err
	}
	soft := deleteOnce(ctx, reg, subject, version, false)
	if !permanent || soft != nil && !errors.Is(soft, api.SubjectSoftDeleted) && !errors.Is(soft, api.VersionSoftDeleted) {
		return out, soft
	}
	if err := deleteOnce(ctx, reg, subject, version, true); err != nil {
		return out, fmt.Errorf("it is soft-deleted, but not deleted for good: %w", err)
	}
	return out, nil
}

func deleteOnce(ctx context.Context, reg *client.Client, subject string, version int, permanent bool) error {
	if version > 0 {
		return reg.DeleteVersion(ctx, subject, version, permanent)
	}
	_, err := reg.Delete(ctx, subject, permanent)
	return err
}

func numbers(versions []int) string {
	var b strings.Builder
	for i, n := range versions {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}

// showUsers fails with the versions that refer to what is to be deleted. A whole
// subject may refer to itself.
func (g *registryGroup) showUsers(ctx context.Context, reg *client.Client, subject string, version int, versions []int, permanent bool) error {
	var users []string
	for _, n := range versions {
		found, err := reg.Version(ctx, subject, n, client.WithDeleted())
		if err != nil {
			return err
		}
		refs, err := referrers(ctx, reg, found.Subject, n, permanent)
		if err != nil {
			return err
		}
		for _, u := range refs {
			if version > 0 || u.Subject != found.Subject {
				users = append(users, fmt.Sprintf("%s@%d is referred to by %s@%d", subject, n, u.Subject, u.Version))
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	slices.Sort(users)
	return exitWith(exitFindings, errors.New(strings.Join(slices.Compact(users), "\n")))
}

// A restoration is one version that restore brought back.
type restoration struct {
	Subject string `json:"subject"`
	Was     int    `json:"was"`     // the version that was soft-deleted
	Version int    `json:"version"` // the one that holds it now
	ID      int    `json:"id"`
}

func (g *registryGroup) restoreCmd() *cobra.Command {
	var same bool
	cmd := &cobra.Command{
		Use:   "restore SUBJECT[@VERSION]",
		Short: "Bring back what was soft-deleted",
		Long: `Restore brings back a soft-deleted version, or all of a subject. The protocol has no
word for it, so there are two ways:

By default the same text is registered again. It gets a new version number and its
old id, so messages that were written with it stay readable and its writers go on. The
compatibility level of the subject holds: what does not fit what came after is
refused.

With --same-version the version comes back under its old number, by an import. For
that the subject is in mode IMPORT for a moment, in which nobody else can register,
and nothing is checked. The mode that it had is set again, also if the import fails.

What was deleted for good is gone; only an export has it.`,
		Example: `  wireproof registry restore orders-value
  wireproof registry restore orders-value@3 --same-version`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, version, err := subjectVersion(args[0])
			if err != nil {
				return err
			}
			if version == client.Latest {
				return usagef("%s: the latest version is not deleted; expected a number", args[0])
			}
			reg, err := g.open()
			if err != nil {
				return err
			}
			out, err := restore(cmd.Context(), reg, subject, version, same)
			if printed := g.print(out, func(w *tabwriter.Writer) {
				for _, r := range out {
					fmt.Fprintf(w, "restored\t%s@%d\tas version %d\tid %d\n", r.Subject, r.Was, r.Version, r.ID)
				}
			}); printed != nil {
				return printed
			}
			if err != nil && len(out) > 0 {
				return exitWith(exitPartly, err)
			}
			return asked(err)
		},
	}
	cmd.Flags().BoolVar(&same, "same-version", false, "under the old number, by an import")
	return cmd
}

// restore returns what it brought back, also if it could not bring back all.
func restore(ctx context.Context, reg *client.Client, subject string, version int, same bool) (out []restoration, err error) {
	gone, err := deletedVersions(ctx, reg, subject)
	if err != nil {
		return out, err
	}
	if version > 0 {
		if !slices.Contains(gone, version) {
			return out, exitWith(exitFindings, fmt.Errorf("%s@%d is not soft-deleted; the soft-deleted versions are: %s", subject, version, cmp.Or(numbers(gone), "none")))
		}
		gone = []int{version}
	}
	if len(gone) == 0 {
		return out, exitWith(exitFindings, fmt.Errorf("nothing of %s is soft-deleted", subject))
	}
	if same {
		back, err := importing(ctx, reg, subject)
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, back()) }()
	}
	for _, n := range gone {
		old, err := reg.Version(ctx, subject, n, client.WithDeleted())
		if err != nil {
			return out, err
		}
		req := api.RegisterRequest{
			SchemaType: old.SchemaType, Schema: old.Schema, References: old.References, Metadata: old.Metadata, RuleSet: old.RuleSet,
		}
		if same {
			req.Version, req.ID = n, &old.ID
		}
		got, err := reg.Add(ctx, old.Subject, req)
		if err != nil {
			return out, fmt.Errorf("restore %s@%d: %w", subject, n, err)
		}
		if got.Version == 0 { // servers before 7.5 tell only the id
			found, err := reg.Find(ctx, old.Subject, req)
			if err != nil {
				return out, err
			}
			got.Version = found.Version
		}
		out = append(out, restoration{subject, n, got.Version, got.ID})
	}
	return out, nil
}

// deletedVersions returns the soft-deleted versions of a subject, which must have
// some version.
func deletedVersions(ctx context.Context, reg *client.Client, subject string) ([]int, error) {
	gone, err := reg.Versions(ctx, subject, client.OnlyDeleted())
	if isNotFound(err) {
		_, err = reg.Versions(ctx, subject, client.WithDeleted())
	}
	return gone, err
}

// importing puts a subject into mode IMPORT and returns what takes it out again.
func importing(ctx context.Context, reg *client.Client, subject string) (back func() error, err error) {
	was, err := reg.Mode(ctx, subject)
	if err != nil && !errors.Is(err, api.SubjectModeNotSet) {
		return nil, err
	}
	if err := reg.SetMode(ctx, subject, api.ModeImport, client.Force()); err != nil {
		return nil, err
	}
	return func() error {
		// Whatever ended the command, the subject must not stay in this mode.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		var err error
		if was == "" {
			if _, err = reg.DeleteMode(ctx, subject); err != nil {
				// Servers before 8.2 cannot delete a mode, only set it.
				was, _ = reg.EffectiveMode(ctx, "")
			}
		}
		if was != "" {
			err = reg.SetMode(ctx, subject, was)
		}
		if err != nil {
			return fmt.Errorf("%s is still in mode IMPORT; wireproof registry mode delete %s ends that: %w", subject, subject, err)
		}
		return nil
	}, nil
}
