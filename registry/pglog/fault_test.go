package pglog_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/pglog"
	"github.com/wireproof/wireproof/registry/registrytest"
)

const services = "../../test/services.sh"

// A server is a PostgreSQL of this test alone, to be ill-treated.
type server struct{ dir, url string }

func startServer(t *testing.T) *server {
	t.Helper()
	database(t) // where there is one, another can be started
	dir, err := os.MkdirTemp("", "pglog")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: dir}
	t.Cleanup(func() { s.run(t, "clean", dir) })
	s.start(t)
	return s
}

// run runs the script, with the output in a file: the server that it starts
// would keep a pipe open.
func (s *server) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := os.CreateTemp("", "pglog")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := osexec.Command(services, args...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, _ := os.ReadFile(out.Name())
	if err != nil {
		t.Fatalf("services.sh %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return string(text)
}

// start starts the server, again with the same data on the same port.
func (s *server) start(t *testing.T) {
	t.Helper()
	out := s.run(t, "start", s.dir, "postgres")
	_, after, ok := strings.Cut(out, "POSTGRES_URL='")
	if !ok {
		t.Fatalf("services.sh printed no POSTGRES_URL: %s", out)
	}
	s.url, _, _ = strings.Cut(after, "'")
}

func (s *server) signal(t *testing.T, name string) {
	t.Helper()
	s.run(t, "kill", s.dir, "postgres", name)
}

// end signals the server and waits until its process is gone: one that has not
// yet heard of the signal looks as if it ran.
func (s *server) end(t *testing.T, name string) {
	t.Helper()
	pid, _, _ := bytes.Cut(mustReadFile(t, s.dir+"/postgres/pid"), []byte(" "))
	s.signal(t, name)
	for range 3000 {
		stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
		if _, state, _ := bytes.Cut(stat, []byte(") ")); err != nil || bytes.HasPrefix(state, []byte("Z")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the server runs on after %s", name)
}

// signalAll signals the server and its children: one that is stopped alone
// leaves those at work that it has started.
func (s *server) signalAll(t *testing.T, name string) {
	t.Helper()
	pid, _, _ := bytes.Cut(mustReadFile(t, s.dir+"/postgres/pid"), []byte(" "))
	for _, args := range [][]string{{"-" + name, string(pid)}, {"-" + name, "-P", string(pid)}} {
		program := "kill"
		if len(args) == 3 {
			program = "pkill"
		}
		if out, err := osexec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v %s", program, args, err, out)
		}
	}
}

func mustReadFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// hasty gives an append less time than a registry does, so that a test need not
// pause a server for half a minute.
type hasty struct{ *pglog.Log }

func (h hasty) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return h.Log.Append(ctx, at, records)
}

func (h hasty) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return h.Log.ReadFrom(ctx, at)
}

func openToy(t *testing.T, url string) *registry.Registry {
	t.Helper()
	reg, err := registrytest.OpenToy(t.Context(), hasty{open(t, url, pglog.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	return reg
}

// TestFaults runs two servers under load on a PostgreSQL that is killed,
// restarted, and stopped for longer than an append may take.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	one, two := openToy(t, s.url), openToy(t, s.url)
	load := registrytest.StartLoad(t, 8, one, two)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	faults := map[string]func(){
		"kill":    func() { s.end(t, "KILL"); load.AwaitFailures(t, 4); s.start(t) },
		"restart": func() { s.end(t, "INT"); load.AwaitFailures(t, 4); s.start(t) },
		"crash":   func() { s.end(t, "QUIT"); load.AwaitFailures(t, 4); s.start(t) },
		"pause":   func() { s.signalAll(t, "STOP"); load.AwaitFailures(t, 16); s.signalAll(t, "CONT") },
	}
	names := []string{"kill", "restart", "crash", "pause"}
	for range registrytest.Soak(1, 20) {
		for _, i := range random.Perm(len(names)) {
			load.Await(t, 50+random.IntN(200))
			t.Log(names[i])
			faults[names[i]]()
		}
	}
	load.Await(t, 100)
	load.Stop()
	load.Check(t, one, two, openToy(t, s.url))
}

// TestDown checks what a server answers while its database is gone: reads of
// what it knows go on, writes fail with the code of the protocol.
func TestDown(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	reg := openToy(t, s.url)
	put := func(subject string) (registry.Registered, error) {
		return reg.Register(t.Context(), registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: subject}})
	}
	known, err := put("known")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []struct {
		name    string
		is, end func()
		want    api.Code
	}{
		{"stopped", func() { s.signalAll(t, "STOP") }, func() { s.signalAll(t, "CONT") }, api.OperationTimedOut},
		{"down", func() { s.end(t, "INT") }, func() { s.start(t) }, api.StoreFailure},
		{"read-only", func() { setReadOnly(t, s.url, "on") }, func() { setReadOnly(t, s.url, "off") }, api.StoreFailure},
	} {
		fault.is()
		if _, err := put(fault.name); !errors.Is(err, fault.want) {
			t.Errorf("%s: Register = %v, want code %d", fault.name, err, fault.want)
		}
		if got, err := reg.ByID(t.Context(), known.ID, ""); err != nil || got.Text != known.Text {
			t.Errorf("%s: ByID = %v, %v, want what is known", fault.name, got, err)
		}
		if got := reg.Subjects(nil, registry.Live); !strings.Contains(strings.Join(got, " "), "known") {
			t.Errorf("%s: Subjects = %q", fault.name, got)
		}
		fault.end()
		// A connection that died meanwhile may cost one more error.
		for tries := 0; ; tries++ {
			if _, err = put(fault.name); err == nil || tries == 50 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Errorf("%s, and over again: Register = %v", fault.name, err)
		}
	}
}

// setReadOnly makes a database refuse all changes, as a replica does.
func setReadOnly(t *testing.T, url, on string) {
	t.Helper()
	admin := url + "&default_transaction_read_only=off"
	exec(t, admin, "ALTER DATABASE postgres SET default_transaction_read_only = "+on)
	// A setting of a database holds for new connections.
	exec(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()")
}
