package clients_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is the binary under test, built once for all tests of the package.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wireproof-clients")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "wireproof")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/wireproof").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// stores are the ways to start a registry that needs no other server.
var stores = map[string]func(t *testing.T) []string{
	"memory": func(*testing.T) []string { return []string{"--memory"} },
	"sqlite": func(t *testing.T) []string { return []string{"--data", t.TempDir()} },
}

// serve starts a registry that ends with the test, and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("build wireproof: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = t.TempDir() // no settings of this repository
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	var log strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			log.WriteString(lines.Text() + "\n")
			if _, rest, ok := strings.Cut(lines.Text(), "url="); ok {
				address, _, _ := strings.Cut(rest, " ")
				select {
				case url <- strings.Trim(address, `"`):
				default: // printed twice
				}
			}
		}
	}()
	// The context of the test ends before its cleanups run.
	t.Cleanup(func() {
		<-ended
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) || t.Failed() {
			t.Logf("the registry ended with %v and said:\n%s", err, log.String())
		}
	})
	select {
	case address := <-url:
		return address
	case <-ended:
		t.Fatalf("the registry ended while it started:\n%s", log.String())
	}
	return ""
}

// needs returns a setting of the environment, or ends the test: it is skipped, or
// fails where servers are required.
func needs(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" && os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is not set, and REQUIRE_SERVICES is 1: see the comment of the package", name)
	}
	if value == "" {
		t.Skipf("%s is not set: see the comment of the package", name)
	}
	return value
}
