package sqlitelog_test

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry/registrytest"
)

// TestKill kills a process that writes, at moments that nobody chose.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.db")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked := map[string]int{}
	for range registrytest.Soak(12, 200) {
		maps.Copy(acked, killVictim(t, path, 1+random.IntN(60), time.Duration(random.IntN(3_000))*time.Microsecond))
		checkAcked(t, path, acked)
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged")
	}
}

// killVictim kills a process some time after it has acknowledged some writes.
func killVictim(t *testing.T, path string, writes int, later time.Duration) map[string]int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := map[string]int{}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var id int
		var subject string
		// The last line may be cut off by the kill; one with the dot is whole.
		if _, err := fmt.Sscanf(lines.Text(), "%d %s .", &id, &subject); err != nil {
			break
		}
		acked[subject] = id
		if n == writes {
			time.AfterFunc(later, func() { cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the victim ended by itself: %v", cmd.ProcessState)
	}
	return acked
}
