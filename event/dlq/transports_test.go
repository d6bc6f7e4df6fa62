package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/event/redisbus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// server returns the URL in a variable. Without it the test is skipped, or fails
// where REQUIRE_SERVICES is 1.
func server(t *testing.T, variable string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" && os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is not set, and REQUIRE_SERVICES is 1", variable)
	}
	if url == "" {
		t.Skipf("%s is not set; make integration starts a server", variable)
	}
	return url
}

// Over each transport a replay that is paused and resumed hands each letter to the
// group that failed, once, with the bytes and headers of its message.
func TestJobOverTransports(t *testing.T) {
	open := map[string]func(t *testing.T) (event.Bus, error){
		"kafka": func(t *testing.T) (event.Bus, error) {
			return kafkabus.Open(t.Context(), kafkabus.Config{Brokers: kafkatest.Fake(t)})
		},
		"kafka, real": func(t *testing.T) (event.Bus, error) {
			return kafkabus.Open(t.Context(), kafkabus.Config{Brokers: kafkatest.Real(t)})
		},
		"nats": func(t *testing.T) (event.Bus, error) {
			s, err := natsbus.Embedded(t.TempDir())
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s.Open(t.Context(), natsbus.Config{})
		},
		"rabbitmq": func(t *testing.T) (event.Bus, error) {
			return amqpbus.Open(t.Context(), amqpbus.Config{URLs: []string{server(t, "AMQP_URL")}})
		},
		"event log": func(t *testing.T) (event.Bus, error) {
			store, err := filestore.Open(t.TempDir())
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { _ = store.Close() })
			return eventlog.New(store)
		},
		"redis": func(t *testing.T) (event.Bus, error) {
			opts, err := redis.ParseURL(server(t, "REDIS_URL"))
			if err != nil {
				return nil, err
			}
			c := redis.NewClient(opts)
			t.Cleanup(func() { _ = c.Close() })
			return redisbus.Open(t.Context(), c, redisbus.Config{})
		},
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			bus, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			defer bus.Close(context.Background())
			pauseAndResume(t, bus)
		})
	}
}

func pauseAndResume(t *testing.T, bus event.Bus) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const n = 700 // more than one window
	topic := fmt.Sprintf("job-%016x", rand.Uint64())
	maker := bus.(event.TopicMaker)
	if err := errors.Join(maker.MakeTopic(ctx, topic, ""), maker.MakeTopic(ctx, dlq.Topic(topic, "billing"), topic)); err != nil {
		t.Fatal(err)
	}
	source, err := bus.Group("billing").Open(ctx, topic) // before anything is published
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Close(ctx); err != nil {
		t.Fatal(err)
	}
	var ms []*event.Message
	for i := range n {
		d := &event.Delivery{Message: event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i%20), Payload: fmt.Append(nil, i),
			Headers: event.Headers{{Key: "own", Value: []byte{0, 0xff}}}}, Offset: int64(i), Attempt: 1}
		ms = append(ms, event.DeadLetter(d, "billing", errors.New("no such account")))
	}
	if err := bus.Publish(ctx, ms...); err != nil {
		t.Fatal(err)
	}
	var set []dlq.Planned
	if err := dlq.Each(ctx, bus, topic, "billing", dlq.Selection{}, func(l dlq.Letter) error {
		set = append(set, l.Planned())
		return nil
	}); err != nil || len(set) != n {
		t.Fatalf("%d letters, %v; want %d", len(set), err, n)
	}
	job, err := dlq.CreateJob(t.TempDir()+"/job.json", set)
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	for runs := 1; job.Left() > 0; runs++ {
		part, pause := context.WithCancel(ctx)
		told := 0
		err := job.Run(part, bus, dlq.Pace{}, func(dlq.Record) {
			if told++; told == 150 && runs < 4 {
				pause()
			}
		})
		pause()
		if err != nil && !errors.Is(err, dlq.ErrPaused) {
			t.Fatal(err)
		}
	}
	if job.Counts()[dlq.Replayed] != n {
		t.Errorf("outcomes %v, want %d replayed", job.Counts(), n)
	}
	times := map[string]int{}
	run, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex // guards times
	err = event.Run(run, bus.Group("billing"), []string{topic}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		times[string(d.Payload)]++
		own, _ := d.Headers.Get("own")
		if string(own) != "\x00\xff" || d.ID() != topic+"/0/"+string(d.Payload) {
			t.Errorf("replay %s has header %x and id %s", d.Payload, own, d.ID())
		}
		if len(times) == n {
			stop()
		}
		return nil
	})
	if err != nil || len(times) != n {
		t.Errorf("%d letters are handled, %v; want %d", len(times), err, n)
	}
	for k, x := range times {
		if x != 1 {
			t.Errorf("letter %s is handled %d times", k, x)
		}
	}
}
