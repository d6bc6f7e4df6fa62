package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func TestDLQOnFake(t *testing.T) { repair(t, kafkatest.Fake(t)) }

func TestDLQOnKafka(t *testing.T) { repair(t, kafkatest.Real(t)) }

// repair lets a handler fail, looks at the dead letters with the command, and
// replays them after the fix.
func repair(t *testing.T, brokers []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	topic := fmt.Sprintf("repair-%d", time.Now().UnixNano())
	if err := bus.MakeTopic(ctx, topic, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		m := &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Payload: []byte("payload\x00"), Headers: event.Headers{{Key: "trace", Value: []byte("t1")}}}
		if err := bus.Publish(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	consume := func(want int, handle event.Handler) {
		t.Helper()
		run, stop := context.WithCancel(ctx)
		defer stop()
		calls := make(chan struct{}, 100)
		go func() {
			for range want {
				<-calls
			}
			stop()
		}()
		err := event.Run(run, bus.Group("billing"), []string{topic}, func(ctx context.Context, d *event.Delivery) error {
			defer func() { calls <- struct{}{} }()
			return handle(ctx, d)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	consume(10, func(_ context.Context, d *event.Delivery) error {
		if string(d.Key) == "k3" || string(d.Key) == "k7" {
			return event.Permanent(errors.New("no such customer"))
		}
		return nil
	})

	s := shell{t, t.TempDir()}
	flags := func(args ...string) []string {
		return append(args, "--group", "billing", "--brokers", strings.Join(brokers, ","))
	}
	out, _ := s.run(exitOK, flags("dlq", "list", topic, "--output", "json")...)
	var ids []string
	for line := range strings.Lines(out) {
		var l letterJSON
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.LastError != "no such customer" || l.Topic != topic || len(l.Headers) != 1 {
			t.Errorf("letter %+v", l)
		}
		ids = append(ids, l.ID)
	}
	if len(ids) != 2 {
		t.Fatalf("dlq list prints %q, want two letters", out)
	}
	if out, _ := s.run(exitOK, flags("dlq", "show", topic, "--id", ids[0])...); !strings.Contains(out, "no such customer") || !strings.Contains(out, "7061 796c") && !strings.Contains(out, "70 61 79 6c") {
		t.Errorf("dlq show prints %q", out)
	}
	s.run(exitUsage, flags("dlq", "replay", topic)...)
	s.run(exitUsage, flags("dlq", "show", topic, "--id", "0:999")...)
	if out, _ := s.run(exitOK, flags("dlq", "replay", topic, "--pending", "--dry-run")...); strings.Count(out, "would replay") != 2 {
		t.Errorf("dry run prints %q", out)
	}
	s.run(exitOK, flags("dlq", "replay", topic, "--id", ids[0])...)
	if out, _ := s.run(exitOK, flags("dlq", "replay", topic, "--pending")...); strings.Count(out, "replayed") != 1 {
		t.Errorf("replay --pending prints %q, want the other letter alone", out)
	}
	var mu sync.Mutex // guards handled: lanes run side by side
	handled := map[string]int{}
	consume(2, func(_ context.Context, d *event.Delivery) error {
		m := d.Meta()
		mu.Lock()
		defer mu.Unlock()
		handled[string(m.Key)]++
		if v, _ := m.Headers.Get("trace"); string(v) != "t1" || m.Attempt != 1 {
			t.Errorf("replayed with headers %v, attempt %d", m.Headers, m.Attempt)
		}
		return nil
	})
	if handled["k3"] != 1 || handled["k7"] != 1 {
		t.Errorf("handled after the replay: %v", handled)
	}
}
