package gate_test

import (
	"bytes"
	"io"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
)

// input makes an input of a case: the files below new/ are subjects, and those
// below v1/, v2/ … their versions; events and old-events are lines of
// "name topic key"; waivers are lines of "id owner expired|valid".
func input(t *testing.T, c *golden.Case) gate.Input {
	t.Helper()
	level, err := compat.ParseLevel(c.Setting("level"))
	if err != nil {
		t.Fatal(err)
	}
	in := gate.Input{Against: c.Setting("against"), SchemaRoot: "schemas", FailOn: rule.Severity(c.Setting("fail_on"))}
	for _, name := range c.Files() {
		file, ok := strings.CutPrefix(name, "new/")
		if !ok {
			continue
		}
		typ := lang.Avro
		if path.Ext(file) == ".proto" {
			typ = lang.Protobuf
		}
		base, _, _ := strings.Cut(path.Base(file), ".")
		s := gate.Subject{Name: base + "-value", Level: level, New: lang.Source{Type: typ, Path: file, Text: c.File(t, name)}}
		for n := 1; ; n++ {
			text, ok := c.Lookup("v" + strconv.Itoa(n) + "/" + file)
			if !ok {
				break
			}
			v := gate.Version{Label: in.Against, Number: n, Source: lang.Source{Type: typ, Path: file, Text: text}}
			if !strings.HasPrefix(in.Against, "git:") {
				v.Label = s.Name + " v" + strconv.Itoa(n)
				v.Source.Path = v.Label
			}
			s.History = append(s.History, v)
		}
		in.Subjects = append(in.Subjects, s)
	}
	in.Events, in.OldEvents = events(c, "events"), events(c, "old-events")
	waivers, _ := c.Lookup("waivers")
	for line := range strings.Lines(waivers) {
		f := strings.Fields(line)
		in.Waivers = append(in.Waivers, gate.Waiver{ID: f[0], Owner: f[1], Reason: "agreed", Expired: f[2] == "expired"})
	}
	return in
}

func events(c *golden.Case, name string) []gate.Event {
	text, _ := c.Lookup(name)
	var out []gate.Event
	for line := range strings.Lines(text) {
		f := append(strings.Fields(line), "")
		out = append(out, gate.Event{
			Name: f[0], Topic: f[1], Key: f[2], Schema: strings.ToLower(f[0]) + ".avsc", Subject: f[1] + "-" + f[0], Line: len(out) + 10, Col: 5,
		})
	}
	return out
}

// TestRender holds what each renderer writes for the same results.
func TestRender(t *testing.T) {
	t.Parallel()
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		r := gate.Check(t.Context(), input(t, c))
		r.Elapsed = 41 * time.Millisecond
		r.Now = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
		if got := strconv.Itoa(gate.ExitCode(r)); got != c.Setting("exit") {
			t.Errorf("ExitCode = %s, want %s", got, c.Setting("exit"))
		}
		for _, out := range []struct {
			name  string
			write func(io.Writer) error
		}{
			{"want.text", func(w io.Writer) error { return gate.Text(w, r, false) }},
			{"want.lines", func(w io.Writer) error { return gate.Lines(w, r) }},
			{"want.json", func(w io.Writer) error { return gate.JSON(w, r) }},
			{"want.github", func(w io.Writer) error { return gate.GitHub(w, r) }},
			{"want.md", func(w io.Writer) error { return gate.Markdown(w, r) }},
		} {
			var buf bytes.Buffer
			if err := out.write(&buf); err != nil {
				t.Fatal(err)
			}
			c.Golden(t, out.name, buf.String())
		}
	})
}
