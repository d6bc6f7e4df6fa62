package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

// The command lists, edits and replays over each broker that --bus can name.
func TestDLQOverBrokers(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"nats": func(t *testing.T) string {
			s, err := natsbus.Embedded(t.TempDir(), natsbus.Listen("127.0.0.1", 0))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s.URL()
		},
		"rabbitmq": func(t *testing.T) string { return serviceURL(t, "AMQP_URL") },
		"redis":    func(t *testing.T) string { return serviceURL(t, "REDIS_URL") + "?prefix=dlq:" },
	} {
		t.Run(name, func(t *testing.T) { overBroker(t, url(t)) })
	}
}

func serviceURL(t *testing.T, variable string) string {
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

func overBroker(t *testing.T, url string) {
	ctx := t.Context()
	bus, err := (&app{}).bus(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	topic := fmt.Sprintf("cmd-%016x", rand.Uint64())
	maker := bus.(event.TopicMaker)
	if err := errors.Join(maker.MakeTopic(ctx, topic, ""), maker.MakeTopic(ctx, topic+".billing.dlq", topic)); err != nil {
		t.Fatal(err)
	}
	source, err := bus.Group("billing").Open(ctx, topic) // which takes what is replayed
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		d := &event.Delivery{Message: event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Appendf(nil, `{"n":%d}`, i)}, Offset: int64(i), Attempt: 1}
		if err := bus.Publish(ctx, event.DeadLetter(d, "billing", fmt.Errorf("no order %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	s := bare(t)
	on := func(args ...string) []string { return append(args, "--bus", url, "-g", "billing") }
	if out, _ := s.run(exitOK, on("dlq", "list", topic, "--group-by", "error")...); !strings.Contains(out, "no order #") {
		t.Errorf("groups %q", out)
	}
	out, _ := s.run(exitOK, on("dlq", "list", topic)...)
	lines := strings.Split(out, "\n")
	id, _, _ := strings.Cut(lines[1], " ")
	s.run(exitOK, on("dlq", "edit", topic, id, "--set", "n=17")...)
	if out, _ := s.run(exitOK, on("dlq", "replay", topic, "--all")...); strings.Count(out, "replayed\t") != 2 {
		t.Errorf("replay prints %q, want the two others", out)
	}
	if _, said := s.run(exitOK, on("dlq", "list", topic, "--pending")...); !strings.HasPrefix(said, "0 dead letters") {
		t.Errorf("pending: %s", said)
	}
	got := map[string]bool{}
	run, stop := context.WithCancel(ctx)
	defer stop()
	err = event.Run(run, bus.Group("billing"), []string{topic}, func(_ context.Context, d *event.Delivery) error {
		if got[string(d.Payload)] = true; len(got) == 3 { // one key: one after the other
			stop()
		}
		return nil
	})
	if err != nil || !got[`{"n":17}`] || !got[`{"n":1}`] || !got[`{"n":2}`] {
		t.Errorf("the group handles %v, %v", got, err)
	}
}
