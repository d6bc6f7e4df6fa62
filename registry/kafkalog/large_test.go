package kafkalog_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// A topic that somebody else made takes messages of a megabyte. A schema that does
// not fit is refused as too large, and what was asked for at the same time is done.
func TestTooLargeForTheTopic(t *testing.T) {
	t.Parallel()
	conf := newTopic(kafkatest.Fake(t))
	makeTopic(t, conf, 1, map[string]string{"cleanup.policy": "compact", "max.message.bytes": "100000"})
	log := open(t, conf)
	waitFor(t, "the lead", func() bool { _, self := log.Leader(); return self })
	reg, err := registrytest.OpenToy(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			text, large := fmt.Sprintf("word%d", i), i%8 == 3
			if large {
				text += strings.Repeat(`"`, 80_000) // twice as long in JSON
			}
			got, err := reg.Register(t.Context(), registry.Registration{Subject: fmt.Sprint("s", i), Request: api.RegisterRequest{Schema: text}})
			switch {
			case large && !errors.Is(err, api.SchemaTooLarge):
				t.Errorf("s%d: %v, want that it is too large", i, err)
			case !large && err != nil:
				t.Errorf("s%d: %v", i, err)
			case !large:
				if v, err := reg.ByID(t.Context(), got.ID, ""); err != nil || v.Text != text {
					t.Errorf("s%d: id %d stands for %.20q, %v", i, got.ID, v.Text, err)
				}
			}
		})
	}
	all.Wait()
}
