package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wireproof/wireproof/registry/registrytest"
)

// Each script has two empty registries, at $REG and $OTHER.
func TestRegistryScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/registry",
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("REG", registrytest.New(t).URL)
			env.Setenv("OTHER", registrytest.New(t).URL)
			return nil
		},
	})
}

// bare is a shell without settings.
func bare(t *testing.T) shell { return shell{t, t.TempDir()} }

// filled is a registry with what the tests of push push.
func filled(t *testing.T) (s shell, url string) {
	s, url = pushShell(t), registrytest.New(t).URL
	s.run(exitOK, "push", "--registry", url)
	return s, url
}

func decodeJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

func TestRegistryOutputIsChecked(t *testing.T) {
	_, complaints := bare(t).run(exitUsage, "registry", "ls", "--registry", "http://127.0.0.1:1", "-o", "yaml")
	if !strings.Contains(complaints, `--output is "yaml"; expected text or json`) {
		t.Errorf("ls says %q", complaints)
	}
}

// Refusals and failures have exit codes of their own.
func TestRegistryExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   int
	}{
		"not found":          {404, `{"error_code":40401,"message":"Subject 's' not found."}`, exitFindings},
		"not permitted":      {422, `{"error_code":42205,"message":"read-only"}`, exitFindings},
		"incompatible, old":  {409, `{"error_code":409,"message":"x"}`, exitFindings},
		"no such version":    {422, `{"error_code":42202,"message":"x"}`, exitUsage},
		"not signed in":      {401, `{"error_code":401,"message":"Unauthorized"}`, exitDenied},
		"not allowed":        {403, `{"error_code":40301,"message":"no"}`, exitDenied},
		"not a registry":     {404, `<html>`, exitIncomplete},
		"a registry in need": {501, `{"error_code":50001,"message":"x"}`, exitIncomplete},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			w.Write([]byte(c.body))
		}))
		var out, complaints strings.Builder
		got := run(t.Context(), []string{"registry", "get", "s", "--registry", srv.URL}, strings.NewReader(""), &out, &complaints)
		if got != c.want {
			t.Errorf("%s: exit code %d, want %d: %s", name, got, c.want, complaints.String())
		}
		srv.Close()
	}
}

// With --registry, credentials come from variables of their own.
func TestRegistryCredentials(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got = r.Header.Get("Authorization"); got == "" {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"error_code":401,"message":"Unauthorized"}`))
			return
		}
		w.Write([]byte(`[]`))
	}))
	t.Cleanup(srv.Close)
	s := bare(t)
	s.run(exitDenied, "registry", "login", "--registry", srv.URL)
	t.Setenv("WIREPROOF_REGISTRY_USER", "me")
	t.Setenv("WIREPROOF_REGISTRY_PASSWORD", "hidden")
	out, _ := s.run(exitOK, "registry", "login", "--registry", srv.URL)
	if got != "Basic bWU6aGlkZGVu" || !strings.Contains(out, "takes the credentials") {
		t.Errorf("sent %q, says %q", got, out)
	}
	t.Setenv("WIREPROOF_REGISTRY_TOKEN", "tok")
	s.run(exitOK, "registry", "login", "--registry", srv.URL, "-o", "json")
	if got != "Bearer tok" {
		t.Errorf("sent %q, want the token", got)
	}
	if os.Getenv("HOME") != "" { // nothing is written anywhere near the user
		if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 0 {
			t.Errorf("login left %v, %v", entries, err)
		}
	}
}

func TestRegistryCompletion(t *testing.T) {
	s, url := filled(t)
	out, _ := s.run(exitOK, "__complete", "registry", "get", "--registry", url, "orders")
	if !strings.HasPrefix(out, "orders-shop.Order\n:4") {
		t.Errorf("completes to %q", out)
	}
	// A registry that is not there completes to nothing, without an error.
	out, _ = s.run(exitOK, "__complete", "registry", "get", "--registry", "http://127.0.0.1:1", "")
	if !strings.HasPrefix(out, ":4") {
		t.Errorf("completes to %q", out)
	}
}

func TestRegistryHistory(t *testing.T) {
	s, url := filled(t)
	s.write("schemas/shop/refund.avsc", strings.Replace(pushRefund, `]}`, `, {"name": "why", "type": "string", "default": ""}]}`, 1))
	s.run(exitOK, "push", "--registry", url)
	s.run(exitOK, "registry", "config", "set", "refunds-shop.Refund", "--level", "none", "--registry", url)
	s.write("schemas/shop/refund.avsc", strings.Replace(pushRefund, `"string"`, `"int"`, 1))
	s.run(exitOK, "push", "--registry", url)
	s.run(exitOK, "registry", "delete", "refunds-shop.Refund@2", "--yes", "--registry", url)
	out, _ := s.run(exitOK, "registry", "history", "refunds-shop.Refund", "--registry", url, "-o", "json")
	got := decodeJSON[[]past](t, out)
	if len(got) != 3 || got[0].Change != "" || got[1].Change != "FULL" || !*got[1].Deleted || got[2].Change != "NONE" || *got[2].Deleted {
		t.Errorf("history is %s", out)
	}
}

func TestAround(t *testing.T) {
	for _, c := range []struct{ text, match, want string }{
		{"abc", "b", "abc"},
		{strings.Repeat("x", 100) + "hit" + strings.Repeat("y", 100), "hit", strings.Repeat("x", 30) + "hit" + strings.Repeat("y", 30)},
		{"one\n  two hit\nthree", "hit", "two hit"},
		{strings.Repeat("ü", 40) + "hit" + strings.Repeat("ü", 40), "hit", strings.Repeat("ü", 15) + "hit" + strings.Repeat("ü", 15)},
		{"a" + strings.Repeat("ü", 40) + "hit" + "a" + strings.Repeat("ü", 40), "hit", strings.Repeat("ü", 15) + "hita" + strings.Repeat("ü", 14)},
	} {
		at := strings.Index(c.text, c.match)
		if got := around(c.text, at, at+len(c.match)); got != c.want {
			t.Errorf("around gives %q, want %q", got, c.want)
		}
	}
}
