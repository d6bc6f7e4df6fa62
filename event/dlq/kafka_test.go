package dlq_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// TestMain is also the process that TestKilledReplayOnKafka kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("DLQ_CHILD_JOB"); path != "" {
		if err := replayJob(path, strings.Split(os.Getenv("KAFKA_BROKERS"), ",")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// replayJob runs a job, and kills its own process a little after so many outcomes,
// in the middle of a transaction as often as not.
func replayJob(path string, brokers []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers})
	if err != nil {
		return err
	}
	job, err := dlq.OpenJob(path)
	if err != nil {
		return err
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	after, err := strconv.Atoi(os.Getenv("DLQ_CHILD_DIES_AFTER"))
	if err != nil {
		return err
	}
	seen := 0
	return job.Run(ctx, bus, dlq.Pace{}, func(dlq.Record) {
		if seen++; seen == after {
			time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, func() { _ = self.Kill() })
		}
	})
}

// A replay that is killed again and again, and resumed, has one copy of each letter
// for whoever reads what is committed, and is written down once.
func TestKilledReplayOnKafka(t *testing.T) {
	brokers := kafkatest.Real(t)
	bus, err := kafkabus.Open(t.Context(), kafkabus.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	const n = 4000
	topic := fmt.Sprintf("killed-replay-%016x", rand.Uint64())
	if err := bus.MakeTopic(t.Context(), topic, ""); err != nil {
		t.Fatal(err)
	}
	if err := bus.MakeTopic(t.Context(), dlq.Topic(topic, "billing"), topic); err != nil {
		t.Fatal(err)
	}
	var ms []*event.Message
	for i := range n {
		d := &event.Delivery{Message: event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i%50), Payload: fmt.Append(nil, i)}, Offset: int64(i), Attempt: 1}
		ms = append(ms, event.DeadLetter(d, "billing", fmt.Errorf("no account %d", i)))
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	var set []dlq.Planned
	err = dlq.Each(t.Context(), bus, topic, "billing", dlq.Selection{}, func(l dlq.Letter) error {
		set = append(set, l.Planned())
		return nil
	})
	if err != nil || len(set) != n {
		t.Fatal(len(set), err)
	}
	path := filepath.Join(t.TempDir(), "replay.json")
	job, err := dlq.CreateJob(path, set)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		killReplay(t, path, 1+rand.IntN(n/6))
	}
	if job, err = dlq.OpenJob(path); err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	t.Logf("after three kills: %v", job.Counts())
	if job.Left() == 0 || job.Left() == n {
		t.Errorf("%d of %d letters are left: the replay was not killed in the middle", job.Left(), n)
	}
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil || job.Left() != 0 {
		t.Fatalf("%v, %d left", err, job.Left())
	}
	for _, name := range []string{topic, dlq.ReplayedTopic(topic, "billing")} {
		times := map[string]int{}
		err := bus.Browse(t.Context(), name, nil, func(d *event.Delivery) bool {
			id, _ := d.Headers.Get(event.HeaderReplayID)
			times[string(id)]++
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		for id, k := range times {
			if k != 1 {
				t.Errorf("%s holds %q %d times", name, id, k)
			}
		}
		if len(times) != n {
			t.Errorf("%s holds %d letters, want %d", name, len(times), n)
		}
	}
}

// killReplay runs the job in a process of its own, which is killed after so many
// outcomes.
func killReplay(t *testing.T, path string, after int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DLQ_CHILD_JOB="+path, fmt.Sprintf("DLQ_CHILD_DIES_AFTER=%d", after))
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err == nil {
		t.Error("the replay came to its end before it was killed")
	}
}
