package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A serving is wireproof serve, run inside the test.
type serving struct {
	t          *testing.T
	url, admin string
	stop       context.CancelFunc
	ended      chan struct{} // closed when code is there
	code       int
	out        lockedBuffer
}

// lockedBuffer is what a command writes while the test reads.
type lockedBuffer struct {
	mu   sync.Mutex // guards the field below
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var (
	urlInLog   = regexp.MustCompile(` url=(\S+)`)
	adminInLog = regexp.MustCompile(` admin_url=(\S+)`)
)

// serveForTest runs wireproof serve on a free port until the test ends.
func serveForTest(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &serving{t: t, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.code = run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), io.Discard, &s.out)
	}()
	t.Cleanup(func() {
		stop()
		<-s.ended
		if t.Failed() {
			t.Logf("serve ended with %d:\n%s", s.code, s.out.String())
		}
	})
	s.waitFor("registry is up")
	s.url = urlInLog.FindStringSubmatch(s.out.String())[1]
	if m := adminInLog.FindStringSubmatch(s.out.String()); m != nil {
		s.admin = m[1]
	}
	return s
}

// waitFor waits until the log has a text.
func (s *serving) waitFor(text string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%q in the log", text), func() bool {
		select {
		case <-s.ended:
			if !strings.Contains(s.out.String(), text) {
				s.t.Fatalf("serve ended with %d:\n%s", s.code, s.out.String())
			}
		default:
		}
		return strings.Contains(s.out.String(), text)
	})
}

// eventually waits for what is sure to come.
func eventually(t *testing.T, what string, come func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !come(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// ask sends a request and returns the status and the body of the answer.
func ask(t *testing.T, method, url, body string, prepare ...func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prepare {
		p(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

const aSchema = `{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}"}`

// slowRequest begins to register a schema. finish sends the rest and returns the
// status of the answer.
func slowRequest(t *testing.T, url string) (finish func() int) {
	t.Helper()
	body, rest := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/subjects/slow/versions", body)
	if err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := io.WriteString(rest, aSchema[:10]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rest.Close() })
	return func() int {
		io.WriteString(rest, aSchema[10:]) // if it fails, the answer says so
		rest.Close()
		return <-status
	}
}

// inFlight waits until the server works on n requests.
func inFlight(t *testing.T, metrics string, n int) {
	t.Helper()
	want := fmt.Sprintf("wireproof_registry_requests_in_flight %d\n", n)
	eventually(t, want, func() bool {
		_, text := ask(t, "GET", metrics+"/metrics", "")
		return strings.Contains(text, want)
	})
}

// A stop first says no at /readyz, then answers what is in flight, then closes.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	s := serveForTest(t, "--data", t.TempDir(), "--admin-listen", "127.0.0.1:0", "--grace", "1m")
	if status, body := ask(t, "GET", s.admin+"/readyz", ""); status != 200 || body != `{"ready":true,"reasons":[]}` {
		t.Errorf("GET /readyz = %d %s, want ready", status, body)
	}
	finish := slowRequest(t, s.url)
	inFlight(t, s.admin, 1)
	s.stop()
	eventually(t, "503 at /readyz", func() bool {
		status, body := ask(t, "GET", s.admin+"/readyz", "")
		return status == 503 && body == `{"ready":false,"reasons":["the server is stopping"]}`
	})
	if status, _ := ask(t, "GET", s.admin+"/healthz", ""); status != 200 {
		t.Errorf("GET /healthz while stopping = %d, want 200", status)
	}
	if status := finish(); status != 200 {
		t.Errorf("the request in flight got %d, want 200", status)
	}
	<-s.ended
	if s.code != exitOK || !strings.Contains(s.out.String(), "registry has stopped") {
		t.Errorf("serve ended with %d", s.code)
	}
}

// What is in flight for longer than the grace is cut off, and the code says so.
func TestServeGraceEnds(t *testing.T) {
	t.Parallel()
	s := serveForTest(t, "--memory", "--grace", "10ms")
	finish := slowRequest(t, s.url)
	inFlight(t, s.url, 2) // the scrape is one itself
	s.stop()
	<-s.ended
	if s.code != exitIncomplete || !strings.Contains(s.out.String(), "requests were still in flight") {
		t.Errorf("serve ended with %d, want %d", s.code, exitIncomplete)
	}
	if status := finish(); status != 0 {
		t.Errorf("the request that was cut off got %d", status)
	}
}

// process starts wireproof as a process of its own.
func process(t *testing.T, args ...string) (*exec.Cmd, *lockedBuffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "wireproof") // the name is what TestMain goes by
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	cmd, out := exec.Command(name, args...), &lockedBuffer{}
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
	})
	eventually(t, "registry is up", func() bool { return strings.Contains(out.String(), "registry is up") })
	return cmd, out
}

// During the delay everything is still served, but /readyz says no.
func TestServeDelay(t *testing.T) {
	t.Parallel()
	cmd, out := process(t, "serve", "--listen", "127.0.0.1:0", "--memory", "--set", "shutdown.delay=1h")
	url := urlInLog.FindStringSubmatch(out.String())[1]
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "503 at /readyz", func() bool {
		status, _ := ask(t, "GET", url+"/readyz", "")
		return status == 503
	})
	if status, _ := ask(t, "POST", url+"/subjects/s/versions", aSchema); status != 200 {
		t.Errorf("register during the delay = %d, want 200", status)
	}
}

// SIGTERM ends it in order, a second one at once.
func TestServeSignals(t *testing.T) {
	t.Parallel()
	cmd, out := process(t, "serve", "--listen", "127.0.0.1:0", "--memory")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "registry has stopped") {
		t.Errorf("after SIGTERM: %v\n%s", err, out)
	}

	cmd, out = process(t, "serve", "--listen", "127.0.0.1:0", "--memory", "--grace", "1h", "--set", "shutdown.delay=1h")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-ended:
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
				t.Errorf("after two signals: code %d, want %d\n%s", code, exitInterrupted, out)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// SIGHUP opens the audit log anew, so that it can be rotated.
func TestServeRotatesAudit(t *testing.T) {
	t.Parallel()
	audit := filepath.Join(t.TempDir(), "audit.jsonl")
	cmd, out := process(t, "serve", "--listen", "127.0.0.1:0", "--memory", "--audit", audit)
	url := urlInLog.FindStringSubmatch(out.String())[1]
	ask(t, "POST", url+"/subjects/one/versions", aSchema)
	if err := os.Rename(audit, audit+".1"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new audit log", func() bool {
		_, err := os.Stat(audit)
		return err == nil
	})
	ask(t, "POST", url+"/subjects/two/versions", aSchema)
	for file, subject := range map[string]string{audit + ".1": "one", audit: "two"} {
		text, err := os.ReadFile(file)
		if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), subject) {
			t.Errorf("%s = %s, %v, want the line about %s", file, text, err, subject)
		}
	}
}

// A line of the log for each request holds neither bodies nor queries.
func TestServeLogsRequests(t *testing.T) {
	t.Parallel()
	s := serveForTest(t, "--memory", "--set", "log.requests=true")
	ask(t, "POST", s.url+"/subjects/s/versions?x=canary", `{"schema":"canary"}`, func(r *http.Request) {
		r.SetBasicAuth("ann", "canary")
		r.Header.Set("X-Request-ID", "req-1")
	})
	s.waitFor("request_id=req-1 method=POST route=/subjects/{subject}/versions path=/subjects/s/versions status=422")
	if strings.Contains(s.out.String(), "canary") {
		t.Errorf("the log holds a secret:\n%s", s.out.String())
	}
	if strings.Contains(s.out.String(), "everybody who reaches") {
		t.Error("a warning about a loopback address")
	}
}

func TestServeWarnsWhenOpen(t *testing.T) {
	t.Parallel()
	s := serveForTest(t, "--memory", "--listen", "0.0.0.0:0")
	s.waitFor("everybody who reaches this address may read, write and delete")
	s.waitFor("auth=off")
}

// The settings reach the registry.
func TestServeSettings(t *testing.T) {
	t.Parallel()
	s := serveForTest(t, "--memory", "--legacy-conflict", "--compatibility", "FULL", "--set", "mode_mutability=false", "--set", "limits.body=200")
	if _, body := ask(t, "GET", s.url+"/config", ""); !strings.Contains(body, `"FULL"`) {
		t.Errorf("GET /config = %s, want FULL", body)
	}
	if status, body := ask(t, "PUT", s.url+"/mode", `{"mode":"READONLY"}`); status != 422 {
		t.Errorf("PUT /mode = %d %s, want 422: modes are fixed", status, body)
	}
	if status, _ := ask(t, "POST", s.url+"/subjects/s/versions", aSchema+strings.Repeat(" ", 300)); status != 413 {
		t.Errorf("a long body = %d, want 413", status)
	}
	ask(t, "POST", s.url+"/subjects/s/versions", aSchema)
	_, body := ask(t, "POST", s.url+"/subjects/s/versions", `{"schema":"\"int\""}`)
	var e struct {
		Code int `json:"error_code"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Code != 409 {
		t.Errorf("an incompatible schema = %s, want error code 409", body)
	}
	if status, _ := ask(t, "POST", s.url+"/readyz", ""); status != 405 {
		t.Errorf("POST /readyz = %d, want 405", status)
	}
}

// What keeps a server from starting is named with its setting and what to do.
func TestServeCannotStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no certificate, canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"port taken", []string{"--memory", "--listen", taken.Addr().String()}, "as listen (--listen) says: another program does"},
		{"data is a file", []string{"--data", file}, "store.sqlite.dir (--data): make the data folder"},
		{"no certificate", []string{"--memory", "--tls-cert", "none.pem", "--tls-key", "none.key"}, "tls.cert (--tls-cert): "},
		{"bad certificate", []string{"--memory", "--tls-cert", file, "--tls-key", file}, "tls.cert (--tls-cert): "},
		{"no users", []string{"--memory", "--set", "auth.basic.file=none", "--set", `auth.grants=[{who: ["*"], may: [read], subjects: ["*"]}]`}, "auth: "},
		{"no grants", []string{"--memory", "--set", "auth.basic.file=none"}, "grants"},
		{"no URL", []string{"--store", "postgres", "--set", "store.postgres.url_env=WIREPROOF_TEST_NO_SUCH"}, "$WIREPROOF_TEST_NO_SUCH is not set; store.postgres.url_env (--set) names it"},
		{"audit is a folder", []string{"--memory", "--audit", dir}, "audit.file (--audit): "},
		{"nothing left", []string{"--memory", "--data", dir}, "--memory keeps nothing"},
		{"no key", []string{"--set", "listen"}, "expected KEY=VALUE"},
		{"collector", []string{"--memory", "--set", "traces.endpoint=collector"}, "traces.endpoint is \"collector\"; expected a URL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out lockedBuffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			code := run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, tt.args...), strings.NewReader(""), io.Discard, &out)
			if code != exitUsage || !strings.Contains(out.String(), tt.want) {
				t.Errorf("serve %q = %d, want %d and %q:\n%s", tt.args, code, exitUsage, tt.want, &out)
			}
			if strings.Contains(out.String(), "canary") {
				t.Errorf("the error holds what is in a file:\n%s", &out)
			}
		})
	}
}
