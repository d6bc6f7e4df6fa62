package kafkalog

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

func pointer[T any](v T) *T { return &v }

// written pairs records with the bytes that Confluent's server writes for them.
var written = []struct {
	name   string
	record registry.Record
	want   []string // key and value of each message; "" is a tombstone
}{
	{"schema", registry.Record{Kind: registry.SchemaRecord, Subject: "s", Version: 1, ID: 1, Time: 5, Schema: &registry.StoredSchema{Type: "AVRO", Text: `"string"`}},
		[]string{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"subject":"s","version":1,"id":1,"schemaType":"AVRO","schema":"\"string\"","deleted":false}`}},
	{"schema with everything", registry.Record{Kind: registry.SchemaRecord, Subject: ":.ctx:s", Version: 12, ID: 34, Schema: &registry.StoredSchema{
		Type: "PROTOBUF", Text: "syntax = \"proto3\";\n", Deleted: true, MD5: []byte("0123456789abcdef"),
		References: []api.Reference{{Name: "a.proto", Subject: "a", Version: 2}},
		Metadata:   &api.Metadata{Tags: map[string][]string{"b.**": {"x", "y"}, "a": {"PII"}}, Properties: map[string]string{"owner": "me"}, Sensitive: []string{"owner"}},
		RuleSet: &api.RuleSet{DomainRules: []api.Rule{{Name: "r", Doc: "d", Kind: "CONDITION", Mode: "WRITE", Type: "CEL", Tags: []string{"PII"},
			Params: map[string]string{"p": "q"}, Expr: "1 < 2 && true", OnSuccess: "NONE", OnFailure: "ERROR"}}, EnableAt: "ALL"},
	}}, []string{`{"keytype":"SCHEMA","subject":":.ctx:s","version":12,"magic":1}`,
		`{"subject":":.ctx:s","version":12,"id":34,"md5":"MDEyMzQ1Njc4OWFiY2RlZg==","schemaType":"PROTOBUF","references":[{"name":"a.proto","subject":"a","version":2}],` +
			`"metadata":{"tags":{"a":["PII"],"b.**":["x","y"]},"properties":{"owner":"me"},"sensitive":["owner"]},` +
			`"ruleSet":{"domainRules":[{"name":"r","doc":"d","kind":"CONDITION","mode":"WRITE","type":"CEL","tags":["PII"],"params":{"p":"q"},"expr":"1 < 2 && true","onSuccess":"NONE","onFailure":"ERROR","disabled":false}],"enableAt":"ALL"},` +
			`"schema":"syntax = \"proto3\";\n","deleted":true}`}},
	{"odd characters", registry.Record{Kind: registry.PurgeRecord, Subject: "a/b\x00\x1b\u2028ü\U0001F600<&>\\u001b", Version: 1},
		[]string{`{"keytype":"SCHEMA","subject":"a/b\u0000\u001B` + "\u2028ü\U0001F600" + `<&>\\u001b","version":1,"magic":1}`, ""}},
	{"config", registry.Record{Kind: registry.ConfigRecord, Subject: "s", Config: &api.Config{
		Alias: pointer("t"), Normalize: pointer(true), ValidateFields: pointer(false), CompatibilityLevel: pointer("FULL"), CompatibilityGroup: pointer("g"),
		DefaultMetadata: &api.Metadata{Properties: map[string]string{"k": "v"}},
	}}, []string{`{"keytype":"CONFIG","subject":"s","magic":0}`,
		`{"subject":"s","alias":"t","normalize":true,"validateFields":false,"compatibilityLevel":"FULL","compatibilityGroup":"g","defaultMetadata":{"properties":{"k":"v"}}}`}},
	{"empty config", registry.Record{Kind: registry.ConfigRecord, Subject: "s", Config: &api.Config{}}, []string{`{"keytype":"CONFIG","subject":"s","magic":0}`, `{"subject":"s"}`}},
	{"config of the server", registry.Record{Kind: registry.ConfigRecord, Config: &api.Config{CompatibilityLevel: pointer("NONE")}},
		[]string{`{"keytype":"CONFIG","magic":0}`, `{"compatibilityLevel":"NONE"}`}},
	{"no config", registry.Record{Kind: registry.ConfigRecord, Subject: ":.c:"}, []string{`{"keytype":"CONFIG","subject":":.c:","magic":0}`, ""}},
	{"mode", registry.Record{Kind: registry.ModeRecord, Subject: "s", Mode: "READONLY"}, []string{`{"keytype":"MODE","subject":"s","magic":0}`, `{"subject":"s","mode":"READONLY"}`}},
	{"mode of the server", registry.Record{Kind: registry.ModeRecord, Mode: "IMPORT"}, []string{`{"keytype":"MODE","magic":0}`, `{"mode":"IMPORT"}`}},
	{"context", registry.Record{Kind: registry.ContextRecord, Subject: ":.ctx:"},
		[]string{`{"keytype":"CONTEXT","tenant":"default","context":".ctx","magic":0}`, `{"tenant":"default","context":".ctx"}`}},
	{"no context", registry.Record{Kind: registry.ContextRecord, Subject: ":.ctx:", Gone: true}, []string{`{"keytype":"CONTEXT","tenant":"default","context":".ctx","magic":0}`, ""}},
	{"highest id", registry.Record{Kind: registry.IDRecord, ID: 17}, []string{`{"keytype":"CONTEXT","tenant":"wireproof","context":".","magic":0}`, `{"tenant":"wireproof","context":".","maxId":17}`}},
	{"highest id of a context", registry.Record{Kind: registry.IDRecord, Subject: ":.ctx:", ID: 3},
		[]string{`{"keytype":"CONTEXT","tenant":"wireproof","context":".ctx","magic":0}`, `{"tenant":"wireproof","context":".ctx","maxId":3}`}},
	{"delete subject", registry.Record{Kind: registry.DeleteSubjectRecord, Subject: "s", Version: 3}, []string{`{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`, `{"subject":"s","version":3}`}},
	{"clear", registry.Record{Kind: registry.ClearRecord, Subject: "s"}, []string{`{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}`, `{"subject":"s"}`}},
	{"clear everything", registry.Record{Kind: registry.ClearRecord}, []string{`{"keytype":"CLEAR_SUBJECT","magic":0}`, `{}`}},
}

func TestWritesConfluentsBytes(t *testing.T) {
	t.Parallel()
	for _, row := range written {
		messages, err := encode(&row.record)
		if err != nil {
			t.Errorf("%s: encode = %v", row.name, err)
			continue
		}
		var got []string
		for _, m := range messages {
			got = append(got, string(m.key), string(m.value))
			if m.value != nil && len(m.value) == 0 || m.time != row.record.Time {
				t.Errorf("%s: value %q at %d, want a tombstone to be nil and time %d", row.name, m.value, m.time, row.record.Time)
			}
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	for _, row := range written {
		messages, err := encode(&row.record)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			got, err := decode(m)
			if diff := cmp.Diff([]registry.Record{row.record}, got); diff != "" || err != nil {
				t.Errorf("%s: decode = %v (-want +got):\n%s", row.name, err, diff)
			}
			key, err := decodeKey(m.key)
			if err != nil || key.canonical() != string(m.key) {
				t.Errorf("%s: key %s is read and written as %s, %v", row.name, m.key, key.canonical(), err)
			}
		}
	}
}

// Settings of the server are deleted in both spellings of their key.
func TestGlobalTombstonesBothForms(t *testing.T) {
	t.Parallel()
	for _, kind := range []registry.Kind{registry.ConfigRecord, registry.ModeRecord} {
		messages, err := encode(&registry.Record{Kind: kind})
		if err != nil || len(messages) != 2 {
			t.Fatalf("encode = %d messages, %v; want 2", len(messages), err)
		}
		name := strings.ToUpper(string(kind))
		want := []string{`{"keytype":"` + name + `","subject":null,"magic":0}`, `{"keytype":"` + name + `","magic":0}`}
		for i, m := range messages {
			if string(m.key) != want[i] || m.value != nil {
				t.Errorf("message %d is %s = %q, want a tombstone of %s", i, m.key, m.value, want[i])
			}
		}
	}
}

func TestReadsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	avro := func(version, id int) *registry.Record {
		return &registry.Record{Kind: registry.SchemaRecord, Subject: "s", Version: version, ID: id, Time: 9, Schema: &registry.StoredSchema{Type: "AVRO", Text: "x"}}
	}
	for _, row := range []struct {
		key, value string
		want       *registry.Record // nil: nothing
	}{
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":0}`, `{"subject":"s","version":1,"id":1,"schema":"x","deleted":false}`, avro(1, 1)},
		{`{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}`, `{"subject":"s","version":2,"id":7,"schema":"x","deleted":false,"offset":3,"ts":4,"new":{}}`, avro(2, 7)},
		{`{ "magic":1, "version":2,"subject":"s", "keytype":"SCHEMA" }`, `{"id":7,"schemaType":null,"references":null,"metadata":null,"schema":"x"}`, avro(2, 7)},
		{`{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}`, `null`, &registry.Record{Kind: registry.PurgeRecord, Subject: "s", Version: 2, Time: 9}},
		{`{"keytype":"CONFIG","subject":null,"magic":0}`, `{"compatibilityLevel":"FULL"}`, &registry.Record{Kind: registry.ConfigRecord, Time: 9, Config: &api.Config{CompatibilityLevel: pointer("FULL")}}},
		{`{"keytype":"MODE","subject":null,"magic":0}`, `{"mode":"READONLY"}`, &registry.Record{Kind: registry.ModeRecord, Time: 9, Mode: "READONLY"}},
		{`{"keytype":"CONTEXT","tenant":"default","context":".","magic":0}`, `{"tenant":"default","context":".","maxId":17}`, &registry.Record{Kind: registry.IDRecord, ID: 17, Time: 9}},
		{`{"keytype":"CONTEXT","tenant":"default","context":".","magic":0}`, `{"tenant":"default","context":"."}`, nil},
		{`{"keytype":"CONTEXT","tenant":"other","context":".c","magic":0}`, `{"tenant":"other","context":".c"}`, nil},
		{`{"keytype":"NOOP","magic":0}`, ``, nil},
		{`{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`, ``, nil},
		{`{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}`, ``, nil},
		{`{"keytype":"ASSOC","tenant":"default","resourceName":"t","resourceNamespace":"n","resourceType":"topic","associationType":"value","subject":"s","magic":0}`, `{"guid":"g"}`, nil},
	} {
		got, err := decode(message{[]byte(row.key), []byte(row.value), 9})
		var want []registry.Record
		if row.want != nil {
			want = append(want, *row.want)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("decode %s = %v (-want +got):\n%s", row.key, err, diff)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{
		{``, `{}`},
		{`7`, `{}`},
		{`{"keytype":"WHATEVER","magic":0}`, `{}`},
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":2}`, `{"schema":"x"}`},
		{`{"keytype":"SCHEMA","subject":"s","magic":1}`, `{"schema":"x"}`},
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"schema":3}`},
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"schema"`},
		{`{"keytype":"MODE","magic":0}`, `{}`},
		{`{"keytype":"CONFIG","magic":4}`, `{}`},
		{`{"keytype":"CONTEXT","context":"a:b","magic":0}`, `{}`},
	} {
		if got, err := decode(message{[]byte(row[0]), []byte(row[1]), 0}); !errors.Is(err, errUnreadable) || got != nil {
			t.Errorf("decode %s = %v, %v; want an error that says it is unreadable", row[0], got, err)
		}
	}
}

// Whatever bytes a topic holds, reading them ends, and what it gives is written
// and read as the same again.
func FuzzDecode(f *testing.F) {
	for _, row := range written {
		messages, _ := encode(&row.record)
		for _, m := range messages {
			f.Add(m.key, m.value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		records, err := decode(message{key, value, 1})
		if err != nil {
			return
		}
		for _, r := range records {
			messages, err := encode(&r)
			if err != nil {
				t.Fatalf("encode %+v = %v", r, err)
			}
			again, err := decode(messages[len(messages)-1])
			if err != nil || len(again) != 1 {
				t.Fatalf("%+v is written as %s = %s, which reads as %v, %v", r, messages[0].key, messages[0].value, again, err)
			}
			twice, _ := encode(&again[0])
			if diff := cmp.Diff(messages, twice, cmp.AllowUnexported(message{})); diff != "" {
				t.Fatalf("%+v is not written the same twice (-first +second):\n%s", r, diff)
			}
		}
	})
}
