package kafkalog_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/rest"
	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/proctest"
)

// TestMain is also the server that TestKilledLeader kills.
func TestMain(m *testing.M) {
	if topic := os.Getenv("KAFKALOG_CHILD_TOPIC"); topic != "" {
		if err := child(topic); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child is a whole server, which prints a line once it leads.
func child(topic string) error {
	ctx := context.Background()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	conf := hasty(strings.Split(os.Getenv("KAFKA_BROKERS"), ","))
	conf.Topic, conf.GroupID, conf.URL = topic, topic, "http://"+l.Addr().String()
	log, err := kafkalog.Open(ctx, conf)
	if err != nil {
		return err
	}
	reg, err := registrytest.OpenToy(ctx, log)
	if err != nil {
		return err
	}
	go func() {
		for {
			if _, self := log.Leader(); self {
				fmt.Println("leads", conf.URL)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return http.Serve(l, rest.New(reg, rest.Options{Leader: log.Leader}))
}

// A leader that is killed in the middle of writes loses nothing that it has
// acknowledged, and whoever comes after it gives no id twice.
func TestKilledLeader(t *testing.T) {
	t.Parallel()
	conf := hasty(kafkatest.Real(t))
	given := &ledger{ids: map[int]string{}, subjects: map[string]int{}}
	for range registrytest.Soak(1, 10) {
		leader := proctest.Start(t, "KAFKALOG_CHILD_TOPIC="+conf.Topic)
		leader.Want("leads")
		heir := serve(t, conf, true)
		waitFor(t, "the child as leader", func() bool { url, self := heir.log.Leader(); return url != "" && !self })
		stop := given.fill(t, heir.url)
		given.await(t, 60)
		leader.Kill()
		waitFor(t, "the heir as leader", func() bool { _, self := heir.log.Leader(); return self })
		given.await(t, 60)
		stop()
		given.check(t, heir.reg)
		heir.log.Close()
	}
	given.check(t, serve(t, conf, true).reg)
}

// A ledger is what clients were told.
type ledger struct {
	mu       sync.Mutex // guards the fields below
	ids      map[int]string
	subjects map[string]int
	next     int
}

// fill lets clients register over HTTP until the function that it returns is
// called. A client that gets an error asks for the same again.
func (g *ledger) fill(t *testing.T, url string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for ctx.Err() == nil {
				g.mu.Lock()
				g.next++
				subject := fmt.Sprintf("s%d", g.next)
				g.mu.Unlock()
				out, err := put(url, subject, subject)
				for ; err != nil && ctx.Err() == nil; out, err = put(url, subject, subject) {
					time.Sleep(20 * time.Millisecond)
				}
				if err != nil {
					return
				}
				g.mu.Lock()
				if other, taken := g.ids[out.ID]; taken && other != subject {
					t.Errorf("id %d was given to %s and to %s", out.ID, other, subject)
				}
				g.ids[out.ID], g.subjects[subject] = subject, out.ID
				g.mu.Unlock()
			}
		})
	}
	return func() { cancel(); clients.Wait() }
}

func (g *ledger) await(t *testing.T, more int) {
	t.Helper()
	count := func() int { g.mu.Lock(); defer g.mu.Unlock(); return len(g.subjects) }
	from := count()
	waitFor(t, "more answers", func() bool { return count() >= from+more })
}

func (g *ledger) check(t *testing.T, reg *registry.Registry) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for subject, id := range g.subjects {
		if got, err := reg.Version(t.Context(), subject, 1, registry.Live); err != nil || got.ID != id {
			t.Errorf("%s was acknowledged as id %d, and is read as %d, %v", subject, id, got.ID, err)
		}
	}
	seen := map[int]string{}
	for _, v := range reg.Schemas(registry.Listing{Visible: registry.All}) {
		if other, taken := seen[v.ID]; taken && other != v.Text {
			t.Errorf("id %d stands for %q and %q", v.ID, other, v.Text)
		}
		seen[v.ID] = v.Text
	}
	t.Logf("%d acknowledged, %d stored", len(g.subjects), len(seen))
}
