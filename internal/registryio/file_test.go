package registryio_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
)

func example() *registryio.Dump {
	deleted, level := true, "FULL"
	return &registryio.Dump{
		Whole:    true,
		Contexts: []registryio.Context{{Name: ".", MaxID: 7}, {Name: ".team"}},
		Schemas: []api.Schema{
			{Subject: "a", Version: 1, ID: 1, SchemaType: "AVRO", Schema: `"<&> é \u2028"`},
			{Subject: ":.team:b", Version: 2, ID: 1, SchemaType: "AVRO", Schema: `"int"`, Deleted: &deleted},
		},
		Configs: []registryio.Config{{Scope: "a", Config: api.Config{CompatibilityLevel: &level}}},
		Modes:   []registryio.Mode{{Mode: "READWRITE"}},
	}
}

// The form of the file is for ever: what is written today must be read in years.
const exampleFile = `{"header":{"format":"wireproof registry export","version":1,"whole":true}}
{"context":{"name":".","maxId":7}}
{"context":{"name":".team"}}
{"schema":{"subject":"a","version":1,"id":1,"schemaType":"AVRO","schema":"\"<&> é \\u2028\""}}
{"schema":{"subject":":.team:b","version":2,"id":1,"schemaType":"AVRO","schema":"\"int\"","deleted":true}}
{"config":{"scope":"a","config":{"compatibilityLevel":"FULL"}}}
{"mode":{"scope":"","mode":"READWRITE"}}
{"end":{"lines":7,"sha256":"%s"}}
`

func TestFile(t *testing.T) {
	t.Parallel()
	got := string(file(t, example()))
	sum := got[strings.LastIndex(got, `"sha256":"`)+10:]
	want := strings.Replace(exampleFile, "%s", strings.TrimSuffix(sum, "\"}}\n"), 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file differs (-want +got):\n%s", diff)
	}
	read, err := registryio.Read(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), read); diff != "" {
		t.Errorf("what is read differs (-want +got):\n%s", diff)
	}
}

func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	whole := string(file(t, example()))
	lines := strings.SplitAfter(whole, "\n")
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "is empty"},
		"not an export":      {"hello\n", "line 1 of the export: this is no export of a registry"},
		"another format":     {`{"header":{"format":"x","version":1,"whole":true}}`, `the format is "x"`},
		"a later version":    {`{"header":{"format":"wireproof registry export","version":2,"whole":true}}`, "version of the format is 2; this program reads 1"},
		"cut":                {strings.Join(lines[:4], ""), "ends after line 4 without the line"},
		"cut in a line":      {whole[:len(whole)-20], "line 8 of the export"},
		"a changed text":     {strings.Replace(whole, "int", "str", 1), "the file was changed"},
		"a lost line":        {strings.Join(append(lines[:2:2], lines[3:]...), ""), "has 6 lines before its end, expected 7"},
		"a twisted order":    {lines[1] + lines[0], "the header belongs into the first line"},
		"two headers":        {lines[0] + lines[0], "the header belongs into the first line"},
		"more after the end": {whole + lines[1], "something after the end"},
		"an unknown kind":    {lines[0] + `{"more":1}`, `unknown field "more"`},
		"an empty line":      {lines[0] + "{}", "holds nothing that is known"},
		"two values":         {lines[0] + `{"mode":{"scope":"","mode":"x"}} {}`, "something after the JSON value"},
		"a long line":        {lines[0] + strings.Repeat("x", 17<<20), "line 2 of the export is longer"},
	} {
		if _, err := registryio.Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

// No file makes Read panic, and what it accepts, it writes as it was.
func FuzzRead(f *testing.F) {
	var buf bytes.Buffer
	if err := registryio.Write(&buf, example()); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add([]byte(exampleFile))
	f.Add([]byte(`{"header":{"format":"wireproof registry export","version":1,"whole":false}}` + "\n" + `{"end":{"lines":1,"sha256":""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := registryio.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := registryio.Read(bytes.NewReader(file(t, d)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Errorf("written and read again it differs:\n%s", diff)
		}
		// Whatever references say, sorting ends.
		if _, err := registryio.Rebase(d, ".x"); err == nil && len(d.Contexts) != 1 {
			t.Error("Rebase of several contexts")
		}
	})
}
