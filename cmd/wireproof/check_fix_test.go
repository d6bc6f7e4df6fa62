package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/registry/registrytest"
)

// flaky is a registry that fails once broken says so.
func flaky(t *testing.T, broken func(*http.Request) bool) string {
	t.Helper()
	at, err := url.Parse(registrytest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken(r) {
			http.Error(w, `{"error_code":50001,"message":"broken"}`, http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What --fix makes stands in the file that a link leads to; if it cannot be checked
// again, that is no verdict.
func TestCheckFix(t *testing.T) {
	s := pushShell(t)
	fixable := strings.Replace(pushRefund, `]}`, `, {"name": "why", "type": ["null", "string"]}]}`, 1)
	fixed := func() bool {
		text, err := os.ReadFile(filepath.Join(s.dir, "shared.avsc"))
		return err == nil && strings.Contains(string(text), `"default"`)
	}
	registry := flaky(t, func(*http.Request) bool { return fixed() })
	s.run(exitOK, "push", "--registry", registry)
	s.write("shared.avsc", fixable)
	link := filepath.Join(s.dir, "schemas", "shop", "refund.avsc")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../shared.avsc", link); err != nil {
		t.Fatal(err)
	}
	s.run(exitIncomplete, "check", "--fix", "--against", "registry", "--registry", registry)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || !fixed() {
		t.Errorf("the link is %v, %v, and its file fixed: %v", info, err, fixed())
	}
}

// A push that fails on its way says what it has done.
func TestPushInPart(t *testing.T) {
	s := pushShell(t)
	var posts atomic.Int32
	url := flaky(t, func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/subjects/") && strings.HasSuffix(r.URL.Path, "/versions") && posts.Add(1) > 1
	})
	out, complaints := s.run(exitPartly, "push", "--registry", url)
	if strings.Count(out, "new ") != 1 || !strings.Contains(complaints, "1 new versions are registered, then: push orders-shop.Order") {
		t.Errorf("push prints %q, %q", out, complaints)
	}
	s.write("schemas/shop/address.avsc", strings.Replace(pushAddress, "string", "int", 1))
	_, complaints = s.run(exitPartly, "push", "--registry", url, "--dry-run")
	if !strings.Contains(complaints, "2 of 3 subjects were refused; the others would be registered") {
		t.Errorf("a dry run says %q", complaints)
	}
}
