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

// scratch is a folder for what tests share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "wireproof-clients"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// program is the binary under test, built once for all tests of the package.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "wireproof")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/wireproof").CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

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
