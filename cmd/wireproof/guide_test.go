package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/test/kafkatest"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh ?(\\w*)\n(.*?)^```$")

// Every command of a guide, in order, in one shell. Blocks for a server that is
// not there are left out; in make integration all are there.
func TestOperatorsGuide(t *testing.T) {
	t.Parallel()
	runGuide(t, "operate.md", "orders-value", `{"normalize":true}`, "identical", `"action":"set_config"`)
}

// TestGateGuide runs what docs/gate.md tells a newcomer to type.
func TestGateGuide(t *testing.T) {
	t.Parallel()
	runGuide(t, "gate.md", "AVRO_FIELD_ADDED_NO_DEFAULT", "1 waived", "1000 generated messages tried", "deploy in any order", "FIELD_SAME_TYPE", "1 generated files are current")
}

// TestKafkaGuide runs what docs/kafka.md shows, in a folder that has a log, on a
// cluster of its own, since the names of topics stand in the text.
func TestKafkaGuide(t *testing.T) {
	t.Setenv("KAFKA_BROKERS", strings.Join(kafkatest.Fake(t), ","))
	dir := t.TempDir()
	if err := fillLog(filepath.Join(dir, "data", "events"), "orders", 100); err != nil {
		t.Fatal(err)
	}
	guideIn(t, dir, "kafka.md", "+ orders.billing.retry.2", "plan: 4 topics to create", "4 topics unchanged", "published\t100", "100 are passed over", "100 messages come again")
}

func runGuide(t *testing.T, name string, prints ...string) {
	t.Helper()
	guideIn(t, t.TempDir(), name, prints...)
}

func guideIn(t *testing.T, dir, name string, prints ...string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("REQUIRE_SERVICES") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]string{"postgres": "POSTGRES_URL", "kafka": "KAFKA_BROKERS"}
	// A server that a failed command leaves behind is ended with the shell.
	script := "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		variable := needs[block[1]]
		if variable != "" && os.Getenv(variable) == "" {
			if os.Getenv("REQUIRE_SERVICES") == "1" {
				t.Fatalf("the guide needs %s, which is not set", variable)
			}
			continue
		}
		script += block[2]
	}
	script += "wait\n"
	for _, port := range []string{"8081", "8082", "8083"} {
		script = strings.ReplaceAll(script, "127.0.0.1:"+port, freeAddress(t))
	}
	script = strings.ReplaceAll(script, "_schemas_guide", fmt.Sprintf("_schemas_guide_%d", time.Now().UnixNano()))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-x", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the guide fails: %v\n%s", err, out)
	}
	for _, want := range prints {
		if !strings.Contains(string(out), want) {
			t.Errorf("the guide prints nothing like %q:\n%s", want, out)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
