package sqlitelog_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/proctest"
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
	p := proctest.Start(t, victimEnv+"="+path)
	acked := map[string]int{}
	for n := 0; ; n++ {
		line, ok := p.Line()
		if !ok {
			break
		}
		var id int
		var subject string
		// The last line may be cut off by the kill; one with the dot is whole.
		if _, err := fmt.Sscanf(line, "%d %s .", &id, &subject); err != nil {
			break
		}
		acked[subject] = id
		if n == writes {
			time.AfterFunc(later, func() { p.Signal(os.Kill) })
		}
	}
	if !p.Kill() {
		t.Fatal("the victim ended by itself")
	}
	return acked
}
