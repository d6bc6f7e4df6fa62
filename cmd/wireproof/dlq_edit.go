package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/internal/payload"
)

type editFlags struct {
	set    []string
	patch  string
	raw    string
	dryRun bool
}

func (a *app) dlqEditCmd(f *dlqFlags) *cobra.Command {
	var e editFlags
	cmd := &cobra.Command{
		Use: "edit TOPIC ID", Short: "Replay an edited copy of a dead letter", Args: cobra.ExactArgs(2),
		Long: `Edit opens the payload of a letter as JSON in $VISUAL or $EDITOR, or changes it as
--set and --patch say, and publishes the copy to where the letter came from: with the
same key, headers, schema and replay id. What does not fit the schema is told, and
the editor opened again.

The copy names its letter in the header wireproof-edit-of. The letter stays, and
counts as replayed and edited.

A path of --set is a JSON pointer, or names between dots; a value that is no JSON is
text. --patch is a JSON merge patch: what is null in it is removed.`,
		Example: `  wireproof dlq edit orders 0:17 --group billing
  wireproof dlq edit orders 0:17 --group billing --set total=1999 --set /lines/0/sku=A-1
  echo '{"note":null}' | wireproof dlq edit orders 0:17 -g billing --patch - --dry-run
  wireproof dlq edit orders 0:17 -g billing --raw fixed.bin`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ids, f.patient = []string{args[1]}, true
			return a.onDLQ(f, func(ctx context.Context, l *letters) error { return a.editLetter(ctx, l, e) })(cmd, args)
		},
	}
	p := cmd.Flags()
	p.StringArrayVar(&e.set, "set", nil, "PATH=VALUE: set a field; repeatable")
	p.StringVar(&e.patch, "patch", "", "file with a JSON merge patch; - is standard input")
	p.StringVar(&e.raw, "raw", "", "file with the payload, byte for byte, in place of the letter's; no schema is looked at")
	p.BoolVar(&e.dryRun, "dry-run", false, "print the edited payload, publish nothing")
	return cmd
}

func (a *app) editLetter(ctx context.Context, l *letters, e editFlags) error {
	group, err := l.one()
	if err != nil {
		return err
	}
	found, err := dlq.Show(ctx, l.bus, l.topic, group, l.flags.ids[0])
	if err != nil {
		return letterFailure(err)
	}
	data, shown, err := a.edited(ctx, l, found, e)
	if err != nil {
		return err
	}
	switch {
	case bytes.Equal(data, found.Payload):
		a.note("nothing is changed, and nothing published; dlq replay replays the letter as it is")
		return nil
	case e.dryRun:
		_, err := fmt.Fprintf(a.stdout, "%s\n", shown)
		return err
	}
	done, err := dlq.ReplayEdited(ctx, l.bus, l.topic, group, found.ID, data)
	if err != nil {
		return letterFailure(err)
	}
	if l.flags.output == "json" {
		return json.NewEncoder(a.stdout).Encode(jsonOf(&done))
	}
	_, err = fmt.Fprintf(a.stdout, "replayed edited\t%s\t%s\n", done.ID, done.Topic)
	return err
}

// edited returns the new payload, and how to show it.
func (a *app) edited(ctx context.Context, l *letters, x dlq.Letter, e editFlags) (data, shown []byte, err error) {
	if e.raw != "" {
		if len(e.set) > 0 || e.patch != "" {
			return nil, nil, usagef("--raw replaces the payload; it does not go with --set and --patch")
		}
		data, err := a.readInput(e.raw)
		if err != nil {
			return nil, nil, usagef("--raw: %w", err)
		}
		return data, fmt.Appendf(nil, "%x", data), nil
	}
	schemas, none := a.schemas(l.flags)
	doc, err := payload.Decode(ctx, schemas, x.Payload)
	if errors.Is(err, payload.ErrNoSchemas) {
		return nil, nil, exitWith(exitUsage, fmt.Errorf("letter %s: %w (%w)", x.ID, err, none))
	}
	if err != nil {
		return nil, nil, exitWith(exitIncomplete, fmt.Errorf("letter %s cannot be edited as JSON; --raw FILE replaces its bytes: %w", x.ID, err))
	}
	if len(e.set) == 0 && e.patch == "" {
		return a.inEditor(ctx, doc)
	}
	text, err := a.changed(doc.JSON, e)
	if err != nil {
		return nil, nil, err
	}
	if data, err = doc.Encode(text); err != nil {
		return nil, nil, exitWith(exitUsage, fmt.Errorf("the edited letter does not fit its schema: %w", err))
	}
	return data, text, nil
}

// readInput reads a file, or standard input for -.
func (a *app) readInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(a.path(path))
}

// changed applies --patch, then --set.
func (a *app) changed(doc []byte, e editFlags) ([]byte, error) {
	value, err := numbersKept(doc)
	if err != nil {
		return nil, err
	}
	if e.patch != "" {
		text, err := a.readInput(e.patch)
		if err != nil {
			return nil, usagef("--patch: %w", err)
		}
		patch, err := numbersKept(text)
		if err != nil {
			return nil, usagef("--patch %s is no JSON: %w", e.patch, err)
		}
		value = merge(value, patch)
	}
	for _, s := range e.set {
		path, text, ok := strings.Cut(s, "=")
		if !ok || path == "" {
			return nil, usagef("--set is %q; expected PATH=VALUE", s)
		}
		to, err := numbersKept([]byte(text))
		if err != nil {
			to = text
		}
		if value, err = set(value, pathOf(path), to); err != nil {
			return nil, usagef("--set %s: %w", s, err)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(value)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

// numbersKept parses JSON with numbers as they are written.
func numbersKept(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// merge applies a patch as RFC 7396 says.
func merge(value, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	v, ok := value.(map[string]any)
	if !ok {
		v = map[string]any{}
	}
	for name, to := range p {
		if to == nil {
			delete(v, name)
			continue
		}
		v[name] = merge(v[name], to)
	}
	return v
}

// pathOf splits a JSON pointer, or names between dots.
func pathOf(path string) []string {
	if !strings.HasPrefix(path, "/") {
		return strings.Split(path, ".")
	}
	names := strings.Split(path[1:], "/")
	for i, n := range names {
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(n)
	}
	return names
}

// set returns value with what is at path replaced. All but the last name must be
// there.
func set(value any, path []string, to any) (any, error) {
	if len(path) == 0 {
		return to, nil
	}
	name := path[0]
	switch v := value.(type) {
	case map[string]any:
		inner, ok := v[name]
		if !ok && len(path) > 1 {
			return nil, fmt.Errorf("there is no %q to set something in", name)
		}
		inner, err := set(inner, path[1:], to)
		v[name] = inner
		return v, err
	case []any:
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(v) {
			return nil, fmt.Errorf("%q is no place in an array of %d", name, len(v))
		}
		v[i], err = set(v[i], path[1:], to)
		return v, err
	}
	return nil, fmt.Errorf("%q is looked for in a value that is no object and no array", name)
}

// inEditor lets the user edit a document until it fits its schema, or is left as it
// was before.
func (a *app) inEditor(ctx context.Context, doc *payload.Document) (data, shown []byte, err error) {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"))
	if editor == "" {
		return nil, nil, usagef("neither VISUAL nor EDITOR is set; set one, or use --set or --patch")
	}
	f, err := os.CreateTemp("", "letter-*.json")
	if err != nil {
		return nil, nil, err
	}
	defer os.Remove(f.Name())
	before := append(bytes.Clone(doc.JSON), '\n')
	if _, err := f.Write(before); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	for {
		cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", f.Name())
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.stderr, a.stderr // the data goes to stdout
		if out, ok := a.stdout.(*os.File); ok && isTerminal(out) {
			cmd.Stdout = out
		}
		if err := cmd.Run(); err != nil {
			return nil, nil, exitWith(exitUsage, fmt.Errorf("editor %s: %w; nothing is published", editor, err))
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			return nil, nil, err
		}
		data, refused := doc.Encode(text)
		if refused == nil {
			return data, bytes.TrimRight(text, "\n"), nil
		}
		a.complain(fmt.Errorf("the edited letter does not fit its schema: %w", refused))
		if bytes.Equal(text, before) {
			return nil, nil, exitWith(exitUsage, errors.New("it is left as it was; nothing is published"))
		}
		before = text
	}
}
