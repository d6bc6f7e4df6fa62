package sqlitelog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

// What a process that is ill-treated is told.
const (
	victimEnv = "SQLITELOG_VICTIM" // the path of its log
	writesEnv = "SQLITELOG_WRITES" // how many schemas to register; without end if it is not set
	limitEnv  = "SQLITELOG_LIMIT"  // how large its files may become, in bytes
	heldEnv   = "SQLITELOG_HELD"   // how many schemas it finds
	mountEnv  = "SQLITELOG_MOUNT"  // the log is in a file system that it mounts
)

// Of this size are the texts of a victim that ends, so that some writes make the
// WAL long enough for its pages to move to the file.
const textSize = 800_000

func TestMain(m *testing.M) {
	path := os.Getenv(victimEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	switch err := victim(path); {
	case errors.Is(err, errNoStart):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(noStart)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// noStart is the exit status of a victim whose log did not open.
const noStart = 3

var errNoStart = errors.New("the log does not open")

func victim(path string) error {
	// Without this, a write over the limit ends the process instead of failing.
	signal.Ignore(syscall.SIGXFSZ)
	if limit, err := strconv.ParseUint(os.Getenv(limitEnv), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	if os.Getenv(mountEnv) != "" {
		return mountAndFill(path)
	}
	log, err := openPinned(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoStart, err)
	}
	defer log.close()
	reg, err := registrytest.OpenToy(context.Background(), log)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoStart, err)
	}
	defer reg.Close()
	if want := os.Getenv(heldEnv); want != "" && want != strconv.Itoa(reg.Stats().Versions) {
		return fmt.Errorf("the log holds %d versions, expected %s", reg.Stats().Versions, want)
	}
	if writes, _ := strconv.Atoi(os.Getenv(writesEnv)); writes > 0 {
		return writeSome(reg, writes)
	}
	return writeForEver(reg)
}

// A pinned log does everything on one thread of the system, since strace counts
// the calls of each thread by themselves.
type pinned struct {
	*sqlitelog.Log
	work chan func()
}

func openPinned(path string) (*pinned, error) {
	p := &pinned{work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for f := range p.work {
			f()
		}
	}()
	var err error
	p.do(func() { p.Log, err = sqlitelog.Open(context.Background(), path) })
	return p, err
}

func (p *pinned) do(f func()) {
	done := make(chan struct{})
	p.work <- func() { defer close(done); f() }
	<-done
}

func (p *pinned) close() { p.do(func() { p.Log.Close() }) }

// Append implements [registry.Log].
func (p *pinned) Append(ctx context.Context, at registry.Offset, records []registry.Record) (next registry.Offset, err error) {
	p.do(func() { next, err = p.Log.Append(ctx, at, records) })
	return next, err
}

// ReadFrom implements [registry.Log].
func (p *pinned) ReadFrom(ctx context.Context, at registry.Offset) (records []registry.Record, next registry.Offset, err error) {
	p.do(func() { records, next, err = p.Log.ReadFrom(ctx, at) })
	return records, next, err
}

// writeForEver registers small schemas by several clients and prints what was
// acknowledged.
func writeForEver(reg *registry.Registry) error {
	acks := make(chan string)
	errs := make(chan error)
	for client := range 4 {
		go func() {
			// The pid makes names that earlier victims did not use.
			for n := 0; ; n++ {
				subject := fmt.Sprintf("p%d-c%d-n%d", os.Getpid(), client, n)
				out, err := reg.Register(context.Background(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: subject}})
				if err != nil {
					errs <- err
					return
				}
				acks <- fmt.Sprintf("%d %s .", out.ID, subject)
			}
		}()
	}
	for {
		select {
		case ack := <-acks:
			fmt.Println(ack)
		case err := <-errs:
			return err
		}
	}
}

// writeSome registers large schemas one by one. A write may fail, in the way
// that a client is told to try again; what was acknowledged is still served.
func writeSome(reg *registry.Registry, writes int) error {
	known := map[int]string{}
	for n := range writes {
		subject := fmt.Sprintf("p%d-n%d", os.Getpid(), n)
		text := subject + strings.Repeat("x", textSize) // one long word
		out, err := reg.Register(context.Background(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: text}})
		switch {
		case err == nil:
			known[out.ID] = subject
			fmt.Printf("%d %s .\n", out.ID, subject)
		case errors.Is(err, api.StoreFailure):
			fmt.Printf("0 %s .\n", subject)
		default:
			return fmt.Errorf("register: %w, expected code %d", err, api.StoreFailure)
		}
		for id, subject := range known {
			if got, err := reg.ByID(context.Background(), id, ""); err != nil || !strings.HasPrefix(got.Text, subject) {
				return fmt.Errorf("id %d of %s was acknowledged and is read as %.40q, %w", id, subject, got.Text, err)
			}
		}
	}
	return nil
}

// An outcome is what a victim said before its end.
type outcome struct {
	acked   map[string]int // ids by subject
	failed  int            // writes that were refused
	killed  bool
	started bool // false if the log did not open
}

// runVictim runs a victim to its end under a command such as strace, and adds
// what it said to acked.
func runVictim(t *testing.T, under []string, path string, env ...string) outcome {
	t.Helper()
	args := append(slices.Clip(under), os.Args[0])
	return collect(t, exec.Command(args[0], args[1:]...), path, env...)
}

// collect is runVictim for a command that is prepared further.
func collect(t *testing.T, cmd *exec.Cmd, path string, env ...string) outcome {
	t.Helper()
	cmd.Env = append(append(os.Environ(), victimEnv+"="+path), env...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := outcome{acked: map[string]int{}}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		var id int
		var subject string
		// The last line may be cut off by the kill; one with the dot is whole.
		if _, err := fmt.Sscanf(lines.Text(), "%d %s .", &id, &subject); err != nil {
			break
		}
		if id == 0 {
			out.failed++
		} else {
			out.acked[subject] = id
		}
	}
	err = cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	out.killed = status.Signaled() && status.Signal() == syscall.SIGKILL
	out.started = status.ExitStatus() != noStart
	if err != nil && !out.killed && out.started {
		t.Fatalf("the victim ended by itself: %v\n%s", err, complaints.String())
	}
	return out
}

// checkAcked opens a log that was left behind and expects every acknowledged
// write, under its id, and no id twice.
func checkAcked(t *testing.T, path string, acked map[string]int) {
	t.Helper()
	log, err := sqlitelog.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("open what was left: %v", err)
	}
	defer log.Close()
	reg, err := registrytest.OpenToy(t.Context(), log)
	if err != nil {
		t.Fatalf("read what was left: %v", err)
	}
	defer reg.Close()
	owner := map[int]string{}
	for _, v := range reg.Schemas(registry.Listing{}) {
		if other, taken := owner[v.ID]; taken {
			t.Errorf("id %d was given to %s and to %s", v.ID, other, v.Subject)
		}
		owner[v.ID] = v.Subject
	}
	lost := 0
	for subject, id := range acked {
		if owner[id] != subject {
			lost++
		}
	}
	if lost > 0 {
		t.Fatalf("%d of %d acknowledged writes are lost", lost, len(acked))
	}
	// The log goes on working.
	what := registry.Registration{Subject: "after " + filepath.Base(path), Request: api.RegisterRequest{Schema: "after"}}
	if _, err := reg.Register(t.Context(), what); err != nil {
		t.Fatalf("register after a crash: %v", err)
	}
}
