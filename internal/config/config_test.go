package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/config"
)

const good = `version: 1
schemas: schemas
subjects:
  naming: topic-record
  overrides: [{ match: "audit.*", compatibility: FULL_TRANSITIVE }]
events:
  - { schema: a/b.avsc, topic: orders, key: id }
environments:
  dev: { registry: "http://localhost:8081" }
  prod: { registry: "${WIREPROOF_TEST_URL}", kafka: { brokers: ["${WIREPROOF_TEST_KAFKA}"] } }
`

func TestParse(t *testing.T) {
	c, err := config.Parse("dir/wireproof.yaml", good)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Event{{Schema: "a/b.avsc", Topic: "orders", Key: "id"}}
	if diff := cmp.Diff(want, c.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := c.Level("audit.login"); got != "FULL_TRANSITIVE" {
		t.Errorf("Level(audit.login) = %s, want the override", got)
	}
	if got := c.Level("orders"); got != "BACKWARD_TRANSITIVE" {
		t.Errorf("Level(orders) = %s, want the default", got)
	}
	if got := c.Place("events[0].topic"); got.Line != 7 {
		t.Errorf("Place(events[0].topic) = %v, want line 7", got)
	}
}

// What is kept for a time, for days and for good is read, and printed as written.
func TestRetention(t *testing.T) {
	c, err := config.Parse("w.yaml", "version: 1\ntopics:\n  - { name: a, retention: 36h, retention_size: 1GiB }\n  - { name: b, retention: 7d }\n  - { name: c, retention: forever }\n  - { name: d }\n")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Duration{36 * time.Hour, 7 * 24 * time.Hour, time.Duration(config.Forever), 0} {
		if got := time.Duration(c.Topics[i].Retention); got != want {
			t.Errorf("retention of %s is %v, want %v", c.Topics[i].Name, got, want)
		}
	}
	for i, want := range []string{"36h0m0s", "7d", "forever"} {
		if got := c.Topics[i].Retention.String(); got != want {
			t.Errorf("%s: String() = %q, want %q", c.Topics[i].Name, got, want)
		}
	}
}

// Each mistake is named with its place and what was expected.
func TestParseMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "version: 1\nsubject:\n  naming: topic\n", `w.yaml:2:1: unknown key "subject", did you mean "subjects"?`},
		{"unknown nested key", "version: 1\nevents:\n  - { schma: x.avsc, topic: t }\n", `unknown key "events[0].schma", did you mean "schema"?`},
		{"override of no pattern", "version: 1\nsubjects: { overrides: [{ match: \"audit.[*\", compatibility: FULL }] }\n", `w.yaml:2:34: match is "audit.[*"; expected a pattern`},
		{"override of nothing", "version: 1\nsubjects: { overrides: [{ compatibility: FULL }] }\n", "an override needs match and compatibility"},
		{"override by nothing", "version: 1\nsubjects: { overrides: [{ match: a }] }\n", "an override needs match and compatibility"},
		{"a number for a word", "version: 1\nsubjects: { naming: 1 }\n", `subjects.naming is "1"; expected topic, record, topic-record`},
		{"true for a word", "version: 1\ncheck: { fail_on: true }\n", `check.fail_on is "true"; expected error, warning`},
		{"a block for a word", "version: 1\nsubjects:\n  naming: |\n    topic\n", `subjects.naming is "topic\n"`},
		{"wrong value", "version: 1\nsubjects: { naming: topics }\n", `subjects.naming is "topics", did you mean "topic"?`},
		{"wrong shape", "version: 1\nevents: none\n", `events is "none"; expected a list`},
		{"wrong version", "version: 2\n", "version is 2; this program reads version 1"},
		{"no number", "version: one\n", `version is "one"; expected a whole number`},
		{"key twice", "version: 1\nversion: 1\n", "version"},
		{"escaping folder", "version: 1\nschemas: ../other\n", "expected a folder below this file"},
		{"escaping schema", "version: 1\nevents:\n  - { schema: ../x.avsc, topic: t }\n", "expected a path below schemas"},
		{"no topic", "version: 1\nevents:\n  - { schema: x.avsc }\n", "w.yaml:3"},
		{"bad waiver", "version: 1\ncheck: { waivers: [{ id: x, reason: r, owner: o, until: soon }] }\n", "expected a day"},
		{"bad retention", "version: 1\ntopics: [{ name: t, retention: 7 days }]\n", `w.yaml:2:32: topics[0].retention is "7 days"; expected a time of a second or more`},
		{"unknown key of a topic", "version: 1\ntopics: [{ name: t, replica: 3 }]\n", `unknown key "topics[0].replica", did you mean "replicas"?`},
		{"topic twice", "version: 1\ntopics: [{ name: t }, { name: t }]\n", `topic "t" is entry 1 already`},
		{"bad topic name", "version: 1\ntopics: [{ name: a b }]\n", `name is "a b"; expected at most 249`},
		{"bad group name", "version: 1\ntopics: [{ name: a, groups: [{ name: b/c }] }]\n", `group "b/c": its retry topics`},
		{"group twice", "version: 1\ntopics: [{ name: a, groups: [{ name: b }, { name: b }] }]\n", `group "b" of topic "a" is there twice`},
		{"bad cleanup", "version: 1\ntopics: [{ name: a, cleanup: compacted }]\n", `topics[0].cleanup is "compacted", did you mean "compact"?`},
		{"negative partitions", "version: 1\ntopics: [{ name: a, partitions: -1 }]\n", `partitions is -1; expected 1 to 100000`},
		{"alias", "version: 1\nsubjects: &a { naming: topic }\n", "anchors"},
		{"empty", "", "expected one YAML document"},
		{"not YAML", "version: [1\n", "w.yaml:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("w.yaml", tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse() error = %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := config.Parse("w.yaml", "version: 1\nfoo: 1\nbar: 2\n")
	if err == nil || strings.Count(err.Error(), "unknown key") != 2 {
		t.Errorf("error = %v, want both unknown keys", err)
	}
}

func TestEnvironment(t *testing.T) {
	c, err := config.Parse("w.yaml", good)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Environment("prod"); err == nil || !strings.Contains(err.Error(), "WIREPROOF_TEST_URL") {
		t.Errorf("Environment(prod) error = %v, want it to name the variable", err)
	}
	t.Setenv("WIREPROOF_TEST_URL", "https://registry.test")
	t.Setenv("WIREPROOF_TEST_KAFKA", "a:1,b:2")
	_, env, err := c.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	if env.Registry != "https://registry.test" || !cmp.Equal(env.Kafka.Brokers, []string{"a:1", "b:2"}) {
		t.Errorf("Environment(prod) = %+v, want expanded values", env)
	}
	if _, _, err := c.Environment("stage"); err == nil || !strings.Contains(err.Error(), "dev, prod") {
		t.Errorf("Environment(stage) error = %v, want the names that exist", err)
	}
}

func TestFindStopsAtTheRepository(t *testing.T) {
	outer := t.TempDir()
	if err := os.WriteFile(filepath.Join(outer, config.Name), []byte("version: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(outer, "repo", "a", "b")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := config.Find(inner); err != nil || filepath.Dir(got) != outer {
		t.Errorf("Find = %s, %v, want the file of the outer folder", got, err)
	}
	if err := os.Mkdir(filepath.Join(outer, "repo", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := config.Find(inner); err == nil {
		t.Errorf("Find = %s, want an error: the repository ends below the file", got)
	}
}

func TestWaiverExpires(t *testing.T) {
	w := config.Waiver{Until: "2027-01-31"}
	if w.Expired(time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC)) {
		t.Error("a waiver holds on its last day")
	}
	if !w.Expired(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)) {
		t.Error("a waiver ends after its last day")
	}
}

func TestJSONSchemaIsJSON(t *testing.T) {
	var v map[string]any
	if err := json.Unmarshal(config.JSONSchema(), &v); err != nil {
		t.Fatal(err)
	}
	if _, ok := v["properties"].(map[string]any)["environments"]; !ok {
		t.Error("the schema does not know environments")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("version: 1\nevents: [{}]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse("w.yaml", text)
		if (c == nil) == (err == nil) {
			t.Fatalf("Parse(%q) = %v, %v: exactly one is expected", text, c, err)
		}
	})
}
