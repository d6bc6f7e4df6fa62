package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// A server whose files may not grow any more, as on a full disk: Publish says so, at
// the latest when its context ends. With room again, everything that was acknowledged
// is there, and the same connection goes on.
//
// RabbitMQ stops publishers while there is room for what it has to do yet. On a disk
// that is full all the same, the log of a quorum queue breaks (3.10).
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		transport string
		kilobytes int // that a file may have
		settings  []string
		room      func(t *testing.T, dir, name string)
	}{
		"kafka":    {"kafka", 12 << 10, nil, restarted}, // indexes have 10 MB from the beginning
		"nats":     {"nats", 4 << 10, nil, restarted},
		"rabbitmq": {"rabbitmq", 0, nil, func(t *testing.T, dir, _ string) { diskLimit(t, dir, "50MB") }},
		// Redis refuses what it cannot write, and ends if it is to answer for each write.
		"redis":        {"redis", 4 << 10, []string{"REDIS_FSYNC=everysec"}, grown},
		"redis always": {"redis", 4 << 10, []string{"REDIS_FSYNC=always"}, restarted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv(networks[c.transport].env) == "" {
				if os.Getenv("REQUIRE_SERVICES") == "1" {
					t.Fatalf("%s names no server", networks[c.transport].env)
				}
				t.Skipf("%s names no server", networks[c.transport].env)
			}
			dir := t.TempDir()
			t.Cleanup(func() { kafkatest.Services(t, "clean", dir) })
			var out string
			if c.kilobytes > 0 {
				out = kafkatest.Cramped(t, c.kilobytes, c.settings, "start", dir, c.transport)
			} else {
				out = kafkatest.Services(t, "start", dir, c.transport)
			}
			_, address, _ := strings.Cut(out[strings.LastIndex(out, "export "):], "=")
			if !strings.Contains(address, "://") {
				address = "tcp://" + address
			}
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			bus, err := networks[c.transport].open(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = bus.Close(context.Background()) })
			f := &full{t: t, bus: bus, topic: "full"}
			f.open()
			if c.transport == "rabbitmq" {
				for range 20 {
					if err := f.publish(20 * time.Second); err != nil {
						t.Fatal(err)
					}
				}
				diskLimit(t, dir, "1000000GB")
			}
			f.fill()
			c.room(t, dir, c.transport)
			f.check()
		})
	}
}

// restarted kills a server, if it lives, and starts it again, with files as large as
// they get.
func restarted(t *testing.T, dir, name string) {
	t.Helper()
	kafkatest.Services(t, "kill", dir, name)
	kafkatest.Services(t, "start", dir, name)
}

// grown lets the files of a server grow while it runs.
func grown(t *testing.T, dir, name string) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(dir, name, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("prlimit", "--fsize=unlimited", "--pid", strings.Fields(string(pid))[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("prlimit: %v\n%s", err, out)
	}
}

// diskLimit sets how much room RabbitMQ wants.
func diskLimit(t *testing.T, dir, size string) {
	t.Helper()
	kafkatest.Services(t, "ctl", dir, "rabbitmq", "set_disk_free_limit", size)
}

// A full is a topic on a disk that gets full.
type full struct {
	t      *testing.T
	bus    event.Bus
	topic  string
	stored []string // acknowledged
}

// publish publishes a message of 100 kB that nothing packs. It returns with its
// context at the latest.
func (f *full) publish(d time.Duration) error {
	f.t.Helper()
	payload := make([]byte, 100_000)
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	name := fmt.Sprintf("%016x", rand.Uint64())
	copy(payload, name)
	ctx, cancel := context.WithTimeout(f.t.Context(), d)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.bus.Publish(ctx, &event.Message{Topic: f.topic, Key: []byte("k"), Payload: payload}) }()
	select {
	case err := <-done:
		if err == nil {
			f.stored = append(f.stored, name)
		}
		return err
	case <-time.After(d + time.Minute):
		f.t.Fatal("publish hangs past its context")
		return nil
	}
}

// open makes the topic and the group.
func (f *full) open() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	if err := f.bus.(event.TopicMaker).MakeTopic(ctx, f.topic, ""); err != nil {
		f.t.Fatal(err)
	}
	src, err := f.bus.Group("g").Open(ctx, f.topic) // from here on it gets everything
	if err != nil {
		f.t.Fatal(err)
	}
	if err := src.Close(ctx); err != nil {
		f.t.Fatal(err)
	}
}

// fill publishes until the disk is full.
func (f *full) fill() {
	f.t.Helper()
	var err error
	for err == nil {
		if err = f.publish(3 * time.Second); len(f.stored) > 1000 {
			f.t.Fatal("the disk is not full after 100 MB")
		}
	}
	var failed *event.PublishError
	if !errors.As(err, &failed) {
		f.t.Errorf("publish on a full disk: %v, want a PublishError", err)
	}
	f.t.Logf("%d stored, then: %v", len(f.stored), err)
}

// check publishes one more and reads everything that was acknowledged.
func (f *full) check() {
	f.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		err := f.publish(5 * time.Second)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			f.t.Fatalf("publish with room again: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	missing := map[string]bool{}
	for _, name := range f.stored {
		missing[name] = true
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	err := event.Run(ctx, f.bus.Group("g"), []string{f.topic}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		if delete(missing, string(d.Payload[:16])); len(missing) == 0 {
			cancel()
		}
		return nil
	})
	if err != nil {
		f.t.Errorf("run: %v", err)
	}
	if len(missing) > 0 {
		f.t.Errorf("%d of %d acknowledged messages are lost", len(missing), len(f.stored))
	}
}
