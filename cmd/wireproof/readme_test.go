package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

const modulePath = "github.com/wireproof/wireproof"

// moduleVersion is another one for each run: a module cache never reads a version
// twice.
var moduleVersion = fmt.Sprintf("v0.0.%d", time.Now().UnixNano())

var fence = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// The quick start of the README, word for word, in a module that is not ours: the
// work tree is served through a file module proxy.
func TestQuickStart(t *testing.T) {
	if os.Getenv("REQUIRE_SERVICES") != "1" {
		t.Skip("builds the command in another module, through a module proxy; make integration runs it")
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fence.FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 6 {
		t.Fatalf("README has %d code blocks, expected the quick start", len(blocks))
	}
	s := newShop(t)
	setup, serve, push, program, goRun, check := blocks[0][2], blocks[1][2], blocks[2][2], blocks[3][2], blocks[4][2], blocks[5][2]
	s.sh(setup)
	s.replaceIn("wireproof.yaml", "127.0.0.1:8081", s.addr)
	s.serve(serve)
	if out := s.sh(push); !strings.Contains(out, "orders-orders.v1.OrderPlaced") {
		t.Errorf("push prints %q, expected the subject", out)
	}
	s.write("main.go", strings.ReplaceAll(program, "127.0.0.1:8081", s.addr))
	if out := s.sh(goRun); !strings.Contains(out, "o-17 costs 19.99") {
		t.Errorf("the program prints %q, expected what README says", out)
	}
	s.sh("go vet ./...")
	s.sh(check)
	s.replaceIn("schemas/orders/v1/order_placed.avsc", `"type": "string"},`, `"type": "int"},`)
	if out, err := s.try(check); err == nil || !strings.Contains(out, "AVRO_FIELD_TYPE_CHANGED") {
		t.Errorf("check of a breaking change: %v, prints %q", err, out)
	}
	if out, err := s.try("go tool wireproof generate --check"); err == nil || !strings.Contains(out, "stale") {
		t.Errorf("generate --check after a change: %v, prints %q", err, out)
	}
}

// A shop is a module of a user.
type shop struct {
	t    *testing.T
	dir  string
	addr string
	env  []string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	proxy := t.TempDir()
	publish(t, proxy)
	upstream, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	s := &shop{t: t, dir: t.TempDir(), addr: addr}
	s.env = append(os.Environ(),
		"GOPROXY=file://"+proxy+","+strings.TrimSpace(string(upstream)),
		"GONOSUMDB="+modulePath, "GOFLAGS=-modcacherw", "GOWORK=off", "CGO_ENABLED=0",
		"GOMODCACHE="+modCache(t))
	s.sh("go mod init example.com/shop")
	return s
}

// modCache returns the module cache, so that nothing is downloaded twice; what the
// test puts there is removed.
func modCache(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(cache, "cache", "download", modulePath, "@v", moduleVersion+".*"))
		for _, p := range append(left, filepath.Join(cache, modulePath+"@"+moduleVersion)) {
			if err := os.RemoveAll(p); err != nil {
				t.Errorf("remove %s: %v", p, err)
			}
		}
	})
	return cache
}

// publish writes the work tree as a module proxy does.
func publish(t *testing.T, proxy string) {
	t.Helper()
	dir := filepath.Join(proxy, modulePath, "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	root := "../.."
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"list":                  moduleVersion + "\n",
		moduleVersion + ".mod":  string(mod),
		moduleVersion + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, moduleVersion),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(dir, moduleVersion+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := modzip.CreateFromDir(f, module.Version{Path: modulePath, Version: moduleVersion}, root); err != nil {
		t.Fatal(err)
	}
}

func (s *shop) try(script string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *shop) sh(script string) string {
	s.t.Helper()
	out, err := s.try(script)
	if err != nil {
		s.t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return out
}

// serve runs the registry until the test ends.
func (s *shop) serve(script string) {
	s.t.Helper()
	s.sh("go build -o wireproof.bin github.com/wireproof/wireproof/cmd/wireproof")
	args := strings.Fields(strings.TrimPrefix(strings.TrimSpace(script), "go tool wireproof"))
	cmd := exec.Command(filepath.Join(s.dir, "wireproof.bin"), append(args, "--listen", s.addr)...)
	cmd.Dir, cmd.Env = s.dir, s.env
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			s.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("serve does not end cleanly: %v", err)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + s.addr + "/subjects")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the registry does not answer: %v", err)
		}
	}
}

func (s *shop) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) replaceIn(name, old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("%s does not contain %q:\n%s", name, old, text)
	}
	s.write(name, strings.Replace(string(text), old, new, 1))
}
