package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// A step that fails ends apply; it says which steps are done, and the next one
// does the rest.
func TestApplyFailsHalfWay(t *testing.T) {
	url, s := registrytest.New(t).URL, pushShell(t)
	var registered atomic.Int32
	broken := proxy(t, url, func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/versions") && registered.Add(1) > 1
	})
	out, complaints := s.run(exitPartly, "apply", "--registry", broken)
	if strings.Count(out, "done    register") != 1 || strings.Count(out, "failed  register") != 1 || !strings.Contains(complaints, "1 of 3 steps are done") {
		t.Errorf("apply prints %q, %q", out, complaints)
	}
	out, complaints = s.run(exitOK, "apply", "--registry", url)
	if strings.Count(out, "done    register") != 2 || !strings.Contains(complaints, "2 of 2 steps done, 1 subjects unchanged") {
		t.Errorf("the second apply prints %q, %q", out, complaints)
	}
	if out, _ := s.run(exitOK, "apply", "--registry", url); out != "" {
		t.Errorf("the third apply prints %q, want nothing to do", out)
	}
}

// A saved plan is applied only to the state that it was made for.
func TestStalePlans(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s shell, reg *client.Client)
		want   string
	}{
		"another schema": {func(s shell, _ *client.Client) {
			s.write("schemas/shop/refund.avsc", strings.Replace(pushRefund, `"id"`, `"key"`, 1))
		}, "what is to be registered has changed"},
		"another level": {func(_ shell, reg *client.Client) {
			if err := reg.SetLevel(t.Context(), "refunds-shop.Refund", "FULL"); err != nil {
				t.Fatal(err)
			}
		}, "levels have changed"},
		"somebody was faster": {func(s shell, reg *client.Client) { s.run(exitOK, "push", "--registry", reg.URL()) }, "is stale"},
	} {
		url, s := registrytest.New(t).URL, pushShell(t)
		s.run(exitOK, "plan", "--registry", url, "--out", "p")
		c.change(s, client.New(url))
		out, complaints := s.run(exitFindings, "apply", "--registry", url, "--plan", "p")
		if out != "" || !strings.Contains(complaints, c.want) {
			t.Errorf("%s: apply prints %q, %q, want %q", name, out, complaints, c.want)
		}
	}
	url, s := registrytest.New(t).URL, pushShell(t)
	s.run(exitOK, "plan", "--registry", url, "--out", "p")
	_, complaints := s.run(exitFindings, "apply", "--registry", registrytest.New(t).URL, "--plan", "p")
	if !strings.Contains(complaints, "it is for "+url) {
		t.Errorf("in another registry, apply says %q", complaints)
	}
}

// Deletions go so that what refers goes first, and a plan in JSON says the same.
func TestPlanDeletes(t *testing.T) {
	url, s := registrytest.New(t).URL, pushShell(t)
	s.run(exitOK, "apply", "--registry", url)
	s.write("wireproof.yaml", "version: 1\nsubjects: { compatibility: BACKWARD }\nevents:\n  - { schema: shop/refund.avsc, topic: refunds }\n")
	out, _ := s.run(exitPending, "plan", "--registry", url, "--delete", "--detailed-exitcode", "-o", "json", "--out", "p")
	p := decodeJSON[registryio.Plan](t, out)
	if len(p.Deletes) != 2 || p.Deletes[0] != "orders-shop.Order" || p.Unchanged != 1 || len(p.Kept) != 0 {
		t.Errorf("the plan is %s", out)
	}
	s.run(exitOK, "apply", "--registry", url, "--plan", "p")
	if out, _ := s.run(exitOK, "registry", "ls", "--registry", url); strings.Count(out, "\n") != 1 {
		t.Errorf("left is %q", out)
	}
}

// A context has subjects of its own.
func TestPlanInContext(t *testing.T) {
	url, s := registrytest.New(t).URL, pushShell(t)
	s.run(exitOK, "apply", "--registry", url)
	out, _ := s.run(exitOK, "plan", "--registry", url, "--context", ".team")
	if !strings.Contains(out, "3 subjects to add") {
		t.Errorf("plan prints %q, want that nothing is there", out)
	}
	s.run(exitOK, "apply", "--registry", url, "--context", ".team")
	out, _ = s.run(exitOK, "plan", "--registry", url, "--context", ".team", "--detailed-exitcode")
	if !strings.Contains(out, "3 unchanged") || strings.Contains(out, "!") {
		t.Errorf("plan prints %q", out)
	}
}

// A registry cannot make pull write outside of its folder.
func TestPullStaysInItsFolder(t *testing.T) {
	p := &puller{a: &app{stdout: os.Stderr}, dir: t.TempDir(), texts: map[string]string{}}
	for _, name := range []string{"../x.proto", "/etc/x.proto", "a/../../x.proto", ".git/config", ""} {
		if err := p.write(name, "text"); err == nil {
			t.Errorf("%q was written", name)
		}
	}
	if err := p.write("a/b.proto", "text"); err != nil {
		t.Error(err)
	}
	if err := p.write("a/b.proto", "other"); err == nil || !strings.Contains(err.Error(), "two versions") {
		t.Errorf("a second text for one file: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(p.dir, "a", "b.proto")); err != nil || string(got) != "text\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

func TestUnregisteredSubjectsAreNotPulled(t *testing.T) {
	url, s := registrytest.New(t).URL, pushShell(t)
	_, complaints := s.run(exitOK, "pull", "--registry", url)
	if strings.Count(complaints, "is not in the registry") != 3 {
		t.Errorf("pull says %q", complaints)
	}
	_, complaints = s.run(exitUsage, "pull", "nothing", "--registry", url)
	if !strings.Contains(complaints, "has no subject nothing") {
		t.Errorf("pull says %q", complaints)
	}
}
