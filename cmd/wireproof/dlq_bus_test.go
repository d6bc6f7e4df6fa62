package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/test/nettest"
)

// The command lists, edits and replays over each broker that --bus can name.
func TestDLQOverBrokers(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"nats": func(t *testing.T) string {
			s, err := natsbus.Embedded(t.TempDir(), natsbus.Listen("127.0.0.1", 0))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s.URL()
		},
		"nats over TLS": secureNATS,
		"event log": func(t *testing.T) string {
			name := filepath.Join(t.TempDir(), "events.db")
			_, closeLog, err := openSQL(t.Context(), "sqlite", "file:"+name)
			if err != nil {
				t.Fatal(err)
			}
			if err := closeLog(); err != nil {
				t.Fatal(err)
			}
			return "log:" + name
		},
		"rabbitmq": func(t *testing.T) string { return serviceURL(t, "AMQP_URL") },
		"redis":    func(t *testing.T) string { return serviceURL(t, "REDIS_URL") + "?prefix=dlq:" },
	} {
		t.Run(name, func(t *testing.T) { overBroker(t, url(t)) })
	}
}

// secureNATS returns the URL of a server that asks for a certificate.
func secureNATS(t *testing.T) string {
	dir := t.TempDir()
	nettest.WriteCertificate(t, dir, 1)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	trusted, err := tlsConfig("/", cert, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		TLS: true, TLSVerify: true,
		TLSConfig: &tls.Config{
			Certificates: trusted.Certificates, ClientCAs: trusted.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return fmt.Sprintf("tls://%s?ca=%s&cert=%s&key=%s", s.Addr(), cert, cert, key)
}

// What is wrong with the files that a URL names is said before anything is sent.
func TestBusFiles(t *testing.T) {
	dir := t.TempDir()
	nettest.WriteCertificate(t, dir, 1)
	for where, want := range map[string]string{
		"tls://127.0.0.1:1?ca=" + filepath.Join(dir, "none.pem"):     "none.pem",
		"tls://127.0.0.1:1?ca=" + filepath.Join(dir, "key.pem"):      "no certificate",
		"amqps://127.0.0.1:1?cert=" + filepath.Join(dir, "cert.pem"): "go together",
		"redis://127.0.0.1:1?ca=" + filepath.Join(dir, "cert.pem"):   "rediss",
		"rediss://127.0.0.1:1?creds=x":                               "creds is for NATS",
		"nats://127.0.0.1:1?%zz":                                     "does not parse",
	} {
		_, err := (&app{}).bus(t.Context(), where, nil)
		var e *exit
		if !errors.As(err, &e) || e.code != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one of usage about %q", where, err, want)
		}
	}
}

func serviceURL(t *testing.T, variable string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" && os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is not set, and REQUIRE_SERVICES is 1", variable)
	}
	if url == "" {
		t.Skipf("%s is not set; make integration starts a server", variable)
	}
	return url
}

func overBroker(t *testing.T, url string) {
	ctx := t.Context()
	bus, err := (&app{}).bus(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	topic := fmt.Sprintf("cmd-%016x", rand.Uint64())
	maker := bus.(event.TopicMaker)
	if err := errors.Join(maker.MakeTopic(ctx, topic, ""), maker.MakeTopic(ctx, topic+".billing.dlq", topic)); err != nil {
		t.Fatal(err)
	}
	source, err := bus.Group("billing").Open(ctx, topic) // which takes what is replayed
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		d := &event.Delivery{Message: event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Appendf(nil, `{"n":%d}`, i)}, Offset: int64(i), Attempt: 1}
		if err := bus.Publish(ctx, event.DeadLetter(d, "billing", fmt.Errorf("no order %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	s := bare(t)
	on := func(args ...string) []string { return append(args, "--bus", url, "-g", "billing") }
	if out, _ := s.run(exitOK, on("dlq", "list", topic, "--group-by", "error")...); !strings.Contains(out, "no order #") {
		t.Errorf("groups %q", out)
	}
	out, _ := s.run(exitOK, on("dlq", "list", topic)...)
	lines := strings.Split(out, "\n")
	id, _, _ := strings.Cut(lines[1], " ")
	s.run(exitOK, on("dlq", "edit", topic, id, "--set", "n=17")...)
	if out, _ := s.run(exitOK, on("dlq", "replay", topic, "--all")...); strings.Count(out, "replayed\t") != 2 {
		t.Errorf("replay prints %q, want the two others", out)
	}
	if _, said := s.run(exitOK, on("dlq", "list", topic, "--pending")...); !strings.HasPrefix(said, "0 dead letters") {
		t.Errorf("pending: %s", said)
	}
	got := map[string]bool{}
	run, stop := context.WithCancel(ctx)
	defer stop()
	err = event.Run(run, bus.Group("billing"), []string{topic}, func(_ context.Context, d *event.Delivery) error {
		if got[string(d.Payload)] = true; len(got) == 3 { // one key: one after the other
			stop()
		}
		return nil
	})
	if err != nil || !got[`{"n":17}`] || !got[`{"n":1}`] || !got[`{"n":2}`] {
		t.Errorf("the group handles %v, %v", got, err)
	}
}

// A file store that a service has open is no empty one.
func TestDLQOfALogInUse(t *testing.T) {
	dir := t.TempDir()
	store, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, said := bare(t).run(exitIncomplete, "dlq", "list", "orders", "-g", "billing", "--bus", "log:"+dir); !strings.Contains(said, "another process") {
		t.Errorf("a log in use: %s", said)
	}
	if _, said := bare(t).run(exitUsage, "dlq", "list", "orders", "-g", "billing", "--bus", "log:"+dir+"-none"); !strings.Contains(said, "there is no log") {
		t.Errorf("a log that is not there: %s", said)
	}
}
