package kafkalog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/rest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// listen takes a port for a server, whose URL must be known before it runs.
func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, "http://" + l.Addr().String()
}

// A server is one that a test has started.
type server struct {
	url string
	log *kafkalog.Log
	reg *registry.Registry
}

// serve runs a whole server on a log until the test ends.
func serve(t *testing.T, conf kafkalog.Config, toy bool) *server {
	t.Helper()
	l, url := listen(t)
	conf.URL = url
	log := open(t, conf)
	var reg *registry.Registry
	var err error
	if toy {
		reg, err = registrytest.OpenToy(t.Context(), log)
	} else {
		reg, err = registrytest.OpenReal(t.Context(), log)
	}
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: rest.New(reg, rest.Options{Leader: log.Leader})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close(); reg.Close() })
	return &server{url, log, reg}
}

// put registers over HTTP.
func put(url, subject, text string) (api.RegisterResponse, error) {
	var out api.RegisterResponse
	body, err := json.Marshal(api.RegisterRequest{Schema: text})
	if err != nil {
		return out, err
	}
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Post(url+"/subjects/"+subject+"/versions", "application/json", bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	dec := json.NewDecoder(res.Body)
	if res.StatusCode != http.StatusOK {
		e := new(api.Error)
		if err := dec.Decode(e); err != nil {
			return out, fmt.Errorf("status %d: %w", res.StatusCode, err)
		}
		return out, e
	}
	return out, dec.Decode(&out)
}

func TestRaceOnFake(t *testing.T) {
	t.Parallel()
	registrytest.TestRace(t, stores(func(t *testing.T) []string { return kafkatest.Fake(t) }), 30)
}

func TestRaceOnKafka(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Real(t)
	registrytest.TestRace(t, stores(func(*testing.T) []string { return brokers }), registrytest.Soak(60, 300))
}

// Two servers, to each of which half of the clients speak, never let in two
// schemas that break each other, and each client reads what it wrote from the
// server that it wrote to.
func TestRaceOverHTTP(t *testing.T) {
	t.Parallel()
	conf := newTopic(kafkatest.Real(t))
	servers := []*server{serve(t, conf, false), serve(t, conf, false)}
	agreed(t, servers...)
	for n := range registrytest.Soak(30, 300) {
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				s, subject := servers[i%2], fmt.Sprintf("race-%d", n)
				text := fmt.Sprintf(`{"type":"record","name":"R","fields":[{"name":"only%d","type":"int"}]}`, i)
				out, err := put(s.url, subject, text)
				switch {
				case err == nil:
					won.Add(1)
					if got, err := s.reg.Version(t.Context(), subject, 1, registry.Live); err != nil || got.ID != out.ID {
						t.Errorf("%s was written as id %d, and is read there as %d, %v", subject, out.ID, got.ID, err)
					}
				case !errors.Is(err, api.IncompatibleSchema):
					t.Errorf("register %s = %v, want success or an incompatible schema", subject, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d schemas that break each other were let in, want 1", won.Load())
		}
	}
}

// agreed waits until servers agree on a leader among them.
func agreed(t *testing.T, servers ...*server) {
	t.Helper()
	waitFor(t, "agreement", func() bool {
		leader, _ := servers[0].log.Leader()
		leads := 0
		for _, s := range servers {
			url, self := s.log.Leader()
			if url != leader {
				return false
			}
			if self {
				leads++
			}
		}
		return leads == 1
	})
}
