package registrytest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// raceClients is how many clients want the same subject.
const raceClients = 4

// TestRace lets four clients register four schemas, none of which can read what
// another has written, on a new subject under BACKWARD, and expects that exactly
// one gets in: for that many subjects, with one server on the log and with two.
// 0 subjects means 300 where REQUIRE_SERVICES is set, and 30 elsewhere. newStore
// is as for [TestLog].
func TestRace(t *testing.T, newStore func(t *testing.T) (open func(t *testing.T) registry.Log), subjects int) {
	if subjects == 0 {
		subjects = 30
		if os.Getenv("REQUIRE_SERVICES") != "" {
			subjects = 300
		}
	}
	for servers := 1; servers <= 2; servers++ {
		t.Run(fmt.Sprintf("servers=%d", servers), func(t *testing.T) {
			t.Parallel()
			open := newStore(t)
			var regs []*registry.Registry
			for range servers {
				reg, err := OpenReal(t.Context(), open(t))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { reg.Close() })
				regs = append(regs, reg)
			}
			winners := map[int]string{} // by id
			for n := range subjects {
				subject := fmt.Sprintf("race-%d", n)
				winner := raceOnce(t, regs, subject)
				if other, taken := winners[winner.ID]; taken {
					t.Fatalf("id %d was given to %s and to %s", winner.ID, other, subject)
				}
				winners[winner.ID] = subject
			}
			wantSame(t, regs)
		})
	}
}

// raceSchema is a record with a field without default that no other client has.
func raceSchema(subject string, client int) string {
	return fmt.Sprintf(`{"type":"record","name":"R","doc":%q,"fields":[{"name":"only%d","type":"int"}]}`, subject, client)
}

// raceOnce returns the one version that came to be.
func raceOnce(t *testing.T, regs []*registry.Registry, subject string) registry.Registered {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	outs, errs := make([]registry.Registered, raceClients), make([]error, raceClients)
	for client := range raceClients {
		wg.Go(func() {
			<-start
			outs[client], errs[client] = registerSomewhere(t.Context(), regs, client,
				registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: raceSchema(subject, client)}})
		})
	}
	close(start)
	wg.Wait()
	winner, won := registry.Registered{}, 0
	for client, err := range errs {
		switch {
		case err == nil:
			winner = outs[client]
			won++
		case !errors.Is(err, api.IncompatibleSchema):
			t.Errorf("%s: client %d: %v, want success or an incompatible schema", subject, client, err)
		}
	}
	if won != 1 {
		t.Fatalf("%s: %d schemas that exclude each other were let in, want 1", subject, won)
	}
	for i, reg := range regs {
		versions, err := reg.Versions(t.Context(), subject, registry.All)
		if err != nil || len(versions) != 1 || versions[0].ID != winner.ID || versions[0].Text != winner.Text {
			t.Fatalf("%s: registry %d holds %v, %v, want just %v", subject, i, versions, err, winner.Version)
		}
	}
	return winner
}
