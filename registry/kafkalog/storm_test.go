package kafkalog_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// hostile starts a cluster that ends the connection on a request of one of the
// kinds whenever end says so, instead of doing what was asked.
func hostile(t *testing.T, end func() bool, kinds ...kmsg.Key) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	for _, kind := range kinds {
		cluster.ControlKey(kind.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			if end() {
				return nil, errors.New("the connection is lost"), true
			}
			return nil, nil, false
		})
	}
	return cluster.ListenAddrs()
}

// While nobody knows whether an append was committed it is neither a success nor
// a conflict, and the next append finds out first.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	conf := newTopic(hostile(t, lost.Load, kmsg.EndTxn))
	conf.AppendTimeout = time.Second
	log := open(t, conf)
	record := func(id int) []registry.Record { return []registry.Record{{Kind: registry.IDRecord, ID: id}} }
	next, err := log.Append(t.Context(), 0, record(1))
	if err != nil {
		t.Fatal(err)
	}
	lost.Store(true)
	if _, err := log.Append(t.Context(), next, record(2)); err == nil || errors.Is(err, registry.ErrConflict) || errors.Is(err, registry.ErrNotLeader) {
		t.Errorf("Append without an answer to its commit = %v, want an error that is neither a conflict nor about leaders", err)
	}
	if records, _, err := log.ReadFrom(t.Context(), next); err != nil || len(records) != 0 {
		t.Errorf("ReadFrom = %v, %v, want nothing that was not committed", records, err)
	}
	lost.Store(false)
	waitFor(t, "an append", func() bool {
		_, err := log.Append(t.Context(), next, record(3))
		if errors.Is(err, registry.ErrConflict) { // with what was stated again
			_, next, _ = log.ReadFrom(t.Context(), next)
		}
		return err == nil
	})
	records, _, err := log.ReadFrom(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.ID == 2 {
			t.Errorf("what was not committed is read: %+v", records)
		}
	}
	if last := records[len(records)-1]; last.ID != 3 {
		t.Errorf("the last record is %+v, want the one that was acknowledged", last)
	}
}

// A storm of lost connections, at each step of a write, loses nothing that was
// acknowledged and gives no id twice.
func TestStorm(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var calm atomic.Bool
	random := rand.New(rand.NewPCG(seed, 0)) // used by the one goroutine of the cluster
	brokers := hostile(t, func() bool { return !calm.Load() && random.IntN(8) == 0 },
		kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.EndTxn, kmsg.Fetch, kmsg.Heartbeat, kmsg.JoinGroup, kmsg.SyncGroup)
	conf := newTopic(brokers)
	conf.SessionTimeout, conf.RequestTimeout = 3*time.Second, 2*time.Second
	start := func(url string) *registry.Registry {
		own := conf
		own.URL = url
		reg, err := registrytest.OpenToy(t.Context(), open(t, own))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reg.Close() })
		return reg
	}
	one := start("http://127.0.0.1:1")
	two := start("http://127.0.0.1:2")
	load := registrytest.StartLoad(t, 6, one, two)
	load.Await(t, registrytest.Soak(150, 5000))
	load.Stop()
	calm.Store(true)
	three := start("http://127.0.0.1:3")
	load.Check(t, one, two, three)
}
