package amqpbus_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

const services = "../../test/services.sh"

// TestMain is also the consumer that TestFrozenConsumer stops, and ends the broker
// that tests have started.
func TestMain(m *testing.M) {
	if topic := os.Getenv("AMQPBUS_CHILD_TOPIC"); topic != "" {
		child(topic)
		os.Exit(0)
	}
	code := m.Run()
	if own.dir != "" {
		_ = exec.Command(services, "clean", own.dir).Run()
	}
	os.Exit(code)
}

// A node is a broker that belongs to the tests of this package, to be killed,
// blocked and cut off. It is started by the first test that wants it.
type node struct {
	once sync.Once
	dir  string
	url  string
	err  error
}

var own node

// ownBroker returns the node, which runs.
func ownBroker(t *testing.T) *node {
	t.Helper()
	broker(t) // skips where there are no servers
	own.once.Do(func() {
		if own.dir, own.err = os.MkdirTemp("", "amqpbus"); own.err == nil {
			own.start()
		}
	})
	if own.err != nil {
		t.Fatal(own.err)
	}
	return &own
}

func (n *node) start() {
	var out []byte
	if out, n.err = n.script("start", n.dir, "rabbitmq"); n.err == nil {
		_, n.url, _ = strings.Cut(strings.TrimSpace(string(out)), "AMQP_URL=")
	}
}

// script runs services.sh. Its output goes to a file, for the servers that it
// starts would keep a pipe open.
func (n *node) script(args ...string) ([]byte, error) {
	f, err := os.CreateTemp(n.dir, "out")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(services, args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = f, f
	err = cmd.Run()
	if out, e := os.ReadFile(f.Name()); e == nil {
		text.Write(out)
	}
	if err != nil {
		return nil, fmt.Errorf("services.sh %s: %w\n%s", strings.Join(args, " "), err, text.Bytes())
	}
	return text.Bytes(), nil
}

// kill ends the broker with SIGKILL, and starts it again.
func (n *node) kill(t *testing.T) {
	t.Helper()
	if _, err := n.script("kill", n.dir, "rabbitmq"); err != nil {
		t.Fatal(err)
	}
	if n.start(); n.err != nil {
		t.Fatal(n.err)
	}
}

// ctl runs the broker's command line tool.
func (n *node) ctl(t *testing.T, args ...string) {
	t.Helper()
	if _, err := n.script(append([]string{"ctl", n.dir, "rabbitmq"}, args...)...); err != nil {
		t.Fatal(err)
	}
}
