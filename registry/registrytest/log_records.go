package registrytest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// ptr returns a pointer to v.
func ptr[T any](v T) *T { return &v }

// everyRecord returns records of every kind, with every field set somewhere and
// with what is hard to write down.
func everyRecord() []registry.Record {
	rules := &api.RuleSet{
		MigrationRules: []api.Rule{{Name: "m", Doc: "d", Kind: "TRANSFORM", Mode: "UPGRADE", Type: "JSONATA", Expr: "$\x00<&>", Disabled: true}},
		DomainRules:    []api.Rule{{Name: "d", Kind: "CONDITION", Mode: "WRITE", Type: "CEL", Tags: []string{"PII"}, Params: map[string]string{"k": "v"}, OnSuccess: "NONE", OnFailure: "DLQ"}},
		EncodingRules:  []api.Rule{{Name: "e"}},
		EnableAt:       "CLIENT",
	}
	metadata := &api.Metadata{Tags: map[string][]string{"t": {"a", "b"}}, Properties: map[string]string{"k": "v"}, Sensitive: []string{"k"}}
	return []registry.Record{
		{Kind: registry.SchemaRecord, Subject: "a/b :.'\"ü\x00", Version: 3, ID: 9, Time: 1_700_000_000_123, Schema: &registry.StoredSchema{
			Type: "AVRO", Text: "\"text\" \u2028 <&> \U0001F600 \x00\x7f", Deleted: true,
			References: []api.Reference{{Name: "n", Subject: ":.c:s", Version: 1}},
			Metadata:   metadata, RuleSet: rules, MD5: []byte("\x00\x01\xfe\xff0123456789ab"),
		}},
		{Kind: registry.SchemaRecord, Subject: ":.c:s", Version: 1<<31 - 1, ID: 1<<31 - 1, Schema: &registry.StoredSchema{Type: "PROTOBUF", Text: "x"}},
		{Kind: registry.PurgeRecord, Subject: "a", Version: 3},
		{Kind: registry.ConfigRecord, Config: &api.Config{
			Alias: ptr("other"), AliasForDeks: ptr("deks"), Normalize: ptr(true), ValidateFields: ptr(false), ValidateNewSchemas: ptr(true),
			ValidateRules: ptr(false), CompatibilityLevel: ptr(registry.LevelFull), CompatibilityPolicy: ptr("STRICT"), CompatibilityGroup: ptr(""),
			DefaultMetadata: metadata, OverrideMetadata: &api.Metadata{}, DefaultRuleSet: rules, OverrideRuleSet: &api.RuleSet{},
		}},
		{Kind: registry.ConfigRecord, Subject: "a", Config: &api.Config{}},
		{Kind: registry.ConfigRecord, Subject: ":.c:", Config: &api.Config{Normalize: ptr(false)}},
		{Kind: registry.ConfigRecord, Subject: "a"},
		{Kind: registry.ModeRecord, Mode: api.ModeReadOnly},
		{Kind: registry.ModeRecord, Subject: ":.c:s", Mode: api.ModeImport},
		{Kind: registry.ModeRecord, Subject: ":.c:s"},
		{Kind: registry.IDRecord, ID: 1 << 30},
		{Kind: registry.IDRecord, Subject: ":.c:", ID: 7},
		{Kind: registry.ContextRecord, Subject: ":.c:"},
		{Kind: registry.ContextRecord, Subject: ":.c:", Gone: true},
		{Kind: registry.DeleteSubjectRecord, Subject: "a", Version: 3},
		{Kind: registry.ClearRecord, Subject: ":.c:"},
		{Kind: registry.ClearRecord},
	}
}

func testFields(t *testing.T, open func(*testing.T) registry.Log) {
	want := everyRecord()
	set := map[string]bool{}
	for _, r := range want {
		mark(reflect.ValueOf(r), set)
	}
	for path, ok := range set {
		if !ok {
			t.Errorf("%s is in no record of this test", path)
		}
	}
	mustAppend(t, open(t), 0, want)
	wantRecords(t, open(t), 0, want)
}

// mark finds out which fields are set, so that a new one cannot be forgotten here.
func mark(v reflect.Value, set map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			mark(v.Elem(), set)
		}
	case reflect.Slice:
		for i := range v.Len() {
			mark(v.Index(i), set)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			path := fmt.Sprintf("%s.%s", v.Type(), v.Type().Field(i).Name)
			set[path] = set[path] || !v.Field(i).IsZero()
			mark(v.Field(i), set)
		}
	}
}
