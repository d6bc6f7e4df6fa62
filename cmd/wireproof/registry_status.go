package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/registry/client"
)

// A registryStatus is the answer of status.
type registryStatus struct {
	Servers  []serverStatus    `json:"servers"`
	Version  string            `json:"version,omitempty"`
	Commit   string            `json:"commit,omitempty"`
	Clusters map[string]string `json:"clusters,omitempty"`
	Types    []string          `json:"types"`
	Mode     string            `json:"mode"`
	Level    string            `json:"compatibilityLevel"`
	Contexts int               `json:"contexts"`
	Subjects int               `json:"subjects"`
	Deleted  int               `json:"deletedSubjects"` // all of whose versions are soft-deleted
	// Counted only with --count.
	Versions *int `json:"versions,omitempty"`
	Schemas  *int `json:"schemas,omitempty"`
}

type serverStatus struct {
	URL       string  `json:"url"`
	Reachable bool    `json:"reachable"`
	LatencyMS float64 `json:"latencyMs,omitempty"` // median of five
	Error     string  `json:"error,omitempty"`
}

func (g *registryGroup) statusCmd() *cobra.Command {
	var count bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the registry is there, how it is set, and what it holds",
		Long: `Status asks each server of the registry, and then for its version, mode, level and
how much it holds. --count also counts versions and schemas, which reads all of them.

The protocol has no word for who leads several servers, so status cannot tell; a
server that cannot reach its leader answers writes with error code 50004.

Exit codes: 0 every server answers · 4 not signed in, or not allowed · 5 one does not
answer.`,
		Example: `  wireproof registry status --env prod
  wireproof registry status --count -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			out := registryStatus{}
			bad := g.servers(cmd.Context(), reg, &out)
			if len(out.Servers) == 1 && bad != nil {
				return asked(bad)
			}
			if err := g.status(cmd.Context(), reg, &out, count); err != nil {
				return asked(err)
			}
			if err := g.print(out, func(w *tabwriter.Writer) { out.print(w) }); err != nil {
				return err
			}
			return asked(bad)
		},
	}
	cmd.Flags().BoolVar(&count, "count", false, "count versions and schemas; reads all of them")
	return cmd
}

// servers asks each server by itself and returns the error of one that fails.
func (g *registryGroup) servers(ctx context.Context, reg *client.Client, out *registryStatus) (bad error) {
	for _, one := range reg.Servers() {
		s := serverStatus{URL: one.URL()}
		var took []time.Duration
		for range 5 {
			start := time.Now()
			if err := one.Ping(ctx); err != nil {
				s.Error, bad = err.Error(), err
				break
			}
			took = append(took, time.Since(start))
		}
		if s.Error == "" {
			slices.Sort(took)
			s.Reachable, s.LatencyMS = true, float64(took[len(took)/2].Microseconds())/1000
		}
		out.Servers = append(out.Servers, s)
	}
	return bad
}

func (g *registryGroup) status(ctx context.Context, reg *client.Client, out *registryStatus, count bool) error {
	if v, err := reg.ServerVersion(ctx); err == nil { // only newer servers tell
		out.Version, out.Commit = v.Version, v.CommitID
	}
	if id, err := reg.ClusterID(ctx); err == nil {
		out.Clusters = id.Scope.Clusters
	}
	var err error
	if out.Types, err = reg.Types(ctx); err != nil {
		return err
	}
	slices.Sort(out.Types)
	if out.Mode, err = reg.EffectiveMode(ctx, ""); err != nil {
		return err
	}
	if out.Level, err = reg.Level(ctx, ""); err != nil {
		return err
	}
	contexts, err := reg.Contexts(ctx)
	if err != nil {
		return err
	}
	out.Contexts = len(contexts)
	live, err := reg.Subjects(ctx)
	if err != nil {
		return err
	}
	gone, err := reg.Subjects(ctx, client.OnlyDeleted())
	if err != nil {
		return err
	}
	out.Subjects, out.Deleted = len(live), len(gone)
	if !count {
		return nil
	}
	all, err := reg.Schemas(ctx, g.prefix(), client.WithDeleted())
	if err != nil {
		return err
	}
	schemas := map[string]bool{}
	for _, s := range all {
		schemas[cmp.Or(s.GUID, s.Schema)] = true
	}
	versions, distinct := len(all), len(schemas)
	out.Versions, out.Schemas = &versions, &distinct
	return nil
}

func (s registryStatus) print(w *tabwriter.Writer) {
	for _, one := range s.Servers {
		if one.Reachable {
			fmt.Fprintf(w, "server\t%s\t%.1f ms\n", one.URL, one.LatencyMS)
		} else {
			fmt.Fprintf(w, "server\t%s\tdoes not answer: %s\n", one.URL, one.Error)
		}
	}
	fmt.Fprintf(w, "version\t%s\n", cmp.Or(notes(s.Version, s.Commit), "not told"))
	for _, name := range []string{"kafka-cluster", "schema-registry-cluster"} {
		if id := s.Clusters[name]; id != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, id)
		}
	}
	fmt.Fprintf(w, "languages\t%s\n", notes(s.Types...))
	fmt.Fprintf(w, "mode\t%s\nlevel\t%s\ncontexts\t%d\nsubjects\t%d\ndeleted subjects\t%d\n", s.Mode, s.Level, s.Contexts, s.Subjects, s.Deleted)
	if s.Versions != nil {
		fmt.Fprintf(w, "versions\t%d\nschemas\t%d\n", *s.Versions, *s.Schemas)
	}
}

func (g *registryGroup) loginCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "login",
		Short: "Check the credentials",
		Long: `Login asks the registry something that needs credentials and says whether it takes
them. It stores nothing: secrets come from the environment alone, by the variables
that the settings name,

  environments:
    prod: { registry: "https://…", auth: bearer, token_env: WIREPROOF_TOKEN }
    test: { registry: "https://…", auth: basic, user_env: …, password_env: … }
    mtls: { registry: "https://…", tls: { ca: …, cert: …, key: … } }

or with --registry from WIREPROOF_REGISTRY_TOKEN, or WIREPROOF_REGISTRY_USER and
WIREPROOF_REGISTRY_PASSWORD. A password manager can set them for one command.

Exit codes: 0 taken · 4 refused, or a variable is not set · 5 the registry could not
be asked.`,
		Example: `  wireproof registry login --env prod
  WIREPROOF_REGISTRY_TOKEN=$(get-token) wireproof registry login --registry https://registry.example.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			out := struct {
				URL     string `json:"url"`
				SignsIn bool   `json:"signsIn"` // credentials were sent
			}{reg.URL(), reg.SignsIn()}
			if _, err := reg.Subjects(cmd.Context()); err != nil {
				return asked(err)
			}
			return g.print(out, func(w *tabwriter.Writer) {
				if out.SignsIn {
					fmt.Fprintf(w, "%s takes the credentials\n", out.URL)
				} else {
					fmt.Fprintf(w, "%s answers without credentials\n", out.URL)
				}
			})
		},
	}
}
