package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vbauerster/mpb/v8"

	"github.com/wireproof/wireproof/registry/registrytest"
)

func TestBars(t *testing.T) {
	var out bytes.Buffer
	tell, done := bars(mpb.New(mpb.WithOutput(&out), mpb.WithWidth(80), mpb.WithAutoRefresh()))
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { tell("register", i+1, 100) })
	}
	wg.Wait()
	tell("delete", 1, 2) // a stage that is never finished does not hang the end
	done()
	if got := out.String(); !strings.Contains(got, "register") || !strings.Contains(got, "100 / 100") {
		t.Errorf("the bars are %q", got)
	}
}

func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	broken := errors.New("full")
	if err := writeWhole(name, func(w io.Writer) error { io.WriteString(w, "half"); return broken }); !errors.Is(err, broken) {
		t.Errorf("writeWhole = %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("after a failure there are %v, %v", entries, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := writeWhole(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("the file holds %q, %v", got, err)
		}
	}
}

// proxy stands before a registry and may refuse a request.
func proxy(t *testing.T, target string, refuse func(*http.Request) bool) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(u)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse(r) {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// An import that fails half-way says so, sets the modes back, and goes on.
func TestImportFailsHalfWay(t *testing.T) {
	_, from := filled(t)
	to := registrytest.New(t).URL
	var registered atomic.Int32
	broken := proxy(t, to, func(r *http.Request) bool { return r.Method == http.MethodPost && registered.Add(1) > 1 })
	s := bare(t)
	_, complaints := s.run(exitPartly, "registry", "import", "--from", from, "--registry", broken)
	if !strings.Contains(complaints, " of 3 versions") || !strings.Contains(complaints, "run it again to go on") {
		t.Errorf("import says %q", complaints)
	}
	if out, _ := s.run(exitOK, "registry", "mode", "get", "--registry", to); out != "READWRITE\n" {
		t.Errorf("the mode is %q", out)
	}
	out, _ := s.run(exitOK, "registry", "import", "--from", from, "--registry", to)
	if !strings.Contains(out, "identical") {
		t.Errorf("import says %q", out)
	}
}

func TestImportInterrupted(t *testing.T) {
	_, from := filled(t)
	to := registrytest.New(t).URL
	ctx, cancel := context.WithCancel(t.Context())
	slow := proxy(t, to, func(r *http.Request) bool {
		if r.Method == http.MethodPost {
			cancel()
			return true
		}
		return false
	})
	var out, complaints bytes.Buffer
	code := run(ctx, []string{"registry", "import", "--from", from, "--registry", slow}, strings.NewReader(""), &out, &complaints)
	if code != exitInterrupted || !strings.Contains(complaints.String(), "run it again to go on") {
		t.Errorf("import exits with %d and says %q", code, &complaints)
	}
	if out, _ := bare(t).run(exitOK, "registry", "mode", "get", "--registry", to); out != "READWRITE\n" {
		t.Errorf("the mode is %q", out)
	}
}
