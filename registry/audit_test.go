package registry_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
)

type key struct{}

// Every attempt to write is told once, with whoever tried, and what it changed.
func TestOnWrite(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []registry.Write
	ctx := context.WithValue(t.Context(), key{}, "someone")
	reg, err := registry.Open(ctx, memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{
		OnWrite: func(ctx context.Context, w registry.Write) {
			mu.Lock()
			defer mu.Unlock()
			if ctx.Value(key{}) != "someone" {
				t.Errorf("%s came without the context of its request", w.Action)
			}
			seen = append(seen, w)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	register := func(text string) {
		_, _ = reg.Register(ctx, registry.Registration{Subject: ":.:a", Request: api.RegisterRequest{Schema: text}})
	}
	register(`"int"`)
	register(`"int"`)
	register(`"string"`)
	_, _ = reg.SetConfig(ctx, registry.ConfigChange{Scope: "a", Update: api.ConfigUpdate{Compatibility: api.Set("none")}})
	register(`"string"`)
	_, _ = reg.SetMode(ctx, registry.ModeChange{Scope: ":.c:", Mode: "READONLY"})
	_, _ = reg.DeleteVersion(ctx, registry.VersionDeletion{Subject: "a", Version: 2})
	_, _ = reg.DeleteSubject(ctx, registry.SubjectDeletion{Subject: "a"})
	_, _ = reg.DeleteSubject(ctx, registry.SubjectDeletion{Subject: "a", Permanent: true})

	mu.Lock()
	defer mu.Unlock()
	for i, want := range []struct {
		action, subject string
		version         int
		changed         bool
		code            api.Code
	}{
		{"register", "a", 1, true, 0},
		{"register", "a", 1, false, 0},
		{"register", "a", 0, false, api.IncompatibleSchema},
		{"set_config", "a", 0, true, 0},
		{"register", "a", 2, true, 0},
		{"set_mode", ":.c:", 0, true, 0},
		{"delete_version", "a", 2, true, 0},
		{"delete_subject", "a", 0, true, 0},
		{"delete_subject_permanently", "a", 0, true, 0},
	} {
		if i >= len(seen) {
			t.Fatalf("%d writes were told, want %s too", len(seen), want.action)
		}
		got := seen[i]
		if got.Action != want.action || got.Subject != want.subject || got.Version != want.version ||
			(got.Before != got.After) != want.changed || (want.code != 0) != (got.Err != nil) || want.code != 0 && !errors.Is(got.Err, want.code) {
			t.Errorf("write %d is %+v, want %+v", i, got, want)
		}
		if i > 0 && want.subject == "a" && seen[i-1].Action == got.Action && seen[i-1].After != got.Before {
			t.Errorf("write %d begins with %q, the one before ended with %q", i, got.Before, seen[i-1].After)
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d writes were told, want 9", len(seen))
	}
}
