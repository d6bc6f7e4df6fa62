package registry_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
)

// Under FULL the old schema is quoted only if the new one cannot read old data.
func TestFullQuotesTheOldSchema(t *testing.T) {
	ctx := t.Context()
	reg, err := registry.Open(ctx, memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{Level: registry.LevelFull})
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	record := func(fields string) api.RegisterRequest {
		return api.RegisterRequest{Schema: `{"type":"record","name":"R","fields":[` + fields + `]}`}
	}
	a, b := `{"name":"a","type":"string"}`, `{"name":"b","type":"string"}`
	for subject, tt := range map[string]struct {
		first, next api.RegisterRequest
		quoted      bool
	}{
		"removed": {record(a + "," + b), record(a), false},
		"added":   {record(a), record(a + "," + b), true},
	} {
		if _, err := reg.Register(ctx, registry.Registration{Subject: subject, Request: tt.first}); err != nil {
			t.Fatal(err)
		}
		got, err := reg.Check(ctx, registry.Check{Subject: subject, Request: tt.next})
		if err != nil || len(got) == 0 {
			t.Fatalf("%s: Check = %q, %v, want a difference", subject, got, err)
		}
		if quoted := strings.Contains(strings.Join(got, "\n"), "oldSchema"); quoted != tt.quoted {
			t.Errorf("%s: messages %q, want the old schema quoted: %v", subject, got, tt.quoted)
		}
	}
}
