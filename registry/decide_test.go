package registry

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// words is a language for tables: a schema is words, a word "!" is a mistake,
// "boom" a bug, and no word may go away.
type words struct{}

type wordSchema struct{ src lang.Source }

func (words) Type() lang.Type { return lang.Avro }

func (words) Parse(src lang.Source) (lang.Schema, error) {
	if strings.Contains(src.Text, "boom") {
		panic("boom")
	}
	if strings.Contains(src.Text, "!") {
		return nil, lang.ErrorList{{Code: "WORD", Msg: "found !"}}
	}
	return wordSchema{src}, nil
}

func (s wordSchema) Source() lang.Source { return s.src }
func (s wordSchema) Canonical() string   { return strings.Join(strings.Fields(s.src.Text), " ") }
func (s wordSchema) Normalized() string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(s.src.Text))), " ")
}

func (words) Differences(_, _ string, newer, older lang.Schema) (out []Difference) {
	for _, w := range strings.Fields(older.Source().Text) {
		if !slices.Contains(strings.Fields(newer.Source().Text), w) {
			out = append(out, Difference{ErrorType: "GONE", Description: w})
		}
	}
	return out
}

func testPolicy() *policy {
	return &policy{
		parser:       &parser{languages: []lang.Language{words{}}, limits: Limits{}.orDefault()},
		compat:       words{},
		defaultLevel: LevelBackward,
	}
}

func reg(subject, text string) Registration {
	return Registration{Subject: subject, Request: api.RegisterRequest{Schema: text}}
}

func referring(subject, text string, refs ...api.Reference) Registration {
	r := reg(subject, text)
	r.Request.References = refs
	return r
}

func level(subject, l string) ConfigChange {
	return ConfigChange{Scope: subject, Update: api.ConfigUpdate{Compatibility: api.Set(l)}}
}

// summary writes records on one line each, for tables.
func summary(records []Record) string {
	var out []string
	for _, r := range records {
		switch {
		case r.Kind == SchemaRecord && r.Schema.Deleted:
			out = append(out, fmt.Sprintf("hide %s v%d", r.Subject, r.Version))
		case r.Kind == SchemaRecord:
			out = append(out, fmt.Sprintf("put %s v%d id%d", r.Subject, r.Version, r.ID))
		case r.Kind == PurgeRecord:
			out = append(out, fmt.Sprintf("purge %s v%d", r.Subject, r.Version))
		case r.Kind == IDRecord:
			out = append(out, strings.TrimSpace(fmt.Sprintf("highest id%d %s", r.ID, r.Subject)))
		case r.Kind == ContextRecord && r.Gone:
			out = append(out, fmt.Sprintf("unlist %s", r.Subject))
		case r.Kind == ContextRecord:
			out = append(out, fmt.Sprintf("list %s", r.Subject))
		case r.Kind == ModeRecord:
			out = append(out, fmt.Sprintf("mode %s %s", r.Subject, stdcmp.Or(r.Mode, "none")))
		case r.Config == nil:
			out = append(out, fmt.Sprintf("config %s none", r.Subject))
		default:
			out = append(out, fmt.Sprintf("config %s %s", r.Subject, r.Config.Level()))
		}
	}
	return strings.Join(out, ", ")
}

func TestDecide(t *testing.T) {
	t.Parallel()
	ref := api.Reference{Name: "r", Subject: "base", Version: 1}
	one := 1
	for _, c := range []struct {
		name   string
		before []command // each must be accepted
		cmd    command
		want   string // records
		code   api.Code
	}{
		{name: "first version", cmd: reg("a", "x"), want: "put a v1 id1"},
		{name: "same text again", before: []command{reg("a", "x")}, cmd: reg("a", " x "), want: ""},
		{name: "same words in another order", before: []command{reg("a", "x y")}, cmd: reg("a", "y x"), want: ""},
		{name: "another subject shares the id", before: []command{reg("a", "x")}, cmd: reg("b", "x"), want: "put b v1 id1"},
		{name: "compatible", before: []command{reg("a", "x")}, cmd: reg("a", "x y"), want: "put a v2 id2"},
		{name: "incompatible", before: []command{reg("a", "x")}, cmd: reg("a", "y"), code: api.IncompatibleSchema},
		{name: "forced", before: []command{reg("a", "x")}, cmd: Registration{Subject: "a", Request: api.RegisterRequest{Schema: "y"}, Force: true}, want: "put a v2 id2"},
		{name: "level of the subject", before: []command{reg("a", "x"), level("a", "none")}, cmd: reg("a", "y"), want: "put a v2 id2"},
		{name: "level of the server", before: []command{reg("a", "x"), level("", "NONE")}, cmd: reg("a", "y"), want: "put a v2 id2"},
		{name: "only the latest counts", before: []command{level("a", "NONE"), reg("a", "x"), reg("a", "y"), level("a", "BACKWARD")}, cmd: reg("a", "y z"), want: "put a v3 id3"},
		{name: "all count when transitive", before: []command{level("a", "NONE"), reg("a", "x"), reg("a", "y"), level("a", "BACKWARD_TRANSITIVE")}, cmd: reg("a", "y z"), code: api.IncompatibleSchema},
		{name: "soft-deleted ones do not count", before: []command{reg("a", "x"), VersionDeletion{Subject: "a", Version: 1}}, cmd: reg("a", "y"), want: "put a v2 id2"},
		{name: "a deleted text comes back", before: []command{reg("a", "x"), SubjectDeletion{Subject: "a"}}, cmd: reg("a", "x"), want: "put a v2 id1, purge a v1"},
		{name: "but not if others need the old number", before: []command{reg("base", "x"), referring("b", "y", ref), SubjectDeletion{Subject: "b"}, SubjectDeletion{Subject: "base"}}, cmd: reg("base", "x"), want: "put base v2 id1"},
		{name: "no id twice", before: []command{reg("a", "x"), SubjectDeletion{Subject: "a"}, SubjectDeletion{Subject: "a", Permanent: true}}, cmd: reg("a", "x"), want: "put a v1 id2"},
		{name: "mistake in the text", cmd: reg("a", "!"), code: api.InvalidSchema},
		{name: "bug in the parser", cmd: reg("a", "boom"), code: api.InvalidSchema},
		{name: "no text", cmd: reg("a", "  "), code: api.InvalidSchema},
		{name: "no text means the previous one", before: []command{reg("a", "x")}, cmd: reg("a", ""), want: ""},
		{name: "unknown language", cmd: Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x", SchemaType: "COBOL"}}, code: api.InvalidSchema},
		{name: "too long", cmd: reg("a", strings.Repeat("x", 1<<20+1)), code: api.SchemaTooLarge},
		{name: "import", cmd: Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x", ID: &one}}, code: api.OperationNotPermitted},
		{name: "with the id that it has", before: []command{reg("a", "x")}, cmd: Registration{Subject: "a", Request: api.RegisterRequest{Schema: "x", ID: &one}}, want: ""},
		{name: "control character", cmd: reg("a\n", "x"), code: api.InvalidSubject},
		{name: "empty name", cmd: reg("", "x"), want: "put  v1 id1"},
		{name: "another context", cmd: reg(":.c:a", "x"), want: "list :.c:, put :.c:a v1 id1"},
		{name: "default context spelled out", cmd: reg(":.:a", "x"), want: "put a v1 id1"},

		{name: "reference", before: []command{reg("base", "x")}, cmd: referring("a", "y", ref), want: "put a v1 id2"},
		{name: "reference to the latest", before: []command{reg("base", "x")}, cmd: referring("a", "y", api.Reference{Name: "r", Subject: "base", Version: Latest}), want: "put a v1 id2"},
		{name: "references are part of the identity", before: []command{reg("base", "x"), reg("a", "x")}, cmd: referring("a", "x", ref), want: "put a v2 id2"},
		{name: "dangling reference", cmd: referring("a", "y", ref), code: api.InvalidSchema},
		{name: "reference to a deleted version", before: []command{reg("base", "x"), SubjectDeletion{Subject: "base"}}, cmd: referring("a", "y", ref), code: api.InvalidSchema},
		{name: "reference without a name", before: []command{reg("base", "x")}, cmd: referring("a", "y", api.Reference{Subject: "base", Version: 1}), code: api.InvalidSchema},

		{name: "delete a version", before: []command{reg("a", "x")}, cmd: VersionDeletion{Subject: "a", Version: 1}, want: "hide a v1"},
		{name: "delete the latest", before: []command{reg("a", "x"), reg("a", "x y")}, cmd: VersionDeletion{Subject: "a", Version: Latest}, want: "hide a v2"},
		{name: "delete twice", before: []command{reg("a", "x"), VersionDeletion{Subject: "a", Version: 1}}, cmd: VersionDeletion{Subject: "a", Version: 1}, code: api.VersionSoftDeleted},
		{name: "purge", before: []command{reg("a", "x"), VersionDeletion{Subject: "a", Version: 1}}, cmd: VersionDeletion{Subject: "a", Version: 1, Permanent: true}, want: "highest id1, purge a v1"},
		{name: "purge takes the settings along", before: []command{reg("a", "x"), level("a", "FULL"), SubjectDeletion{Subject: "a"}}, cmd: SubjectDeletion{Subject: "a", Permanent: true}, want: "highest id1, purge a v1, config a none"},
		{name: "purge what lives", before: []command{reg("a", "x")}, cmd: VersionDeletion{Subject: "a", Version: 1, Permanent: true}, code: api.VersionNotDeleted},
		{name: "purge a subject that lives", before: []command{reg("a", "x")}, cmd: SubjectDeletion{Subject: "a", Permanent: true}, code: api.SubjectNotDeleted},
		{name: "delete what others need", before: []command{reg("base", "x"), referring("a", "y", ref)}, cmd: SubjectDeletion{Subject: "base"}, code: api.ReferenceExists},
		{name: "delete once they are deleted", before: []command{reg("base", "x"), referring("a", "y", ref), SubjectDeletion{Subject: "a"}}, cmd: SubjectDeletion{Subject: "base"}, want: "hide base v1"},
		{name: "but not for good", before: []command{reg("base", "x"), referring("a", "y", ref), SubjectDeletion{Subject: "a"}, SubjectDeletion{Subject: "base"}}, cmd: SubjectDeletion{Subject: "base", Permanent: true}, code: api.ReferenceExists},
		{name: "a subject may need itself", before: []command{reg("base", "x"), referring("base", "x y", ref)}, cmd: SubjectDeletion{Subject: "base"}, want: "hide base v1, hide base v2"},
		{name: "delete nothing", cmd: SubjectDeletion{Subject: "a"}, code: api.SubjectNotFound},
		{name: "delete a version that is none", before: []command{reg("a", "x")}, cmd: VersionDeletion{Subject: "a", Version: 2}, code: api.VersionNotFound},

		{name: "level", cmd: level("a", "full_transitive"), want: "config a FULL_TRANSITIVE"},
		{name: "no level", cmd: level("a", "SOME"), code: api.InvalidCompatibility},
		{name: "inherit again", before: []command{level("a", "FULL")}, cmd: ConfigDeletion{Scope: "a"}, want: "config a none"},
		{name: "inherit twice", cmd: ConfigDeletion{Scope: "a"}, code: api.SubjectNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, st, now := testPolicy(), newState(), time.UnixMilli(1)
			for _, cmd := range c.before {
				d, err := decide(p, st, cmd, now)
				if err != nil {
					t.Fatalf("before: %v", err)
				}
				st.apply(d.records, st.next+1)
			}
			d, err := decide(p, st, c.cmd, now)
			if c.code != 0 {
				if !errors.Is(err, c.code) {
					t.Fatalf("error %v, want code %d", err, int(c.code))
				}
				return
			}
			if err != nil || summary(d.records) != c.want {
				t.Fatalf("records %q, %v, want %q", summary(d.records), err, c.want)
			}
		})
	}
}

// A state that was copied does not change with the copy.
func TestCloneIsApart(t *testing.T) {
	t.Parallel()
	p, st := testPolicy(), newState()
	grow := func(st *State, cmd command) {
		d, err := decide(p, st, cmd, time.UnixMilli(1))
		if err != nil {
			t.Fatal(err)
		}
		st.apply(d.records, st.next+1)
	}
	for i := range 300 {
		grow(st, reg(fmt.Sprintf("s%d", i%50), strings.Repeat("x ", 1+i/50)+fmt.Sprint("w", i%50)))
	}
	dump := func(st *State) map[string][]int {
		out := map[string][]int{}
		for _, name := range st.space("").subjects.Keys() {
			out[name] = numbers(st.visible(name, All))
		}
		return out
	}
	want := dump(st)
	other := st.clone()
	for i := range 50 {
		name := fmt.Sprintf("s%d", i)
		grow(other, SubjectDeletion{Subject: name})
		grow(other, SubjectDeletion{Subject: name, Permanent: true})
		grow(other, reg(name, "fresh"))
	}
	if diff := cmp.Diff(want, dump(st)); diff != "" {
		t.Errorf("the original changed with its copy (-want +got):\n%s", diff)
	}
	if got := other.version("s7", 1); got == nil || got.text != "fresh" {
		t.Errorf("the copy has %v, want the fresh version", got)
	}
}

// slowLog tells when an append starts and waits.
type slowLog struct {
	started, gate chan struct{}
	sizes         []int
}

func (l *slowLog) ReadFrom(context.Context, Offset) ([]Record, Offset, error) {
	return nil, Offset(len(l.sizes)), nil
}

func (l *slowLog) Append(_ context.Context, at Offset, records []Record) (Offset, error) {
	if len(l.sizes) == 0 {
		close(l.started)
		<-l.gate
	}
	l.sizes = append(l.sizes, len(records))
	return at + 1, nil
}

// What waits while the log is written goes into the next write together.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	log := &slowLog{started: make(chan struct{}), gate: make(chan struct{})}
	r, err := Open(t.Context(), log, []lang.Language{words{}}, words{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 100
	jobs := make([]*job, n)
	for i := range jobs {
		jobs[i] = &job{cmd: reg(fmt.Sprintf("s%d", i), "x"), done: make(chan struct{})}
		r.queue <- jobs[i]
		if i == 0 {
			<-log.started
		}
	}
	close(log.gate)
	for _, j := range jobs {
		if <-j.done; j.err != nil {
			t.Error(j.err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, n - 1}, log.sizes); diff != "" {
		t.Errorf("records of each append (-want +got):\n%s", diff)
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"1": 1, " 7 ": 7, "latest": Latest, "LATEST": Latest, "-1": Latest, "2147483647": 2147483647,
		"0": 0, "-2": 0, "abc": 0, "2147483648": 0, "": 0, "1.5": 0,
	} {
		got, err := ParseVersion(text)
		if got != want || (want == 0) != errors.Is(err, api.InvalidVersion) {
			t.Errorf("ParseVersion(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	text := hashOf("text", nil, nil, nil)
	if got := text.guid(); got != "1cb251ec-0d56-8de6-a929-b520c4aed8d1" { // printf text | md5sum
		t.Errorf("GUID of \"text\" = %s", got)
	}
	if back, ok := parseGUID(strings.ReplaceAll(text.guid(), "-", "")); !ok || back != text {
		t.Errorf("parseGUID = %v, %v", back, ok)
	}
	differ := []hash{
		text,
		hashOf("text", []api.Reference{{Name: "a", Subject: "b", Version: 1}}, nil, nil),
		hashOf("text", []api.Reference{{Name: "a", Subject: "b", Version: 2}}, nil, nil),
		hashOf("text", nil, &api.Metadata{}, nil),
		hashOf("text", nil, &api.Metadata{Properties: map[string]string{"a": "b"}}, nil),
	}
	for i := range differ {
		if slices.Contains(differ[:i], differ[i]) {
			t.Errorf("hash %d equals an earlier one", i)
		}
	}
}

// Two texts that were made to have one MD5 do not get one id.
func TestForgedGUID(t *testing.T) {
	t.Parallel()
	p, st := testPolicy(), newState()
	st.apply([]Record{{Kind: SchemaRecord, Subject: "a", Version: 1, ID: 1, Schema: &StoredSchema{Type: "AVRO", Text: "honest"}}}, 1)
	// The state is told that another text has the hash that the next candidate has.
	h := hashOf("forged", nil, nil, nil)
	st.byHash.Set(h.key(), []holder{{"", 1}})
	if _, err := decide(p, st, reg("b", "forged"), time.UnixMilli(1)); !errors.Is(err, api.OperationNotPermitted) || !strings.Contains(err.Error(), "same GUID") {
		t.Errorf("a text with the hash of another: %v, want it not permitted", err)
	}
	if _, err := decide(p, st, reg("a\xff", "x"), time.UnixMilli(1)); !errors.Is(err, api.InvalidSubject) {
		t.Errorf("a name that is not UTF-8: %v, want an invalid subject", err)
	}
}

// What goes with a schema is bounded as its text is, and numbers end where
// clients' integers end.
func TestBounds(t *testing.T) {
	t.Parallel()
	p, st := testPolicy(), newState()
	long := strings.Repeat("x", p.limits.Text)
	meta := reg("a", "x")
	meta.Request.Metadata = &api.Metadata{Properties: map[string]string{"k": long}}
	rules := reg("a", "x")
	rules.Request.RuleSet = &api.RuleSet{DomainRules: []api.Rule{{Name: "r", Type: "CEL", Expr: long}}}
	settings := ConfigChange{Scope: "a", Update: api.ConfigUpdate{DefaultMetadata: api.Set(*meta.Request.Metadata)}}
	for _, cmd := range []command{meta, rules, settings} {
		if _, err := decide(p, st, cmd, time.UnixMilli(1)); !errors.Is(err, api.SchemaTooLarge) {
			t.Errorf("%T with a megabyte beside the schema: %v, want it refused as too large", cmd, err)
		}
	}
	st.apply([]Record{
		{Kind: SchemaRecord, Subject: "full", Version: 1<<31 - 1, ID: 1, Schema: &StoredSchema{Type: "AVRO", Text: "x"}},
		{Kind: IDRecord, Subject: ":.c:", ID: 1<<31 - 1},
		{Kind: ModeRecord, Subject: "i", Mode: api.ModeImport},
	}, 1)
	tooHigh := reg("i", "x")
	id := 1 << 31
	tooHigh.Request.ID = &id
	for _, cmd := range []command{reg("full", "x y"), reg(":.c:a", "x"), tooHigh} {
		if _, err := decide(p, st, cmd, time.UnixMilli(1)); !errors.Is(err, api.OperationNotPermitted) {
			t.Errorf("%v: %v, want it not permitted", cmd, err)
		}
	}
}
