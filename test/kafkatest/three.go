package kafkatest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A Cluster is three brokers of Apache Kafka, with the ids 1 to 3. A topic with
// three copies takes writes while two of them live. A test may kill and pause any
// of them.
type Cluster struct {
	Brokers []string // host:port; that of broker id is at id-1

	dir string
}

// Three returns the cluster that KAFKA3_BROKERS and KAFKA3_DIR name, for this test
// alone: another test, of whichever package, waits until it has ended. All three
// brokers live before and after. Without a cluster the test is skipped, or fails
// where REQUIRE_SERVICES is 1. Such tests are named TestThreeBrokers…, and make
// integration runs them one after the other, as the machine has to bear it.
func Three(t testing.TB) *Cluster {
	t.Helper()
	brokers, dir := os.Getenv("KAFKA3_BROKERS"), os.Getenv("KAFKA3_DIR")
	if brokers == "" || dir == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("KAFKA3_BROKERS or KAFKA3_DIR is not set, and REQUIRE_SERVICES is 1")
		}
		t.Skip("KAFKA3_BROKERS and KAFKA3_DIR are not set; make integration starts three brokers")
	}
	unlock, err := lock(filepath.Join(dir, "kafka3.lock"))
	if err != nil {
		t.Fatalf("get the three brokers for this test alone: %v", err)
	}
	c := &Cluster{Brokers: strings.Split(brokers, ","), dir: dir}
	t.Cleanup(func() { c.Heal(t); unlock() })
	c.Heal(t)
	return c
}

// Heal returns once all three brokers run.
func (c *Cluster) Heal(t testing.TB) {
	t.Helper()
	for id := range c.Brokers {
		c.Signal(t, id+1, "CONT")
	}
	Services(t, "start", c.dir, "kafka3")
}

// Signal sends a signal to a broker that runs: KILL, or STOP, which pauses it until
// CONT.
func (c *Cluster) Signal(t testing.TB, id int, signal string) {
	t.Helper()
	Services(t, "kill", c.dir, fmt.Sprintf("kafka3-%d", id), signal)
}

// Start starts a broker that was killed and returns once it takes part again, for
// which another one must live.
func (c *Cluster) Start(t testing.TB, id int) {
	t.Helper()
	Services(t, "start", c.dir, fmt.Sprintf("kafka3-%d", id))
}

// Services runs test/services.sh, from whichever folder of the repository, and
// returns what it prints. The test fails if the script does.
func Services(t testing.TB, args ...string) string {
	t.Helper()
	return services(t, nil, args)
}

// Cramped is Services for servers whose files may not become larger than that: what
// they write beyond it fails, as on a full disk. They are not told by a signal, which
// would end them. settings are variables of the script, as NAME=VALUE.
func Cramped(t testing.TB, kilobytes int, settings []string, args ...string) string {
	t.Helper()
	under := []string{"bash", "-c", `trap "" XFSZ; ulimit -S -f "$0"; exec env "$@"`, strconv.Itoa(kilobytes)}
	return services(t, append(under, settings...), args)
}

func services(t testing.TB, under, args []string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join("test", "services.sh")
	for {
		if _, err := os.Stat(filepath.Join(root, script)); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatalf("%s is not found: this is not a folder of the repository", script)
		}
		root = filepath.Dir(root)
	}
	// A file, for the servers that it starts would keep a pipe open.
	out, err := os.CreateTemp("", "services")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	line := append(append(under, filepath.Join(root, script)), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, _ := os.ReadFile(out.Name())
	if err != nil {
		t.Fatalf("services.sh %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return string(bytes.TrimSpace(text))
}
