package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/test/proctest"
)

// An embedded server whose disk gets full refuses what it cannot store. With room
// again and a new start it goes on, and what it had acknowledged is there.
func TestEmbeddedOnFullDisk(t *testing.T) {
	if !proctest.RunMounting(t, "NATSBUS_CHILD=disk", "NATSBUS_DIR="+t.TempDir()) {
		t.Skip("no right to mount")
	}
}

// fillDisk is the process of TestEmbeddedOnFullDisk.
func fillDisk(dir string) {
	ctx := context.Background()
	proctest.Must(proctest.Mount(dir, "24m"))
	ballast := filepath.Join(dir, "ballast")
	proctest.Must(os.WriteFile(ballast, make([]byte, 16<<20), 0o600))
	open := func() (*natsbus.Server, *natsbus.Bus) {
		s, err := natsbus.Embedded(filepath.Join(dir, "store"))
		proctest.Must(err)
		bus, err := s.Open(ctx, natsbus.Config{})
		proctest.Must(err)
		proctest.Must(bus.MakeTopic(ctx, "orders", ""))
		return s, bus
	}
	s, bus := open()
	n := 0
	publish := func(bus *natsbus.Bus) error {
		one, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		payload := make([]byte, 100_000) // which nothing packs
		for i := range payload {
			payload[i] = byte(rand.Uint32())
		}
		copy(payload, fmt.Sprintf("%d ", n))
		err := bus.Publish(one, &event.Message{Topic: "orders", Payload: payload})
		if err == nil {
			n++
		}
		return err
	}
	var err error
	for err == nil {
		if err = publish(bus); n > 1000 {
			proctest.Must(errors.New("the disk is not full after 100 MB"))
		}
	}
	fmt.Printf("%d stored, then: %v\n", n, err)
	proctest.Must(os.Remove(ballast))
	closing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = bus.Close(closing)
	_ = s.Close(closing)
	s, bus = open()
	proctest.Must(publish(bus))
	want := 0
	proctest.Must(bus.Browse(ctx, "orders", nil, func(d *event.Delivery) bool {
		var got int
		if _, err := fmt.Sscan(string(d.Payload[:10]), &got); err != nil {
			return true // such as what failed
		}
		if got == want {
			want++
		}
		return true
	}))
	if want != n {
		proctest.Must(fmt.Errorf("%d of %d acknowledged messages are there", want, n))
	}
	proctest.Must(bus.Close(ctx))
	proctest.Must(s.Close(ctx))
	os.Exit(0)
}
