package sqlitelog_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

// victimEnv holds the path of the log in the process that is going to be killed.
const victimEnv = "SQLITELOG_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		os.Exit(victim(path))
	}
	os.Exit(m.Run())
}

// victim registers schemas for ever and prints what was acknowledged.
func victim(path string) int {
	log, err := sqlitelog.Open(context.Background(), path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	reg, err := registrytest.OpenToy(context.Background(), log)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	acks := make(chan string)
	for client := range 4 {
		go func() {
			// The pid makes names that earlier victims did not use.
			for n := 0; ; n++ {
				subject := fmt.Sprintf("p%d-c%d-n%d", os.Getpid(), client, n)
				out, err := reg.Register(context.Background(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: subject}})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				acks <- fmt.Sprintf("%d %s .", out.ID, subject)
			}
		}()
	}
	for ack := range acks {
		fmt.Println(ack)
	}
	return 0
}

// TestKill kills a process that writes, at moments that nobody chose, and
// expects every write that it had acknowledged, under its id, and no id twice.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.db")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked := map[string]int{}
	for range 12 {
		runVictim(t, path, 1+random.IntN(60), time.Duration(random.IntN(3_000))*time.Microsecond, acked)
		checkAcked(t, path, acked)
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged")
	}
}

// runVictim kills the process some time after it has acknowledged some writes.
func runVictim(t *testing.T, path string, writes int, later time.Duration, acked map[string]int) {
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
}

func checkAcked(t *testing.T, path string, acked map[string]int) {
	t.Helper()
	log, err := sqlitelog.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("open after a kill: %v", err)
	}
	defer log.Close()
	reg, err := registrytest.OpenToy(t.Context(), log)
	if err != nil {
		t.Fatalf("read after a kill: %v", err)
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
}
