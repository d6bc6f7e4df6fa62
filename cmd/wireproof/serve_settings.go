package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wireproof/wireproof/internal/config"
)

// A shortFlag is a flag for a setting that is often given.
type shortFlag struct{ name, key, usage string }

func shortFlags() []shortFlag {
	return []shortFlag{
		{"listen", "listen", "address to listen on; port 0 picks one (default 127.0.0.1:8081)"},
		{"data", "store.sqlite.dir", "folder of the SQLite file; made if it is not there (default registry-data)"},
		{"store", "store.kind", "sqlite, memory, postgres or kafka (default sqlite)"},
		{"advertise", "advertise", "URL at which other servers of the same Kafka topic reach this one"},
		{"compatibility", "compatibility", "compatibility level where nothing else is set (default BACKWARD)"},
		{"tls-cert", "tls.cert", "serve HTTPS with this certificate (PEM); read again when it changes"},
		{"tls-key", "tls.key", "key of the certificate (PEM)"},
		{"admin-listen", "admin.listen", "second address, for /metrics, /healthz and /readyz only"},
		{"audit", "audit.file", "file of JSON lines, one for each attempt to change something"},
		{"log-format", "log.format", "text or json (default text)"},
		{"log-level", "log.level", "debug, info, warn or error (default info)"},
		{"grace", "shutdown.grace", "how long requests in flight may take at the end (default 10s)"},
	}
}

// serveFlags are the flags of serve that need more than a key.
type serveFlags struct {
	settings               string
	memory, legacyConflict bool
	check                  bool
	set                    []string
}

func (f *serveFlags) add(to *pflag.FlagSet) {
	for _, s := range shortFlags() {
		to.String(s.name, "", s.usage)
	}
	to.StringVar(&f.settings, "config", "", "settings of the server (default: $WIREPROOF_SERVE_CONFIG, or none)")
	to.BoolVar(&f.memory, "memory", false, "keep everything in memory only")
	to.BoolVar(&f.legacyConflict, "legacy-conflict", false, "answer an incompatible schema with error code 409, as servers before 8 do")
	to.StringArrayVar(&f.set, "set", nil, "any other setting, as `KEY=VALUE`; may be given again")
	to.BoolVar(&f.check, "check", false, "print the settings and where each comes from, and do not serve")
}

// given returns what the flags of a command line say, the general --set first.
func (f *serveFlags) given(cmd *cobra.Command) ([]config.Setting, error) {
	var out []config.Setting
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usagef("--set %q: expected KEY=VALUE, such as limits.body=8MiB", s)
		}
		out = append(out, config.Setting{Key: key, Value: value, Origin: "--set"})
	}
	changed := cmd.Flags().Changed
	if f.memory && (changed("data") || changed("store")) {
		return nil, usagef("--memory keeps nothing, so --data and --store make no sense with it")
	}
	if changed("data") && !changed("store") {
		out = append(out, config.Setting{Key: "store.kind", Value: "sqlite", Origin: "--data"})
	}
	for _, s := range shortFlags() {
		if changed(s.name) {
			out = append(out, config.Setting{Key: s.key, Value: cmd.Flags().Lookup(s.name).Value.String(), Origin: "--" + s.name})
		}
	}
	if changed("memory") && f.memory {
		out = append(out, config.Setting{Key: "store.kind", Value: "memory", Origin: "--memory"})
	}
	if changed("legacy-conflict") {
		out = append(out, config.Setting{Key: "legacy_conflict", Value: fmt.Sprint(f.legacyConflict), Origin: "--legacy-conflict"})
	}
	return out, nil
}

// serverSettings reads the settings of a server from everywhere.
func (a *app) serverSettings(cmd *cobra.Command, f *serveFlags) (*config.Server, error) {
	given, err := f.given(cmd)
	if err != nil {
		return nil, err
	}
	path := cmp.Or(f.settings, config.ServerPath(os.Environ()))
	return a.loadServer(path, given)
}

func (a *app) loadServer(path string, flags []config.Setting) (*config.Server, error) {
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(a.dir, path)
	}
	cfg, err := config.LoadServer(config.ServerSource{Path: path, Dir: a.dir, Env: os.Environ(), Flags: flags})
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	return cfg, nil
}

// showServerSettings prints the settings, and which secrets are there, but not
// what they are.
func (a *app) showServerSettings(cfg *config.Server) error {
	for _, w := range cfg.Warnings() {
		a.note("warning: %s", w)
	}
	out := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, s := range cfg.Settings() {
		fmt.Fprintf(out, "%s\t%s\t%s\n", s.Key, oneLine(s.Value), s.Origin)
	}
	for _, name := range cfg.SecretVariables() {
		state := "not set"
		if os.Getenv(name) != "" {
			state = "set, hidden"
		}
		fmt.Fprintf(out, "$%s\t%s\tenvironment\n", name, state)
	}
	return out.Flush()
}

func oneLine(text string) string {
	if text == "" {
		return `""`
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' }), " ")
}
