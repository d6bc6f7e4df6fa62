package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A registryGroup is the commands that ask a registry, and their common flags.
type registryGroup struct {
	a       *app
	url     string
	context string
	output  string
}

func (a *app) registryCmd() *cobra.Command {
	g := &registryGroup{a: a}
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Look into a schema registry, change it, copy it",
		Long: `Registry speaks to the registry of the environment, ours or any that speaks the
same protocol. With --registry no settings are needed; several servers of one
registry are separated by commas. Credentials then are those in the URL, or
WIREPROOF_REGISTRY_TOKEN, or WIREPROOF_REGISTRY_USER and
WIREPROOF_REGISTRY_PASSWORD.

SUBJECT is a name, or :.context:name. SUBJECT@3 is version 3 of it.

Exit codes: 0 done · 1 the registry has no such thing, or refuses · 2 usage ·
4 not signed in, or not allowed · 5 the registry could not be asked · 6 partly
done · 130 interrupted.`,
		Example: `  wireproof registry ls --env prod
  wireproof registry get orders-value@3
  wireproof registry ls --registry http://127.0.0.1:8081 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&g.url, "registry", "", "URL of the registry, in place of the environment's")
	f.StringVar(&g.context, "context", "", "context to work in, such as .team; without it the default one, and for lists all")
	f.StringVarP(&g.output, "output", "o", "text", "text or json")
	cmd.AddCommand(g.lsCmd(), g.getCmd(), g.historyCmd(), g.refsCmd(), g.searchCmd(), g.configCmd(), g.modeCmd(),
		g.deleteCmd(), g.restoreCmd(), g.exportCmd(), g.importCmd(), g.statusCmd(), g.loginCmd())
	return cmd
}

// open returns a client of the registry that the flags name.
func (g *registryGroup) open() (*client.Client, error) {
	if g.output != "text" && g.output != "json" {
		return nil, usagef("--output is %q; expected text or json", g.output)
	}
	reg, _, err := g.a.openRegistry(g.url, client.Context(g.context))
	return reg, err
}

// prefix is what lists are of: one context, or all.
func (g *registryGroup) prefix() string {
	if g.context != "" {
		return ""
	}
	return client.AllContexts
}

// print writes a value as JSON, or as text if that is asked for.
func (g *registryGroup) print(v any, text func(*tabwriter.Writer)) error {
	if g.output == "json" {
		return g.a.printJSON(v)
	}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	text(w)
	if err := w.Flush(); err != nil {
		return err
	}
	// Columns that are empty at the end of a line leave spaces there.
	for line := range strings.Lines(table.String()) {
		if _, err := fmt.Fprintln(g.a.stdout, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// printJSON writes a document that scripts may depend on: fields are added to it,
// never taken away.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// asked gives an error of a question to the registry its exit code: a refusal is
// an answer, what could not be asked is not.
func asked(err error) error {
	var e *api.Error
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, new(*exit)):
		return err
	case errors.Is(err, api.InvalidVersion), errors.Is(err, api.InvalidCompatibility), errors.Is(err, api.InvalidMode), errors.Is(err, api.InvalidSubject):
		return exitWith(exitUsage, err)
	case errors.As(err, &e):
		switch status := e.Code.Status(); {
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
		case e.Code > 999 && status < 500, status == http.StatusConflict:
			return exitWith(exitFindings, err)
		}
	}
	return registryFailure(err)
}

// subjectVersion reads SUBJECT[@VERSION]; without a version it is 0.
func subjectVersion(arg string) (subject string, version int, err error) {
	at := strings.LastIndexByte(arg, '@')
	if at < 0 {
		return arg, 0, nil
	}
	switch text := arg[at+1:]; text {
	case "latest":
		version = client.Latest
	default:
		version, err = strconv.Atoi(text)
		if err != nil || version < 1 {
			return "", 0, usagef("%q: the version after @ is %q; expected a number from 1, or latest", arg, text)
		}
	}
	if at == 0 {
		return "", 0, usagef("%q names no subject", arg)
	}
	return arg[:at], version, nil
}

// confirm asks before something that cannot be taken back, unless yes says so
// already. Whoever cannot be asked gets an error.
func (a *app) confirm(yes bool, question, answer string) error {
	if yes {
		return nil
	}
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usagef("%s: give --yes, as nobody can be asked here", question)
	}
	fmt.Fprintf(a.stderr, "%s Type %s to go on: ", question, answer)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != answer {
		return exitWith(exitFindings, errors.New("nothing was done"))
	}
	return nil
}

// completionTime bounds how long a shell waits for the names of subjects.
const completionTime = 2 * time.Second

// subjects completes the name of a subject.
func (g *registryGroup) subjects(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const plain = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 || g.a.prepare() != nil {
		return nil, plain
	}
	reg, err := g.open()
	if err != nil {
		return nil, plain
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	names, err := reg.Subjects(ctx)
	if err != nil {
		return nil, plain
	}
	var out []cobra.Completion
	for _, n := range names {
		if strings.HasPrefix(n, toComplete) {
			out = append(out, n)
		}
	}
	return out, plain
}

// deletedMark says that a version is soft-deleted.
func deletedMark(s api.Schema) string {
	if s.Deleted != nil && *s.Deleted {
		return "deleted"
	}
	return ""
}

func typeOf(s api.Schema) string {
	if s.SchemaType == "" {
		return "AVRO"
	}
	return s.SchemaType
}
