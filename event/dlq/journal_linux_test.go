package dlq_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// A journal that found no room goes on where it was once there is some: what was half
// written is gone, the job runs to its end, and it can be opened again.
func TestJournalWithoutRoom(t *testing.T) {
	bus := membus.New(membus.Grace(0))
	bury(t, bus, 0, 40)
	path := freeze(t, bus)
	job := openJob(t, path)
	info, err := os.Stat(path + ".journal")
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // which would end the process
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	small := was
	small.Cur = uint64(info.Size()) + 50
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err = job.Run(t.Context(), bus, dlq.Pace{}, nil)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Fatal("a journal that could not be written is no error")
	}
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := dlq.OpenJob(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Left() != 0 {
		t.Errorf("%d letters are left", again.Left())
	}
}
