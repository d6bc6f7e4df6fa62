package redisbus_test

import (
	"crypto/rand"
	"crypto/tls"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/redisbus"
	"github.com/wireproof/wireproof/test/nettest"
)

// freePort returns a port below those that the system hands out, so that nobody
// gets it before a server has.
func freePort(t *testing.T) string {
	t.Helper()
	for range 200 {
		n, err := rand.Int(rand.Reader, big.NewInt(12000))
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", n.Add(n, big.NewInt(10000)).String()))
		if err != nil {
			continue
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		_ = l.Close()
		return port
	}
	t.Fatal("no free port is found")
	return ""
}

// eventually opens a bus as soon as the server lets it.
func eventually(t *testing.T, c redis.UniversalClient, config redisbus.Config) *redisbus.Bus {
	t.Helper()
	ctx := patient(t)
	for {
		bus, err := redisbus.Open(ctx, c, config)
		if err == nil {
			return bus
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// roundTrip makes topics, publishes to them and reads them in a group.
func roundTrip(t *testing.T, bus *redisbus.Bus) {
	t.Helper()
	topics := []string{"secure", "another", "third"} // a cluster may keep them apart
	for _, topic := range topics {
		makeTopic(t, bus, topic)
		publish(t, bus, &event.Message{Topic: topic, Key: []byte("k"), Payload: []byte(topic)})
	}
	ds, _ := take(t, member(t, bus, "g", topics...), len(topics), true)
	for _, d := range ds {
		if string(d.Payload) != d.Topic {
			t.Errorf("%s came from topic %s", d.Payload, d.Topic)
		}
	}
}

func TestTLSAndUsers(t *testing.T) {
	dir := t.TempDir()
	pool := nettest.WriteCertificate(t, dir, 1)
	port := serve(t, func(port string) []string {
		conf := filepath.Join(dir, "users.conf") // what has spaces in it
		users := "user default off\nuser anna on >right-secret ~wireproof:* +@all\nuser reader on >right-secret ~wireproof:* +@all -xreadgroup\n"
		if err := os.WriteFile(conf, []byte(users), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{
			"--include", conf, "--port", "0", "--tls-port", port, "--tls-cert-file", filepath.Join(dir, "cert.pem"),
			"--tls-key-file", filepath.Join(dir, "key.pem"), "--tls-ca-cert-file", filepath.Join(dir, "cert.pem"), "--tls-auth-clients", "no",
		}
	})
	at := func(user, password string, conf *tls.Config) redis.UniversalClient {
		c := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:" + port}, Username: user, Password: password, TLSConfig: conf})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	trusting := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	roundTrip(t, eventually(t, at("anna", "right-secret", trusting), redisbus.Config{}))
	for name, c := range map[string]redis.UniversalClient{
		"a wrong password": at("anna", "wrong-secret", trusting), "nobody": at("", "", trusting),
		"an unknown authority": at("anna", "right-secret", &tls.Config{MinVersion: tls.VersionTLS12}),
	} {
		if _, err := redisbus.Open(t.Context(), c, redisbus.Config{}); err == nil || strings.Contains(err.Error(), "wrong-secret") {
			t.Errorf("%s: error %v, want one without the secret", name, err)
		}
	}
	// Who may not read is told so, and does not wait for ever.
	bus := eventually(t, at("reader", "right-secret", trusting), redisbus.Config{})
	if _, err := member(t, bus, "g", "secure").Receive(patient(t)); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("a member that may not read: %v", err)
	}
}

// In a cluster each topic is where its key says; two servers share the slots.
func TestCluster(t *testing.T) {
	cluster := func(port string) []string { return []string{"--port", port, "--cluster-enabled", "yes"} }
	ports := []string{serve(t, cluster), serve(t, cluster)}
	for i, port := range ports {
		c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
		t.Cleanup(func() { _ = c.Close() })
		eventually(t, c, redisbus.Config{})
		if err := c.ClusterAddSlotsRange(t.Context(), i*8192, i*8192+8191).Err(); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if err := c.ClusterMeet(t.Context(), "127.0.0.1", ports[0]).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx := patient(t)
	for _, port := range ports { // each has to hear of the other
		c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
		t.Cleanup(func() { _ = c.Close() })
		for {
			info, err := c.ClusterInfo(ctx).Result()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(info, "cluster_state:ok") {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("the cluster does not come up: %s", info)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	c := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:" + ports[0], "127.0.0.1:" + ports[1]}})
	t.Cleanup(func() { _ = c.Close() })
	roundTrip(t, eventually(t, c, redisbus.Config{MaxLen: 1000}))
}
