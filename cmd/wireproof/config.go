package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// remark notes what the Avro specification forbids in a file and other
// implementations let pass.
func (a *app) remark(cfg *config.Config, f *catalog.File) {
	if f.Source.Type != lang.Avro {
		return
	}
	s, err := avro.Parse(f.Source)
	if err != nil {
		return // the catalogue has reported it
	}
	for _, l := range s.Lint {
		moved := *l
		moved.Pos.Path = cfg.Schemas + "/" + l.Pos.Path
		a.note("warning: %v", &moved)
	}
}

func (a *app) configCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the settings",
		Example: `  wireproof config check
  wireproof config show
  wireproof config schema > wireproof.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configCheckCmd(), a.configSchemaCmd(), a.configShowCmd())
	return cmd
}

func (a *app) configCheckCmd() *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the settings and every schema that they name",
		Long: `Check reads the settings, and every schema that they name. With --server it reads
the settings of wireproof serve instead, also those of the environment, and prints
each with where it comes from.`,
		Example: `  wireproof config check
  wireproof -C services/orders config check
  wireproof config check --server registry.yaml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if server != "" {
				cfg, err := a.loadServer(server, nil)
				if err != nil {
					return err
				}
				return a.showServerSettings(cfg)
			}
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			c, err := catalog.Load(os.DirFS(cfg.SchemaDir()), cfg)
			if err != nil {
				return exitWith(exitUsage, err)
			}
			for _, f := range c.UsedFiles() {
				a.remark(c.Config, f)
			}
			a.note("%s: %d events on %d topics, %d schema files", cfg.Path, len(c.Events), len(c.Topics()), len(c.Files))
			return nil
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "check this settings `FILE` of wireproof serve instead")
	return cmd
}

func (a *app) configSchemaCmd() *cobra.Command {
	var server bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of wireproof.yaml",
		Example: `  wireproof config schema > wireproof.schema.json
  wireproof config schema --server > registry.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := config.JSONSchema()
			if server {
				text = config.ServerJSONSchema()
			}
			_, err := a.stdout.Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&server, "server", false, "of the settings of wireproof serve instead")
	return cmd
}

func (a *app) configShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print what the settings come to: events, subjects, levels",
		Long: `Show prints one line for each fact, its columns separated by tabs: where the
settings, schemas and generated files are, then each subject with its level, its
file, and the topic and key of its event.`,
		Example: `  wireproof config show
  wireproof config show | grep ^subject | cut -f2`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.catalog()
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "settings\t%s\nschemas\t%s\ngenerated\t%s\n", c.Config.Path, c.Config.SchemaDir(), c.Config.OutDir())
			for _, s := range c.Subjects() {
				use := "referred to by events"
				if s.Event != nil {
					use = "topic " + s.Event.Topic
					if s.Event.Key != "" {
						use += ", key " + s.Event.Key
					}
				}
				fmt.Fprintf(a.stdout, "subject\t%s\t%s\t%s\t%s\n", s.Name, s.Level, s.File.Path, use)
			}
			return nil
		},
	}
}
