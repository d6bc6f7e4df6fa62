// Package kafkatest brings Kafka to tests: a cluster in this process, or the real
// one that the environment names. The in-process cluster has no replication and
// no disk, so promises about delivery are shown on the real one.
package kafkatest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Fake starts an in-process cluster that ends with the test, and returns its
// brokers.
func Fake(t testing.TB, opts ...kfake.Opt) []string {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second)}, opts...)
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatalf("start the in-process cluster: %v", err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

// Real returns the brokers that KAFKA_BROKERS names. Without it the test is
// skipped, or fails where REQUIRE_SERVICES is 1.
func Real(t testing.TB) []string {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers != "" {
		return strings.Split(brokers, ",")
	}
	if os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatal("KAFKA_BROKERS is not set, and REQUIRE_SERVICES is 1")
	}
	t.Skip("KAFKA_BROKERS is not set; make integration starts a broker")
	return nil
}
