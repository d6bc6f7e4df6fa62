package faults

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
	"github.com/wireproof/wireproof/event/dedupe/redisdedupe"
	"github.com/wireproof/wireproof/event/inbox"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// TestMain is also the processes that are killed.
func TestMain(m *testing.M) {
	if role := os.Getenv("FAULTS_ROLE"); role != "" {
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
		err := roles[role](context.Background(), log)
		fmt.Fprintln(os.Stderr, role, "ended:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// roles is what a process can be. The environment says where its parts are.
var roles = map[string]func(context.Context, *slog.Logger) error{
	"inbox": inboxRole, "transform": transformRole, "dedupe": dedupeRole, "eventlog": eventLogRole,
}

func connect() (*kafkabus.Bus, error) {
	return kafkabus.Open(context.Background(), kafkabus.Config{
		Brokers: strings.Split(os.Getenv("KAFKA_BROKERS"), ","), SessionTimeout: 3 * time.Second, RevokeGrace: 2 * time.Second,
	})
}

// inboxRole handles "in" through an inbox: each message adds a row to effects and
// publishes one to "out" through the outbox. It relays, and handles "out" in the
// same way, into echoes.
func inboxRole(ctx context.Context, log *slog.Logger) error {
	bus, err := connect()
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", os.Getenv("POSTGRES_URL"))
	if err != nil {
		return err
	}
	in := inbox.New(db)
	out, err := outbox.New(ctx, db)
	if err != nil {
		return err
	}
	name := os.Getenv("FAULTS_NAME")
	ended := make(chan error, 3)
	handle := func(topic, table, next string) {
		ended <- event.Run(ctx, bus.Group(name), []string{topic}, func(ctx context.Context, d *event.Delivery) error {
			if _, err := inbox.Tx(ctx).ExecContext(ctx, "INSERT INTO "+table+" VALUES ($1)", string(d.Payload)); err != nil {
				return err
			}
			if next == "" {
				return nil
			}
			return out.Publish(ctx, &event.Message{Topic: next, Key: d.Key, Payload: d.Payload})
		}, in.Option(), event.ByKey(4), event.Immediate(5), event.Backoff(10*time.Millisecond, time.Second), event.Logger(log))
	}
	go handle(name+".in", "effects", name+".out")
	go handle(name+".out", "echoes", "")
	go func() {
		ended <- out.Relay(ctx, bus, outbox.Poll(20*time.Millisecond), outbox.Lease(2*time.Second), outbox.Logger(log))
	}()
	return <-ended
}

// transformRole copies "in" to "out" in transactions.
func transformRole(ctx context.Context, log *slog.Logger) error {
	bus, err := connect()
	if err != nil {
		return err
	}
	name := os.Getenv("FAULTS_NAME")
	return bus.Transform(ctx, kafkabus.TransformConfig{Group: name, Topics: []string{name + ".in"}, Messages: 50, Age: 5 * time.Millisecond, Log: log},
		func(_ context.Context, batch []*event.Delivery, put func(...*event.Message)) error {
			for _, d := range batch {
				put(&event.Message{Topic: name + ".out", Key: d.Key, Payload: d.Payload})
			}
			return nil
		})
}

// dedupeRole adds each message of "in" to a counter in Redis, deduplicated there.
// How many handlers were running when it was killed, the counter of starts tells.
func dedupeRole(ctx context.Context, log *slog.Logger) error {
	bus, err := connect()
	if err != nil {
		return err
	}
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	rdb := redis.NewClient(opts)
	d, err := redisdedupe.New(rdb, dedupe.Times{Claim: 2 * time.Second, Done: time.Hour})
	if err != nil {
		return err
	}
	name := os.Getenv("FAULTS_NAME")
	return event.Run(ctx, bus.Group(name), []string{name + ".in"}, func(ctx context.Context, d *event.Delivery) error {
		return rdb.HIncrBy(ctx, name, string(d.Payload), 1).Err()
	}, event.ByKey(4), event.Deduplicate(d), event.Immediate(5), event.Logger(log))
}

// A scene is one run: topics of its own, and two processes of a role.
type scene struct {
	t     *testing.T
	name  string
	n     int // messages
	kills int
	bus   *kafkabus.Bus
	env   []string
	rand  *rand.Rand

	mu    sync.Mutex // guards procs and stopped
	procs []*exec.Cmd
	over  bool
}

func newScene(t *testing.T, role string) *scene {
	t.Helper()
	brokers := kafkatest.Real(t)
	s := &scene{t: t, name: fmt.Sprintf("faults_%s_%x", role, rand.Uint64()), n: 2000, kills: 6, rand: rand.New(rand.NewPCG(1, 2))}
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		s.n, s.kills = 20_000, 50
	}
	admin, err := sarama.NewClusterAdmin(brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	var berr error
	s.bus, berr = connect()
	if berr != nil {
		t.Fatal(berr)
	}
	t.Cleanup(func() { _ = s.bus.Close(context.Background()) })
	for _, kind := range []string{".in", ".out"} {
		if err := admin.CreateTopic(s.name+kind, &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false); err != nil {
			t.Fatal(err)
		}
		if err := s.bus.MakeTopic(t.Context(), s.name+kind, ""); err != nil { // waits for its leaders
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(), "FAULTS_ROLE="+role, "FAULTS_NAME="+s.name)
	t.Cleanup(s.stop)
	return s
}

// start starts one more process.
func (s *scene) start() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = s.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.procs = append(s.procs, cmd)
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.over && cmd.ProcessState.ExitCode() >= 0 { // nobody has killed it
			s.t.Errorf("a process ended by itself:\n%s", out.String())
		}
	}()
}

func (s *scene) kill(i int) {
	s.mu.Lock()
	cmd := s.procs[i]
	s.procs = append(s.procs[:i], s.procs[i+1:]...)
	s.mu.Unlock()
	_ = cmd.Process.Kill()
}

func (s *scene) stop() {
	s.mu.Lock()
	s.over = true
	procs := s.procs
	s.procs = nil
	s.mu.Unlock()
	for _, p := range procs {
		_ = p.Process.Kill()
	}
}

// play publishes all messages and kills processes while they work, until done
// says that all of them have had their effect.
func (s *scene) play(done func() (int, error)) {
	s.t.Helper()
	s.start()
	s.start()
	go func() {
		for i := 0; i < s.n; i += 20 {
			var ms []*event.Message
			for j := i; j < i+20; j++ {
				ms = append(ms, &event.Message{Topic: s.name + ".in", Key: fmt.Appendf(nil, "k%d", j%40), Payload: fmt.Append(nil, j)})
			}
			if err := s.bus.Publish(context.Background(), ms...); err != nil {
				s.t.Error(err)
				return
			}
			time.Sleep(5 * time.Millisecond) // spreads them over the kills
		}
	}()
	most := 10 * time.Minute
	if s.n > 2000 {
		most = time.Hour
	}
	end := time.Now().Add(most)
	killed, next := 0, s.n/(2*s.kills)
	for {
		n, err := done()
		switch {
		case err != nil:
			s.t.Fatal(err)
		case n >= s.n && killed >= s.kills:
			return
		case time.Now().After(end):
			s.t.Fatalf("%d of %d messages had their effect in %v, %d kills", n, s.n, most, killed)
		case killed < s.kills && (n >= next || n >= s.n):
			s.kill(s.rand.IntN(2))
			s.start()
			killed++
			next = n + (s.n-n)/(s.kills-killed+1)
		}
		time.Sleep(time.Duration(10+s.rand.IntN(30)) * time.Millisecond)
	}
}

// Inbox and outbox: each message has each effect exactly once, over all kills.
func TestInboxAndOutboxOverKills(t *testing.T) {
	s := newScene(t, "inbox")
	db := s.database()
	count := func(table string) (rows, distinct int, err error) {
		err = db.QueryRow("SELECT COUNT(*), COUNT(DISTINCT message) FROM "+table).Scan(&rows, &distinct)
		return rows, distinct, err
	}
	s.play(func() (int, error) {
		_, n, err := count("echoes")
		return n, err
	})
	s.stop()
	for _, table := range []string{"effects", "echoes"} {
		rows, distinct, err := count(table)
		if err != nil || rows != s.n || distinct != s.n {
			t.Errorf("%s: %d rows of %d messages (%v), want one for each of %d", table, rows, distinct, err, s.n)
		}
	}
	t.Logf("%d messages, %d kills: each effect once", s.n, s.kills)
}

// database makes a schema of its own, with what the inbox role writes to.
func (s *scene) database() *sql.DB {
	t := s.t
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
		_, err := admin.Exec("DROP SCHEMA " + s.name + " CASCADE")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := admin.Exec("CREATE SCHEMA " + s.name); err != nil {
		t.Fatal(err)
	}
	url += "&search_path=" + s.name
	s.env = append(s.env, "POSTGRES_URL="+url)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, table := range []string{"effects", "echoes"} {
		if _, err := db.Exec("CREATE TABLE " + table + " (message TEXT)"); err != nil {
			t.Fatal(err)
		}
	}
	if err := inbox.New(db).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.New(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

// Transform: each message has one committed result, over all kills.
func TestTransformOverKills(t *testing.T) {
	s := newScene(t, "transform")
	seen := map[string]int{}
	at := map[int32]int64{}
	read := func() (int, error) {
		err := s.bus.Browse(t.Context(), s.name+".out", at, func(d *event.Delivery) bool {
			seen[string(d.Payload)]++
			at[d.Partition] = d.Offset + 1
			return true
		})
		return len(seen), err
	}
	s.play(read)
	s.stop()
	for i := range s.n {
		if k := seen[strconv.Itoa(i)]; k != 1 {
			t.Errorf("message %d has %d results, want 1", i, k)
		}
	}
	t.Logf("%d messages, %d kills: one result each", s.n, s.kills)
}

// Dedupe on Redis: a message is handled again only if its handler was killed
// between its effect and its mark, of which a kill leaves as many as there are
// workers at most: one for each of four partitions times four.
func TestDedupeOverKills(t *testing.T) {
	s := newScene(t, "dedupe")
	url := os.Getenv("REDIS_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("REDIS_URL names no server")
		}
		t.Skip("REDIS_URL names no server")
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	s.play(func() (int, error) {
		n, err := rdb.HLen(t.Context(), s.name).Result()
		return int(n), err
	})
	s.stop()
	all, err := rdb.HGetAll(t.Context(), s.name).Result()
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Del(context.Background(), s.name)
	repeats := 0
	for _, v := range all {
		k, err := strconv.Atoi(v)
		if err != nil || k < 1 {
			t.Fatalf("count %q", v)
		}
		repeats += k - 1
	}
	if most := s.kills * 16; len(all) != s.n || repeats > most {
		t.Errorf("%d of %d messages handled, %d repeats over %d kills, want at most %d", len(all), s.n, repeats, s.kills, most)
	}
	t.Logf("%d messages, %d kills: %d repeats", s.n, s.kills, repeats)
}
