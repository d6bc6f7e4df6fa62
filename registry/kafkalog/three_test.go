package kafkalog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// A trio is three brokers with the topic of a log on all of them, of which any two
// can go on without the third.
type trio struct {
	*kafkatest.Cluster
	topic  string
	client sarama.Client
}

// newTrio makes the topic of a new log on the three brokers that KAFKA3_BROKERS
// names.
func newTrio(t *testing.T) (*trio, kafkalog.Config) {
	t.Helper()
	cluster := kafkatest.Three(t)
	conf := hasty(cluster.Brokers)
	conf.RequestTimeout, conf.AppendTimeout = 2*time.Second, 5*time.Second // three brokers are slower than one
	settings := sarama.NewConfig()
	settings.Version = sarama.V2_8_0_0
	settings.Net.DialTimeout, settings.Net.ReadTimeout = time.Second, time.Second // one of them may be paused
	client, err := sarama.NewClient(conf.Brokers, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	admin := newAdmin(t, conf)
	defer admin.Close()
	compact, two := "compact", "2"
	if err := admin.CreateTopic(conf.Topic, &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: 3,
		ConfigEntries: map[string]*string{"cleanup.policy": &compact, "min.insync.replicas": &two},
	}, false); err != nil {
		t.Fatal(err)
	}
	return &trio{cluster, conf.Topic, client}, conf
}

// broker returns the id of the broker that has a role. Which those are changes.
func (c *trio) broker(t *testing.T, role string) (id int) {
	t.Helper()
	find := map[string]func() (*sarama.Broker, error){
		"leader of the topic": func() (*sarama.Broker, error) {
			return c.client.Leader(c.topic, 0)
		},
		"coordinator of transactions": func() (*sarama.Broker, error) {
			name := "wireproof-registry-" + c.topic
			return c.fresh(c.client.RefreshTransactionCoordinator(name), func() (*sarama.Broker, error) { return c.client.TransactionCoordinator(name) })
		},
		"coordinator of the election": func() (*sarama.Broker, error) {
			return c.fresh(c.client.RefreshCoordinator(c.topic), func() (*sarama.Broker, error) { return c.client.Coordinator(c.topic) })
		},
	}[role]
	waitFor(t, "the "+role, func() bool {
		b, err := find()
		if err == nil {
			id = int(b.ID())
		}
		return err == nil
	})
	return id
}

func (c *trio) fresh(err error, find func() (*sarama.Broker, error)) (*sarama.Broker, error) {
	if err != nil {
		return nil, err
	}
	return find()
}

// copies waits until everything that the servers need has its copies on these
// brokers, one of which leads, and on no other.
func (c *trio) copies(t *testing.T, ids ...int32) {
	t.Helper()
	topics := []string{c.topic, "__consumer_offsets", "__transaction_state"}
	waitFor(t, fmt.Sprintf("copies on exactly the brokers %d", ids), func() bool {
		if c.client.RefreshMetadata(topics...) != nil {
			return false
		}
		for _, topic := range topics {
			partitions, err := c.client.Partitions(topic)
			if err != nil {
				return false
			}
			for _, p := range partitions {
				leader, err := c.client.Leader(topic, p)
				if err != nil || !slices.Contains(ids, leader.ID()) {
					return false
				}
				in, err := c.client.InSyncReplicas(topic, p)
				if slices.Sort(in); err != nil || !slices.Equal(in, ids) {
					return false
				}
			}
		}
		return true
	})
}

func others(id int) (ids []int32) {
	for other := int32(1); other <= 3; other++ {
		if other != int32(id) {
			ids = append(ids, other)
		}
	}
	return ids
}

// TestThreeBrokers runs two servers under load on three brokers, each of which is
// killed or paused in its turn, whatever it does for the servers just then. Two
// brokers are enough to go on. With one, servers say that they cannot write, and
// go on reading.
func TestThreeBrokers(t *testing.T) {
	brokers, conf := newTrio(t)
	one, two := serve(t, conf, true), serve(t, conf, true)
	load := registrytest.StartLoad(t, 6, one.reg, two.reg)
	rivals := startRivals(t, one, two)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	roles := []string{"leader of the topic", "coordinator of transactions", "coordinator of the election"}
	type fault struct{ signal, role string }
	for range registrytest.Soak(1, 6) {
		faults := []fault{{"KILL", roles[0]}, {"KILL", roles[1]}, {"STOP", roles[random.IntN(len(roles))]}}
		if registrytest.Soak(0, 1) == 1 {
			faults = append(faults, fault{"KILL", roles[2]}, fault{"STOP", roles[0]}, fault{"STOP", roles[1]}, fault{"STOP", roles[2]})
		}
		random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		for _, f := range faults {
			load.Await(t, 50+random.IntN(100))
			id := brokers.broker(t, f.role)
			t.Logf("%s to broker %d, the %s", f.signal, id, f.role)
			brokers.Signal(t, id, f.signal)
			// Its session ends first, which is as long as one of a server.
			brokers.copies(t, others(id)...)
			load.Await(t, 50)
			if f.signal == "STOP" {
				brokers.Signal(t, id, "CONT")
			} else {
				brokers.Start(t, id)
			}
			brokers.copies(t, 1, 2, 3)
		}
		load.Await(t, 50)
		left := 1 + random.IntN(3)
		t.Logf("only broker %d is left", left)
		for _, id := range others(left) {
			brokers.Signal(t, int(id), "KILL")
		}
		load.AwaitFailures(t, 8)
		rivals.checkReadOnly(t, one, two)
		brokers.Heal(t)
		brokers.copies(t, 1, 2, 3)
		load.Await(t, 50)
	}
	rivals.stop()
	load.Stop()
	three := serve(t, conf, true)
	load.Check(t, one.reg, two.reg, three.reg)
	rivals.check(t, three.reg)
}

// Rivals are clients that want to register schemas that break each other under the
// same subject, of one after another, over HTTP.
type rivals struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	winners map[string]api.RegisterResponse
	known   []string // to all servers
	broken  []string // promises
}

func startRivals(t *testing.T, servers ...*server) *rivals {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &rivals{cancel: cancel, winners: map[string]api.RegisterResponse{}}
	r.done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			var round sync.WaitGroup
			for i := range 4 {
				round.Go(func() { r.insist(ctx, fmt.Sprintf("rivals-%d", n), i, servers) })
			}
			round.Wait()
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *rivals) stop() {
	r.cancel()
	r.done.Wait()
}

// insist asks until the answer settles the matter, each time another server. Who
// wins asks the others for what it has registered.
func (r *rivals) insist(ctx context.Context, subject string, client int, servers []*server) {
	for try := client; ctx.Err() == nil; try++ {
		won, err := put(servers[try%len(servers)].url, subject, fmt.Sprintf("%s-%d", subject, client))
		switch {
		case errors.Is(err, api.IncompatibleSchema):
			return
		case err != nil:
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		r.note(func() {
			if other, taken := r.winners[subject]; taken {
				r.broken = append(r.broken, fmt.Sprintf("%s was acknowledged with ids %d and %d, which break each other", subject, other.ID, won.ID))
			}
			r.winners[subject] = won
		})
		r.read(subject, servers)
		return
	}
}

// read asks every server for what was acknowledged: one that could not make sure
// must not say that it is not there.
func (r *rivals) read(subject string, servers []*server) {
	found := 0
	for _, s := range servers {
		status, err := get(s.url, subject)
		switch {
		case err != nil || status >= 500:
		case status == http.StatusOK:
			found++
		default:
			r.note(func() {
				r.broken = append(r.broken, fmt.Sprintf("%s was acknowledged, and then read with status %d", subject, status))
			})
		}
	}
	if found == len(servers) {
		r.note(func() { r.known = append(r.known, subject) })
	}
}

func (r *rivals) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// get reads the latest version of a subject over HTTP.
func get(url, subject string) (status int, err error) {
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Get(url + "/subjects/" + subject + "/versions/latest")
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// checkReadOnly checks servers that cannot write: they say so, and show whatever
// they know.
func (r *rivals) checkReadOnly(t *testing.T, servers ...*server) {
	t.Helper()
	var known []string
	r.note(func() { known = slices.Clone(r.known) })
	for _, s := range servers {
		var e *api.Error
		if _, err := put(s.url, "late", fmt.Sprintf("late %d", len(known))); !errors.As(err, &e) || e.Code/100 != 500 {
			t.Errorf("register with one broker of three = %v, want a code of 500", err)
		}
		for _, subject := range known {
			if status, err := get(s.url, subject); err != nil || status != http.StatusOK {
				t.Errorf("GET %s with one broker of three = %d, %v, want 200", subject, status, err)
			}
		}
	}
}

// check checks what a server has read that came late.
func (r *rivals) check(t *testing.T, reg *registry.Registry) {
	t.Helper()
	if len(r.winners) == 0 {
		t.Error("nobody of the rivals has won")
	}
	for _, broken := range r.broken {
		t.Error(broken)
	}
	for subject, won := range r.winners {
		got, err := reg.Version(t.Context(), subject, registry.Latest, registry.All)
		if err != nil || got.Number != 1 || got.ID != won.ID {
			t.Errorf("%s was acknowledged with id %d, and is read as version %d with id %d, %v", subject, won.ID, got.Number, got.ID, err)
		}
	}
	t.Logf("%d subjects among rivals", len(r.winners))
}

// insist appends, as soon as that goes.
func insist(t *testing.T, log *kafkalog.Log, records []registry.Record) (next registry.Offset) {
	t.Helper()
	var at registry.Offset
	waitFor(t, "an append", func() bool {
		var err error
		if _, at, err = log.ReadFrom(t.Context(), at); err == nil {
			next, err = log.Append(t.Context(), at, records)
		}
		return err == nil
	})
	return next
}

// When the broker that leads the topic dies right after an answer, the first answer
// of its successor to whoever asks next holds what was acknowledged, whatever the
// successor had been told of it.
func TestThreeBrokersFirstAnswer(t *testing.T) {
	brokers, conf := newTrio(t)
	writer := open(t, conf)
	var readers []*kafkalog.Log
	for i := range 4 {
		own := conf
		own.URL, own.Follower = fmt.Sprintf("http://127.0.0.1:%d", 2000+i), true
		readers = append(readers, open(t, own))
	}
	for round := range registrytest.Soak(1, 15) {
		records := []registry.Record{{Kind: registry.IDRecord, ID: round + 1}}
		next := insist(t, writer, records)
		brokers.copies(t, 1, 2, 3)
		id := brokers.broker(t, "leader of the topic")
		next, err := writer.Append(t.Context(), next, records)
		brokers.Signal(t, id, "KILL")
		if err != nil {
			t.Fatalf("Append before the broker was killed: %v", err)
		}
		var wg sync.WaitGroup
		for _, r := range readers {
			wg.Go(func() {
				waitFor(t, "an answer", func() bool {
					got, end, err := r.ReadFrom(t.Context(), next-1)
					if err == nil && (len(got) != 1 || end != next) {
						t.Errorf("ReadFrom(%d) = %d records up to %d, want the one that was acknowledged, up to %d", next-1, len(got), end, next)
					}
					return err == nil
				})
			})
		}
		wg.Wait()
		brokers.Start(t, id)
	}
}

// When the broker that leads the topic is paused, another one leads, and it wakes up,
// whoever knows it alone is told by it that it leads. What was acknowledged in its
// absence is not missing for that.
func TestThreeBrokersPausedLeader(t *testing.T) {
	brokers, conf := newTrio(t)
	writer := open(t, conf)
	for round := range registrytest.Soak(1, 15) {
		records := []registry.Record{{Kind: registry.IDRecord, ID: round + 1}}
		brokers.copies(t, 1, 2, 3)
		id := brokers.broker(t, "leader of the topic")
		brokers.Signal(t, id, "STOP")
		brokers.copies(t, others(id)...)
		next := insist(t, writer, records)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() { // what it asks waits for the broker to wake up
				own := conf
				own.Brokers = conf.Brokers[id-1 : id]
				own.URL, own.Follower, own.RequestTimeout = fmt.Sprintf("http://127.0.0.1:%d", 2000+i), true, 10*time.Second
				log, err := kafkalog.Open(t.Context(), own)
				if err != nil {
					t.Log(err)
					return
				}
				defer log.Close()
				if got, end, err := log.ReadFrom(t.Context(), next-1); err == nil && (len(got) != 1 || end != next) {
					t.Errorf("ReadFrom(%d) = %d records up to %d, want the one that was acknowledged, up to %d", next-1, len(got), end, next)
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		brokers.Signal(t, id, "CONT")
		wg.Wait()
	}
}
