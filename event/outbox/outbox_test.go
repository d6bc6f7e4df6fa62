package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/event/outbox/pgwake"
)

// databases runs f on SQLite, and on PostgreSQL if there is one; each time in a
// database, or a schema, of its own.
func databases(t *testing.T, f func(t *testing.T, db *sql.DB, postgres string)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "db")+"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		f(t, db, "")
	})
	t.Run("postgres", func(t *testing.T) {
		url := os.Getenv("POSTGRES_URL")
		if url == "" {
			if os.Getenv("REQUIRE_SERVICES") == "1" {
				t.Fatal("POSTGRES_URL names no server")
			}
			t.Skip("POSTGRES_URL names no server")
		}
		schema := fmt.Sprintf("outbox_%016x", rand.Uint64())
		admin, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_, _ = admin.Exec("DROP SCHEMA " + schema + " CASCADE")
			admin.Close()
		})
		if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
			t.Fatal(err)
		}
		url += "&search_path=" + schema
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		f(t, db, url)
	})
}

// A sink is a broker that keeps what it was given, and refuses what it is told to.
type sink struct {
	mu     sync.Mutex
	got    []event.Message
	refuse func(*event.Message) error
	came   chan struct{}
}

func newSink() *sink { return &sink{came: make(chan struct{}, 1)} }

func (s *sink) Publish(_ context.Context, ms ...*event.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pe event.PublishError
	for i, m := range ms {
		if s.refuse != nil {
			if err := s.refuse(m); err != nil {
				pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: err})
				continue
			}
		}
		s.got = append(s.got, *m)
	}
	select {
	case s.came <- struct{}{}:
	default:
	}
	if len(pe.Failed) > 0 {
		return &pe
	}
	return nil
}

func (s *sink) Close(context.Context) error { return nil }

func (s *sink) messages() []event.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]event.Message(nil), s.got...)
}

// await waits until n messages have come.
func (s *sink) await(t *testing.T, n int) []event.Message {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		if got := s.messages(); len(got) >= n {
			return got
		}
		select {
		case <-s.came:
		case <-deadline:
			t.Fatalf("%d messages came, want %d", len(s.messages()), n)
		}
	}
}

// relay runs a relay until the test ends.
func relay(t *testing.T, o *outbox.Outbox, to event.Publisher, opts ...outbox.RelayOption) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- o.Relay(ctx, to, append([]outbox.RelayOption{outbox.Poll(10 * time.Millisecond)}, opts...)...)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("relay: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func open(t *testing.T, db *sql.DB) *outbox.Outbox {
	t.Helper()
	o, err := outbox.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func begin(t *testing.T, db *sql.DB) (*sql.Tx, context.Context) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx, outbox.In(t.Context(), tx)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is committed is published as it went, with an id; what is rolled back is
// not, and its gap holds up nothing.
func TestCommitAndRollback(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o, s := open(t, db), newSink()
		want := event.Message{Topic: "orders", Key: []byte{0, 1}, Payload: []byte{}, Time: time.Unix(17, 5).UTC(),
			Headers: event.Headers{{Key: "a", Value: []byte{1}}, {Key: "a", Value: []byte{}}}}
		for i := range 3 {
			tx, ctx := begin(t, db)
			m := want
			if i == 1 {
				m.Payload = []byte("never")
			}
			must(t, o.Publish(ctx, &m))
			if i == 1 {
				must(t, tx.Rollback())
				continue
			}
			must(t, tx.Commit())
		}
		if n, err := o.Len(t.Context()); err != nil || n != 2 {
			t.Errorf("%d messages wait (%v), want 2", n, err)
		}
		stop := relay(t, o, s)
		got := s.await(t, 2)
		stop()
		ids := map[string]bool{}
		for _, m := range got {
			id, _ := m.Headers.Get(event.HeaderID)
			ids[string(id)] = true
			m.Headers = m.Headers[:2]
			if !reflect.DeepEqual(m, want) {
				t.Errorf("%+v was published, want %+v", m, want)
			}
		}
		if len(got) != 2 || len(ids) != 2 || ids[""] {
			t.Errorf("%d messages with ids %v, want 2 with different ones", len(got), ids)
		}
		if n, err := o.Len(t.Context()); err != nil || n != 0 {
			t.Errorf("%d messages wait (%v), want none", n, err)
		}
	})
}

// A transaction that is open while later ones are relayed is not passed over.
func TestLateCommit(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, postgres string) {
		if postgres == "" {
			t.Skip("SQLite has one writer at a time: no transaction is late")
		}
		o, s := open(t, db), newSink()
		relay(t, o, s)
		late, ctx := begin(t, db)
		must(t, o.Publish(ctx, &event.Message{Topic: "t", Payload: []byte("late")}))
		for i := range 20 {
			tx, ctx := begin(t, db)
			must(t, o.Publish(ctx, &event.Message{Topic: "t", Payload: fmt.Append(nil, i)}))
			must(t, tx.Commit())
		}
		s.await(t, 20)
		must(t, late.Commit())
		if got := s.await(t, 21); string(got[20].Payload) != "late" {
			t.Errorf("the last message is %q, want the late one", got[20].Payload)
		}
	})
}

// Several relays beside many writers: each message once, each key in its order.
func TestRelaysShareAndKeepOrder(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		const writers, each = 4, 60
		o, s := open(t, db), newSink()
		for range 3 {
			relay(t, o, s, outbox.Batch(7, 1000))
		}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					tx, err := db.BeginTx(t.Context(), nil)
					if err != nil {
						t.Error(err)
						return
					}
					m := &event.Message{Topic: "t", Key: fmt.Appendf(nil, "w%d", w), Payload: fmt.Append(nil, i)}
					if err := errors.Join(o.Publish(outbox.In(t.Context(), tx), m), tx.Commit()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		got := s.await(t, writers*each)
		if len(got) != writers*each {
			t.Errorf("%d messages, want %d", len(got), writers*each)
		}
		next := map[string]int{}
		for _, m := range got {
			k := string(m.Key)
			if string(m.Payload) != fmt.Sprint(next[k]) {
				t.Fatalf("key %s: %s came, want %d", k, m.Payload, next[k])
			}
			next[k]++
		}
	})
}

// What the broker refuses stays and comes later; other shards go on.
func TestRefused(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o, s := open(t, db), newSink()
		open := false
		s.refuse = func(m *event.Message) error {
			if string(m.Key) == "k0" && !open {
				return errors.New("full")
			}
			return nil
		}
		tx, ctx := begin(t, db)
		for i := range 40 {
			must(t, o.Publish(ctx, &event.Message{Topic: "t", Key: fmt.Appendf(nil, "k%d", i), Payload: []byte("x")}))
		}
		must(t, tx.Commit())
		relay(t, o, s)
		s.await(t, 39)
		s.mu.Lock()
		open = true
		s.mu.Unlock()
		got := s.await(t, 40)
		if string(got[39].Key) != "k0" {
			t.Errorf("the last key is %s, want that of the refused message", got[39].Key)
		}
	})
}

// What the broker refuses again and again keeps no other shard waiting: the relay
// is woken, and publishes what it can, long before the refused is due again.
func TestRefusedHoldsUpItsShardOnly(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o, s := open(t, db), newSink()
		refused := make(chan struct{}, 100)
		s.refuse = func(m *event.Message) error {
			if string(m.Key) == "bad" {
				refused <- struct{}{}
				return errors.New("too large")
			}
			return nil
		}
		put := func(key string) {
			t.Helper()
			tx, ctx := begin(t, db)
			must(t, o.Publish(ctx, &event.Message{Topic: "t", Key: []byte(key), Payload: []byte("x")}))
			must(t, tx.Commit())
		}
		put("bad")
		wake := make(chan struct{})
		relay(t, o, s, outbox.Poll(time.Hour), outbox.Wake(wake))
		<-refused
		for i := range 20 {
			put(fmt.Sprint(i))
		}
		var want int // of the others, a sixteenth waits too
		must(t, db.QueryRow(`SELECT COUNT(*) FROM wireproof_outbox WHERE shard <> (SELECT shard FROM wireproof_outbox ORDER BY id LIMIT 1)`).Scan(&want))
		if want == 0 {
			t.Fatal("all keys are in one shard")
		}
		wake <- struct{}{}
		s.await(t, want)
		for n := 21; n > 21-want; { // what is published is deleted a moment later
			var err error
			n, err = o.Len(t.Context())
			must(t, err)
		}
		if len(refused) > 0 {
			t.Error("the refused message was tried again before it was due")
		}
	})
}

// What is stored behind a message that the broker refuses does not overtake it if it
// has its topic and key, however much that is; what has another topic does.
func TestRefusedHoldsBackItsKey(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o, s := open(t, db), newSink()
		open := false
		refused := make(chan struct{}, 1000)
		s.refuse = func(m *event.Message) error {
			if string(m.Payload) == "0" && !open {
				refused <- struct{}{}
				return errors.New("too large")
			}
			return nil
		}
		put := func(topic string, from, to int) {
			t.Helper()
			tx, ctx := begin(t, db)
			for i := from; i < to; i++ {
				must(t, o.Publish(ctx, &event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Append(nil, i)}))
			}
			must(t, tx.Commit())
		}
		put("t", 0, 1)
		relay(t, o, s, outbox.Poll(5*time.Millisecond), outbox.Batch(7, 1<<20))
		<-refused
		put("t", 1, 40)
		put("u", 100, 101)
		if got := s.await(t, 1); got[0].Topic != "u" {
			t.Errorf("%s of topic %s has overtaken the refused message", got[0].Payload, got[0].Topic)
		}
		<-refused
		s.mu.Lock()
		open = true
		s.mu.Unlock()
		for i, m := range s.await(t, 41) {
			if want := fmt.Sprint(i - 1); i > 0 && string(m.Payload) != want {
				t.Errorf("message %d is %s, want %s", i, m.Payload, want)
			}
		}
	})
}

// Also when another relay had the shard meanwhile, and when so much is held back that
// what another key has stored is far behind it: that goes out.
func TestRefusedHoldsBackItsKeyOnly(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o, s := open(t, db), newSink()
		refused := make(chan struct{}, 10000)
		s.refuse = func(m *event.Message) error {
			if string(m.Payload) == "0" {
				refused <- struct{}{}
				return errors.New("too large")
			}
			return nil
		}
		put := func(key string, payloads ...string) (shard int) {
			t.Helper()
			tx, ctx := begin(t, db)
			for _, p := range payloads {
				must(t, o.Publish(ctx, &event.Message{Topic: "t", Key: []byte(key), Payload: []byte(p)}))
			}
			must(t, tx.QueryRow(`SELECT shard FROM wireproof_outbox ORDER BY id DESC LIMIT 1`).Scan(&shard))
			must(t, tx.Commit())
			return shard
		}
		shard := put("k", "0")
		relay(t, o, s, outbox.Poll(5*time.Millisecond), outbox.Batch(3, 1<<20))
		<-refused
		for n := 0; n == 0; { // between two batches of the relay
			res, err := db.Exec(`UPDATE wireproof_outbox_shard SET holder = 'other', until_ms = $1 WHERE shard = $2 AND holder = ''`, time.Now().Add(100*time.Millisecond).UnixMilli(), shard)
			must(t, err)
			changed, _ := res.RowsAffected()
			n = int(changed)
		}
		put("k", strings.Split(strings.Repeat("1", 100), "")...)
		all := 100 + 1
		for others := 0; others < 3; all++ {
			if put(fmt.Sprint("other", all), "x") == shard {
				others++
			}
		}
		s.await(t, all-101)
		for _, m := range s.messages() {
			if string(m.Key) == "k" {
				t.Fatal("a message has overtaken the refused one of its key")
			}
		}
	})
}

// A relay that died holding a shard is followed by another when its lease is over.
func TestLeaseOfTheDead(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o, s := open(t, db), newSink()
		tx, ctx := begin(t, db)
		must(t, o.Publish(ctx, &event.Message{Topic: "t"}))
		must(t, tx.Commit())
		until := time.Now().Add(300 * time.Millisecond)
		if _, err := db.Exec(`UPDATE wireproof_outbox_shard SET holder = 'dead', until_ms = $1`, until.UnixMilli()); err != nil {
			t.Fatal(err)
		}
		relay(t, o, s)
		s.await(t, 1)
		if time.Now().Before(until) {
			t.Error("a shard was taken that another relay held")
		}
	})
}

func TestPostgresWakes(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, url string) {
		if url == "" {
			t.Skip("SQLite notifies nobody")
		}
		o, s := open(t, db), newSink()
		ctx, cancel := context.WithCancel(t.Context())
		wake, err := pgwake.Listen(ctx, url, nil)
		must(t, err)
		<-wake // it listens
		relay(t, o, s, outbox.Poll(time.Hour), outbox.Wake(wake))
		tx, in := begin(t, db)
		must(t, o.Publish(in, &event.Message{Topic: "t"}))
		must(t, tx.Commit())
		s.await(t, 1)
		cancel()
		for range wake {
		}
	})
}

func TestMistakes(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ string) {
		o := open(t, db)
		err := o.Publish(t.Context(), &event.Message{Topic: "t"})
		var pe *event.PublishError
		if !errors.As(err, &pe) || len(pe.Failed) != 1 || !strings.Contains(err.Error(), "outbox.In") {
			t.Errorf("publish without a transaction: %v", err)
		}
		tx, ctx := begin(t, db)
		if err := o.Publish(ctx, &event.Message{}); err == nil {
			t.Error("a message without a topic: no error")
		}
		if err := o.Publish(ctx, nil, &event.Message{Topic: "t"}); !errors.As(err, &pe) || len(pe.Failed) != 2 {
			t.Errorf("publish nil: %v, want both to fail", err)
		}
		must(t, tx.Rollback())
		for _, opt := range []outbox.RelayOption{outbox.Poll(0), outbox.Lease(0), outbox.Batch(0, 1), outbox.Logger(nil)} {
			if err := o.Relay(t.Context(), newSink(), opt); err == nil {
				t.Error("an option that makes no sense: no error")
			}
		}
		if err := o.Relay(t.Context(), nil); err == nil {
			t.Error("no publisher: no error")
		}
		if _, err := db.Exec(`INSERT INTO wireproof_outbox (shard, topic, message) VALUES (0, 't', $1)`, []byte{9}); err != nil {
			t.Fatal(err)
		}
		open(t, db) // making the tables again changes nothing
		if n, err := o.Len(t.Context()); err != nil || n != 1 {
			t.Errorf("%d messages (%v), want 1", n, err)
		}
	})
}
