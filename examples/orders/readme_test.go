package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var step = regexp.MustCompile("(?s)```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?")

// The tour of the README, command by command, on the parts that the service
// brings along. What a command prints may take a while to become what is written
// there: it is then run again.
func TestTour(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here, which the tour needs", tool)
		}
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := step.FindAllStringSubmatch(string(text), -1)
	if len(steps) < 8 || strings.TrimSpace(steps[0][1]) != "go run ./examples/orders" {
		t.Fatalf("README has %d steps, of which the first starts %q; expected the tour", len(steps), steps[0][1])
	}
	command := filepath.Join(t.TempDir(), "wireproof")
	if out, err := exec.Command("go", "build", "-o", command, "../../cmd/wireproof").CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	ports := freePorts(t, 3)
	c := config{listen: fmt.Sprintf("127.0.0.1:%d", ports[0]), kafkaPort: ports[1], registryPort: ports[2]}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, c, slog.New(slog.NewTextHandler(t.Output(), nil))) }()
	end := sync.OnceValue(func() error { stop(); return <-ended })
	t.Cleanup(func() { _ = end() })
	await(t, "the shop is open", func() (bool, string) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the shop has ended: %v", err)
		default:
		}
		return answers(c.listen), ""
	})
	here := strings.NewReplacer("go run ./cmd/wireproof", command, "localhost:8080", c.listen, "127.0.0.1:9092", fmt.Sprintf("127.0.0.1:%d", c.kafkaPort))
	for _, s := range steps[1:] {
		await(t, s[1]+" prints "+s[2], func() (bool, string) {
			out, err := exec.Command("sh", "-ec", here.Replace(s[1])).CombinedOutput()
			return err == nil && prints(string(out), s[2]), fmt.Sprintf("%s%v", out, err)
		})
	}
	if err := end(); err != nil {
		t.Errorf("after its context has ended, the shop returns %v", err)
	}
}

// prints reports whether each line of want is one of out; … stands for anything.
func prints(out, want string) bool {
	for line := range strings.Lines(want) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", ".*")
		if !regexp.MustCompile("(?m)^" + pattern + "$").MatchString(out) {
			return false
		}
	}
	return true
}

// await waits until something is so, and says what it was last otherwise.
func await(t *testing.T, what string, so func() (bool, string)) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(250 * time.Millisecond) {
		ok, last := so()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it does not come about that %s\nit was: %s", what, last)
		}
	}
}

func answers(addr string) bool {
	r, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
