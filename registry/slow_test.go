package registry_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
)

// laborious takes a second for each comparison.
type laborious struct{}

func (laborious) Differences(_, _ string, _, _ lang.Schema) []registry.Difference {
	time.Sleep(time.Second)
	return nil
}

// However long it takes to decide about all that was asked for at once, the log
// has its time afterwards.
func TestManySlowDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, err := registry.Open(t.Context(), memlog.New(), all.Lenient(), laborious{}, registry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer reg.Close()
		for _, text := range []string{`"int"`, `"long"`} {
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					subject := fmt.Sprintf("s%d", i)
					if _, err := reg.Register(t.Context(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: text}}); err != nil {
						t.Errorf("%s %s: %v", subject, text, err)
					}
				})
			}
			wg.Wait()
		}
	})
}
