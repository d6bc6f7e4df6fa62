package natsbus_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/test/nettest"
)

// serve starts a server with the given settings, and returns its address.
func serve(t *testing.T, set func(*server.Options)) string {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir()}
	set(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

// roundTrip makes a topic, publishes a message and reads it in a group: all three
// connections sign in.
func roundTrip(t *testing.T, config natsbus.Config) {
	t.Helper()
	bus := open(t, config)
	if err := bus.MakeTopic(t.Context(), "secure", ""); err != nil {
		t.Fatal(err)
	}
	if err := bus.Publish(t.Context(), &event.Message{Topic: "secure", Payload: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if ds, _ := take(t, member(t, bus, "g", "secure"), 1, true); string(ds[0].Payload) != "hello" {
		t.Errorf("payload = %q", ds[0].Payload)
	}
}

// refused fails unless the server does not let config in, in words without the
// secret.
func refused(t *testing.T, config natsbus.Config, secret string) {
	t.Helper()
	_, err := natsbus.Open(t.Context(), config)
	if err == nil {
		t.Fatalf("a wrong secret signs in")
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds the secret: %v", err)
	}
}

// The nkey that the documentation of NATS shows: its seed is public.
const (
	nkeySeed   = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
	nkeyPublic = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
)

func TestSignIn(t *testing.T) {
	address := serve(t, func(o *server.Options) { o.Username, o.Password = "anna", "right-secret" })
	roundTrip(t, natsbus.Config{Servers: []string{address}, User: "anna", Password: "right-secret"})
	refused(t, natsbus.Config{Servers: []string{address}, User: "anna", Password: "wrong-secret"}, "wrong-secret")
	refused(t, natsbus.Config{Servers: []string{strings.Replace(address, "//", "//anna:wrong-secret@", 1)}}, "wrong-secret")

	address = serve(t, func(o *server.Options) { o.Authorization = "right-token" })
	roundTrip(t, natsbus.Config{Servers: []string{address}, Token: "right-token"})
	refused(t, natsbus.Config{Servers: []string{address}, Token: "wrong-token"}, "wrong-token")

	seed := filepath.Join(t.TempDir(), "seed")
	if err := os.WriteFile(seed, []byte(nkeySeed), 0o600); err != nil {
		t.Fatal(err)
	}
	address = serve(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: nkeyPublic}} })
	roundTrip(t, natsbus.Config{Servers: []string{address}, NKey: seed})
	refused(t, natsbus.Config{Servers: []string{address}}, nkeySeed)
}

func TestTLS(t *testing.T) {
	cert, pool := nettest.Certificate(t)
	address := serve(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	})
	roundTrip(t, natsbus.Config{Servers: []string{address}, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
	if _, err := natsbus.Open(t.Context(), natsbus.Config{Servers: []string{address}, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}); err == nil {
		t.Error("a certificate of an unknown authority is trusted")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	plain := serve(t, func(o *server.Options) { o.JetStream = false })
	for name, c := range map[string]struct {
		config natsbus.Config
		want   string
	}{
		"no servers":   {natsbus.Config{}, "no servers are given"},
		"nobody there": {natsbus.Config{Servers: []string{"nats://127.0.0.1:1"}}, "connect to nats at nats://127.0.0.1:1"},
		"no JetStream": {natsbus.Config{Servers: []string{plain}}, "has no JetStream"},
		"two ways":     {natsbus.Config{Servers: []string{plain}, Token: "t", User: "u"}, "exclude one another"},
		"no user":      {natsbus.Config{Servers: []string{plain}, Password: "p"}, "a Password without a User"},
		"short wait":   {natsbus.Config{Servers: []string{plain}, AckWait: time.Millisecond}, "AckWait is 1ms"},
		"no seed":      {natsbus.Config{Servers: []string{plain}, NKey: "/nowhere"}, "nats nkey in /nowhere"},
	} {
		if _, err := natsbus.Open(patient(t), c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to contain %q", name, err, c.want)
		}
	}
}

// An old server drops a setting that it does not know in silence: a group that
// needs it is refused instead of getting what it did not ask for.
func TestOldServerAndSeveralFilters(t *testing.T) {
	u := url(t, "NATS29_URL")
	bus := open(t, natsbus.Config{Servers: []string{u}})
	nc, err := nats.Connect(u)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "OLD", Subjects: []string{"old.a", "old.b", "other.old"}}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = js.DeleteStream("OLD") }()
	if _, err := bus.Group("g").Open(t.Context(), "old.*"); err == nil || !strings.Contains(err.Error(), `open topic "old.*" for group "g": stream "OLD"`) {
		t.Errorf("error %v, want it to name topic and stream", err)
	}
}

// ours returns the stacks of goroutines that this package or the client library has
// started.
func ours() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if (strings.Contains(stack, "wireproof/event/natsbus.") || strings.Contains(stack, "nats-io/")) && !strings.Contains(stack, "testing.tRunner") {
			out = append(out, stack)
		}
	}
	return out
}

// Closing leaves nothing behind: everything that a source, a bus and a server have
// started has stopped. No test of this package runs beside it.
func TestCloseLeavesNothingBehind(t *testing.T) {
	ctx := patient(t)
	s, err := natsbus.Embedded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []natsbus.Config{{}, {Push: true}, {DoubleAck: true}} {
		bus, err := s.Open(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		makeTopic(t, bus, "leak")
		if err := bus.Publish(ctx, &event.Message{Topic: "leak", Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		src, err := bus.Group("g"+map[bool]string{true: "push"}[config.Push]).Open(ctx, "leak", "leak.*")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		if err := bus.Browse(ctx, "leak", nil, func(*event.Delivery) bool { return false }); err != nil {
			t.Fatal(err)
		}
		if err := src.Close(ctx); err != nil {
			t.Error(err)
		}
		if _, err := src.Receive(ctx); err == nil {
			t.Error("a closed source receives")
		}
		if err := bus.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	for left := ours(); len(left) > 0; left = ours() {
		select {
		case <-ctx.Done():
			t.Fatalf("%d goroutines are left, such as\n%s", len(left), left[0])
		case <-time.After(20 * time.Millisecond): // connections end a little later
		}
	}
}
