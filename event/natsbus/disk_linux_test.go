package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

// An embedded server whose disk gets full refuses what it cannot store. With room
// again and a new start it goes on, and what it had acknowledged is there.
func TestEmbeddedOnFullDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.Env = append(os.Environ(), "NATSBUS_CHILD=disk", "NATSBUS_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM), strings.Contains(string(out), "no right to mount"):
		t.Skipf("this machine does not let us mount a file system: %v %s", err, out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// fillDisk is the process of TestEmbeddedOnFullDisk.
func fillDisk(dir string) {
	ctx := context.Background()
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m")
	}
	if err != nil {
		must(fmt.Errorf("no right to mount: %w", err))
	}
	ballast := filepath.Join(dir, "ballast")
	must(os.WriteFile(ballast, make([]byte, 16<<20), 0o600))
	open := func() (*natsbus.Server, *natsbus.Bus) {
		s, err := natsbus.Embedded(filepath.Join(dir, "store"))
		must(err)
		bus, err := s.Open(ctx, natsbus.Config{})
		must(err)
		must(bus.MakeTopic(ctx, "orders", ""))
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
	for err = nil; err == nil; {
		if err = publish(bus); n > 1000 {
			must(errors.New("the disk is not full after 100 MB"))
		}
	}
	fmt.Printf("%d stored, then: %v\n", n, err)
	must(os.Remove(ballast))
	closing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = bus.Close(closing)
	_ = s.Close(closing)
	s, bus = open()
	must(publish(bus))
	want := 0
	must(bus.Browse(ctx, "orders", nil, func(d *event.Delivery) bool {
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
		must(fmt.Errorf("%d of %d acknowledged messages are there", want, n))
	}
	must(bus.Close(ctx))
	must(s.Close(ctx))
	os.Exit(0)
}
