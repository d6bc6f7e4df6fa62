package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/examples/orders/gen/orders"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// TestMain is also the service, as a process that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("ORDERS_SERVE") == "1" {
		err := run(context.Background(), fromEnv(os.Getenv), slog.New(slog.DiscardHandler))
		fmt.Fprintln(os.Stderr, "the shop has ended:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// On Kafka and PostgreSQL, with the service killed in the middle of 500 orders:
// each that was accepted is billed exactly once, those with a blocked card after
// their dead letters were replayed.
func TestKilledInTheMiddle(t *testing.T) {
	brokers := kafkatest.Real(t)
	const n = 500
	kills := 1
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		kills = 10
	}
	name := fmt.Sprintf("orders_%x", rand.Uint64())
	url, db := schema(t, name)
	reg := client.New(registrytest.New(t).URL)
	if _, err := orders.NewPublisher(t.Context(), nil, reg, codec.RegisterSchemas()); err != nil { // as wireproof push does
		t.Fatal(err)
	}
	s := &service{t: t, addr: fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])}
	s.env = append(os.Environ(), "ORDERS_SERVE=1", "LISTEN="+s.addr, "DATABASE_URL="+url,
		"KAFKA_BROKERS="+strings.Join(brokers, ","), "REGISTRY_URL="+reg.URL())
	s.start()
	t.Cleanup(s.kill)

	id := func(i int) string { return fmt.Sprintf("%s-%d", name, i) }
	card := func(i int) string { return map[bool]string{true: "stolen", false: "visa"}[i%25 == 0] }
	var accepted atomic.Int64
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := c; i < n; i += 8 {
				s.post(fmt.Sprintf(`{"id": %q, "card": %q, "total": "1.00"}`, id(i), card(i)))
				accepted.Add(1)
			}
		})
	}
	for k := 1; k <= kills; k++ {
		await(t, "some orders are accepted", func() (bool, string) { return int(accepted.Load()) >= k*n/(kills+1), "" })
		s.kill()
		s.start()
	}
	clients.Wait()

	billed := func() (charges, distinct int) {
		t.Helper()
		if err := db.QueryRow(`SELECT COUNT(*), COUNT(DISTINCT order_id) FROM charges WHERE order_id LIKE $1`, name+"-%").Scan(&charges, &distinct); err != nil {
			t.Fatal(err)
		}
		return charges, distinct
	}
	await(t, "all orders whose card is good are billed", func() (bool, string) {
		_, distinct := billed()
		return distinct == n-n/25, fmt.Sprint(distinct)
	})
	s.unblockAndReplay(brokers, name, n/25)
	await(t, "all orders are billed", func() (bool, string) {
		_, distinct := billed()
		return distinct == n, fmt.Sprint(distinct)
	})
	if charges, distinct := billed(); charges != n || distinct != n {
		t.Errorf("%d charges of %d orders, want one for each of %d", charges, distinct, n)
	}
	t.Logf("%d orders, %d kills: each billed once", n, kills)
}

// A service is a process that serves the shop.
type service struct {
	t    *testing.T
	addr string
	env  []string
	cmd  *exec.Cmd
}

func (s *service) start() {
	s.t.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env, s.cmd.Stderr = s.env, os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	await(s.t, "the shop is open", func() (bool, string) { return answers(s.addr), "" })
}

// kill sends SIGKILL.
func (s *service) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// post sends an order until it is accepted, as a client does that gets no answer.
func (s *service) post(order string) {
	for s.t.Context().Err() == nil {
		if r, err := http.Post("http://"+s.addr+"/orders", "application/json", strings.NewReader(order)); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// unblockAndReplay waits until that many orders are dead letters, frees the card
// and replays them.
func (s *service) unblockAndReplay(brokers []string, prefix string, n int) {
	t := s.t
	bus, err := kafkabus.Open(t.Context(), kafkabus.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	var ids []string
	await(t, "those with a blocked card are dead letters", func() (bool, string) {
		letters, err := dlq.List(t.Context(), bus, orders.Topic, "billing", dlq.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		ids = nil
		keys := map[string]bool{}
		for _, l := range letters {
			if strings.HasPrefix(string(l.Key), prefix) {
				ids, keys[string(l.Key)] = append(ids, l.ID), true
			}
		}
		return len(keys) == n, fmt.Sprint(len(keys))
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+s.addr+"/bank/blocked/stolen", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if _, err := dlq.Replay(t.Context(), bus, orders.Topic, "billing", dlq.Selection{IDs: ids}); err != nil {
		t.Fatal(err)
	}
}

// schema makes a schema of that name, and returns its URL and a connection.
func schema(t *testing.T, name string) (string, *sql.DB) {
	t.Helper()
	url := os.Getenv("POSTGRES_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("POSTGRES_URL names no server")
		}
		t.Skip("POSTGRES_URL names no server")
	}
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	if _, err := admin.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	url += "&search_path=" + name
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return url, db
}
