package kafkalog_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func TestClusterID(t *testing.T) {
	t.Parallel()
	log, err := kafkalog.Open(t.Context(), newTopic(kafkatest.Fake(t, kfake.ClusterID("of-the-fake"))))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := log.ClusterID(t.Context()); id != "of-the-fake" || err != nil {
		t.Errorf("ClusterID = %q, %v, want that of the brokers", id, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.ClusterID(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("ClusterID for nobody = %v, want that the context is canceled", err)
	}
	log.Close()
	if id, err := log.ClusterID(t.Context()); err == nil {
		t.Errorf("ClusterID of a closed log = %q, want an error", id)
	}
}
