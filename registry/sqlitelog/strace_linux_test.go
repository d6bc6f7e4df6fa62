package sqlitelog_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/wireproof/wireproof/registry/registrytest"
)

// What SQLite calls to make a commit durable, and to write.
const (
	syncs  = "fsync,fdatasync"
	writes = "pwrite64,ftruncate,fallocate,fsync,fdatasync"
)

// strace returns a command that makes system calls of a process fail. A machine
// where no process may trace another cannot run these tests.
func strace(t *testing.T, args ...string) []string {
	t.Helper()
	if out, err := exec.Command("strace", "-qq", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		why := fmt.Sprintf("strace does not work here, so that no crash at an fsync is tested: %v %s", err, out)
		if os.Getenv("REQUIRE_SERVICES") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return append([]string{"strace", "-f", "-qq", "-o", os.DevNull}, args...)
}

func victimWrites() string {
	return writesEnv + "=" + strconv.Itoa(registrytest.Soak(6, 60))
}

// TestKillAtEverySync runs a process again and again, on a new file, and kills
// it at its first call to make something durable, its second, and so on, until
// one run needs no more of them.
func TestKillAtEverySync(t *testing.T) {
	t.Parallel()
	acked := 0
	for n := 1; ; n++ {
		under := strace(t, "-e", "trace="+syncs, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", syncs, n))
		path := filepath.Join(t.TempDir(), "log.db")
		out := runVictim(t, under, path, victimWrites())
		if !out.killed {
			if n < 10 || acked == 0 {
				t.Fatalf("a run has %d calls, and %d writes were acknowledged before the kills: nothing was tested", n-1, acked)
			}
			t.Logf("killed at each of %d calls, after %d acknowledged writes in all", n-1, acked)
			return
		}
		if out.failed > 0 {
			t.Fatalf("kill at call %d: %d writes were refused", n, out.failed)
		}
		acked += len(out.acked)
		checkAcked(t, path, out.acked)
	}
}

// TestDiskErrors makes one system call fail, or all from there on, at places
// throughout the life of a process. It must refuse the write and live, serve what
// it has, and have lost nothing when it is started again.
func TestDiskErrors(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct{ name, calls, errno string }{
		{"an fsync fails", syncs, "EIO"},
		{"the disk is full", writes, "ENOSPC"},
		{"the file system is read-only", writes, "EROFS"},
	} {
		for _, lasting := range []string{"", "+"} {
			t.Run(fault.name+lasting, func(t *testing.T) {
				t.Parallel()
				total := countCalls(t, fault.calls)
				refused, acked, unstarted := 0, 0, 0
				for n := 1; n <= total; n += max(1, total/registrytest.Soak(4, 30)) {
					under := strace(t, "-e", "trace="+fault.calls, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d%s", fault.calls, fault.errno, n, lasting))
					path := filepath.Join(t.TempDir(), "log.db")
					out := runVictim(t, under, path, victimWrites())
					if out.killed {
						t.Fatalf("call %d of %d: the process died", n, total)
					}
					if !out.started {
						unstarted++
					}
					checkAcked(t, path, out.acked)
					refused += out.failed
					acked += len(out.acked)
				}
				if refused == 0 || acked == 0 {
					t.Fatalf("%d writes were refused and %d acknowledged: nothing was tested", refused, acked)
				}
				t.Logf("%d calls: %d writes refused, %d acknowledged, %d times not started", total, refused, acked, unstarted)
			})
		}
	}
}

// countCalls returns how many such calls a victim makes that nobody hinders.
func countCalls(t *testing.T, calls string) int {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	under := append(strace(t, "-e", "trace="+calls, "-e", "signal=none"), "-o", trace)
	if out := runVictim(t, under, filepath.Join(t.TempDir(), "log.db"), victimWrites()); out.failed > 0 || !out.started {
		t.Fatal("a victim that nobody hinders fails")
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}
