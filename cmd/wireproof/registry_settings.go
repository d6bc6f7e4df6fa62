package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

const scopeHelp = `SUBJECT may also be a context, as :.team:, and :.__GLOBAL: is all contexts. Without
one the server is meant, or the context of --context.`

func (g *registryGroup) configCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Read and change compatibility levels and other settings",
		Long:  "Config reads and changes the settings of a subject, a context or the server.\n\n" + scopeHelp,
		Example: `  wireproof registry config get orders-value
  wireproof registry config set orders-value --level FULL
  wireproof registry config delete orders-value`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.configGetCmd(), g.configSetCmd(), g.configDeleteCmd())
	return cmd
}

func (g *registryGroup) configGetCmd() *cobra.Command {
	var own bool
	cmd := &cobra.Command{
		Use:   "get [SUBJECT]",
		Short: "Print the settings in effect",
		Long:  "Get prints the settings that hold, inherited ones too; with --own only what is set\nfor the subject itself, and exit code 1 if nothing is.\n\n" + scopeHelp,
		Example: `  wireproof registry config get
  wireproof registry config get orders-value --own -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			get := reg.EffectiveConfig
			if own {
				get = reg.Config
			}
			found, err := get(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return asked(err)
			}
			return g.printConfig(found)
		},
	}
	cmd.Flags().BoolVar(&own, "own", false, "only what is set here, nothing inherited")
	return cmd
}

// printConfig prints one setting a line, under the names of the protocol.
func (g *registryGroup) printConfig(c api.Config) error {
	fields, err := fieldsOf(c)
	if err != nil {
		return err
	}
	return g.print(c, func(w *tabwriter.Writer) {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			text := string(fields[name])
			if s, err := strconv.Unquote(text); err == nil {
				text = s
			}
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	})
}

func fieldsOf(v any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	return out, json.Unmarshal(text, &out)
}

type configSetFlags struct {
	level, policy, group, alias       string
	normalize, fields, newOnes, rules bool
	from                              string
	unset                             []string
}

func (g *registryGroup) configSetCmd() *cobra.Command {
	var f configSetFlags
	cmd := &cobra.Command{
		Use:   "set [SUBJECT]",
		Short: "Change settings",
		Long: `Set changes the settings that flags name and leaves the others. Metadata and rule
sets come from a JSON file of the protocol's form, such as
{"defaultMetadata":{"properties":{"owner":"orders"}},"overrideRuleSet":null}, where
null takes a setting away. It prints the settings after the change.

` + scopeHelp,
		Example: `  wireproof registry config set --level BACKWARD_TRANSITIVE
  wireproof registry config set orders-value --level FULL --normalize
  wireproof registry config set orders-value --unset compatibilityGroup --from rules.json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := f.change(cmd)
			if err != nil {
				return err
			}
			reg, err := g.open()
			if err != nil {
				return err
			}
			echo, err := reg.SetConfig(cmd.Context(), strings.Join(args, ""), change)
			if err != nil {
				return asked(err)
			}
			return g.printConfig(api.Config{}.Merge(echo))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.level, "level", "", "compatibility level, such as BACKWARD")
	fl.StringVar(&f.policy, "policy", "", "STRICT, LENIENT or LOGICAL")
	fl.StringVar(&f.group, "group", "", "metadata property whose values are compatible only among themselves")
	fl.StringVar(&f.alias, "alias", "", "subject to use in place of this one")
	fl.BoolVar(&f.normalize, "normalize", false, "normalize schemas on registration")
	fl.BoolVar(&f.fields, "validate-fields", false, "check reserved fields")
	fl.BoolVar(&f.newOnes, "validate-new", false, "hold new schemas against the letter of their specification")
	fl.BoolVar(&f.rules, "validate-rules", false, "check rules by running them, where the server can")
	fl.StringVar(&f.from, "from", "", "JSON file with settings; - is the standard input")
	fl.StringArrayVar(&f.unset, "unset", nil, "setting to take away, by its name in the protocol; repeatable")
	return cmd
}

// change returns what the flags ask for. Flags win over the file.
func (f *configSetFlags) change(cmd *cobra.Command) (api.ConfigUpdate, error) {
	var c api.ConfigUpdate
	if f.from != "" {
		text, err := readInput(cmd, f.from)
		if err != nil {
			return c, usagef("read the settings: %w", err)
		}
		if err := strictJSON(text, &c); err != nil {
			return c, usagef("settings of %s: %w", f.from, err)
		}
	}
	given := cmd.Flags().Changed
	if given("level") {
		c.Compatibility = api.Set(strings.ToUpper(f.level))
	}
	if given("policy") {
		c.CompatibilityPolicy = api.Set(strings.ToUpper(f.policy))
	}
	for name, set := range map[string]func(){
		"group":           func() { c.CompatibilityGroup = api.Set(f.group) },
		"alias":           func() { c.Alias = api.Set(f.alias) },
		"normalize":       func() { c.Normalize = api.Set(f.normalize) },
		"validate-fields": func() { c.ValidateFields = api.Set(f.fields) },
		"validate-new":    func() { c.ValidateNewSchemas = api.Set(f.newOnes) },
		"validate-rules":  func() { c.ValidateRules = api.Set(f.rules) },
	} {
		if given(name) {
			set()
		}
	}
	nothing := map[string]any{}
	for _, name := range f.unset {
		if name == "compatibilityLevel" {
			name = "compatibility" // as changes spell it
		}
		nothing[name] = nil
	}
	text, err := json.Marshal(nothing)
	if err == nil {
		err = strictJSON(text, &c)
	}
	if err != nil {
		return c, usagef("--unset: %w", err)
	}
	if c == (api.ConfigUpdate{}) {
		return c, usagef("nothing to change: give --level or another setting")
	}
	return c, nil
}

func strictJSON(text []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("there is something after the first JSON value")
	}
	return nil
}

func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name != "-" {
		return os.ReadFile(name)
	}
	var buf bytes.Buffer
	_, err := buf.ReadFrom(cmd.InOrStdin())
	return buf.Bytes(), err
}

func (g *registryGroup) configDeleteCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "delete [SUBJECT]",
		Short: "Inherit settings again",
		Long:  "Delete takes away all settings of a subject, a context or the server, which then\ninherits them. It prints what they were.\n\n" + scopeHelp,
		Example: `  wireproof registry config delete orders-value
  wireproof registry config delete :.team:`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			was, err := reg.DeleteConfig(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return asked(err)
			}
			return g.printConfig(was)
		},
	}
}

func (g *registryGroup) modeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mode",
		Short: "Read and change what may be written",
		Long: `Mode reads and changes the mode of a subject, a context or the server: READWRITE,
READONLY, or IMPORT, in which schemas come with their ids and are not checked.

` + scopeHelp,
		Example: `  wireproof registry mode get
  wireproof registry mode set READONLY
  wireproof registry mode delete orders-value`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.modeGetCmd(), g.modeSetCmd(), g.modeDeleteCmd())
	return cmd
}

// A scopeMode is the answer of the commands about modes.
type scopeMode struct {
	Scope string `json:"scope"` // empty for the server
	Mode  string `json:"mode"`
}

func (g *registryGroup) printMode(scope, mode string) error {
	return g.print(scopeMode{scope, mode}, func(w *tabwriter.Writer) { fmt.Fprintln(w, mode) })
}

func (g *registryGroup) modeGetCmd() *cobra.Command {
	var own bool
	cmd := &cobra.Command{
		Use:   "get [SUBJECT]",
		Short: "Print the mode in effect",
		Example: `  wireproof registry mode get
  wireproof registry mode get orders-value --own`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			get := reg.EffectiveMode
			if own {
				get = reg.Mode
			}
			scope := strings.Join(args, "")
			mode, err := get(cmd.Context(), scope)
			if err != nil {
				return asked(err)
			}
			return g.printMode(scope, mode)
		},
	}
	cmd.Flags().BoolVar(&own, "own", false, "only what is set here, nothing inherited")
	return cmd
}

func (g *registryGroup) modeSetCmd() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "set [SUBJECT] MODE",
		Short: "Change the mode",
		Long: `Set changes the mode. IMPORT is taken only where nothing live is, and purges what
is soft-deleted there; --force sets it and touches nothing.

` + scopeHelp,
		Example: `  wireproof registry mode set READONLY
  wireproof registry mode set orders-value READWRITE
  wireproof registry mode set IMPORT --context .copy`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			mode := strings.ToUpper(args[len(args)-1])
			scope := strings.Join(args[:len(args)-1], "")
			var opts []client.Query
			if force {
				opts = append(opts, client.Force())
			}
			if err := reg.SetMode(cmd.Context(), scope, mode, opts...); err != nil {
				return asked(err)
			}
			return g.printMode(scope, mode)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "set IMPORT also where schemas are")
	return cmd
}

func (g *registryGroup) modeDeleteCmd() *cobra.Command {
	var recursive bool
	cmd := &cobra.Command{
		Use:   "delete [SUBJECT]",
		Short: "Inherit the mode again",
		Long:  "Delete takes away the mode of a subject, a context or the server, and prints what\nit was.\n\n" + scopeHelp,
		Example: `  wireproof registry mode delete orders-value
  wireproof registry mode delete :.team: --recursive`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.subjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.open()
			if err != nil {
				return err
			}
			var opts []client.Query
			if recursive {
				opts = append(opts, client.Recursive())
			}
			scope := strings.Join(args, "")
			was, err := reg.DeleteMode(cmd.Context(), scope, opts...)
			if err != nil {
				return asked(err)
			}
			return g.printMode(scope, was)
		},
	}
	cmd.Flags().BoolVar(&recursive, "recursive", false, "of a context: its subjects too")
	return cmd
}
