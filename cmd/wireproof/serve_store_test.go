package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// brittleLog can be made unreadable.
type brittleLog struct {
	registry.Log
	broken atomic.Bool
	reads  atomic.Int64
}

func (l *brittleLog) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	l.reads.Add(1)
	if l.broken.Load() {
		return nil, 0, errors.New("connection to canary-host refused")
	}
	return l.Log.ReadFrom(ctx, at)
}

// /readyz follows the log and the leader, asks the store once a second however
// often it is asked itself, and tells strangers no details.
func TestReadyz(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		h := newHealth(newLogger(&out, config.Log{Level: "info"}))
		ready := func() string {
			rec := httptest.NewRecorder()
			h.readyz(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if (rec.Code == 200) != strings.Contains(rec.Body.String(), `"ready":true`) {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
			return fmt.Sprint(rec.Code, " ", rec.Body)
		}
		expect := func(want string) {
			t.Helper()
			if got := ready(); !strings.Contains(got, want) {
				t.Errorf("/readyz = %s, want %s", got, want)
			}
		}
		expect(`503 {"ready":false,"reasons":["the log is being read"]}`)
		log := &brittleLog{Log: memlog.New()}
		reg, err := registry.Open(t.Context(), log, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer reg.Close()
		var leader atomic.Value
		leader.Store("")
		h.opened(reg, func() (string, bool) { return leader.Load().(string), false }, http.NotFoundHandler())
		expect(`503 {"ready":false,"reasons":["no server leads: nothing can be written"]}`)
		leader.Store("http://r:1")
		expect("503") // what was found out a moment ago
		time.Sleep(checkEvery)
		expect(`200 {"ready":true,"reasons":[]}`)
		log.broken.Store(true)
		time.Sleep(checkEvery)
		before := log.reads.Load()
		for range 100 {
			expect(`503 {"ready":false,"reasons":["the log cannot be read"]}`)
		}
		if got := log.reads.Load() - before; got != 1 {
			t.Errorf("100 requests have read the log %d times, want once", got)
		}
		time.Sleep(checkEvery)
		expect("503")
		if n := strings.Count(out.String(), "not ready: the log cannot be read"); n != 1 || !strings.Contains(out.String(), "canary-host") {
			t.Errorf("the log tells %d times, want once, with the reason:\n%s", n, &out)
		}
		log.broken.Store(false)
		time.Sleep(checkEvery)
		expect("200")
		h.draining.Store(true)
		expect(`503 {"ready":false,"reasons":["the server is stopping"]}`)
	})
}

// A request that comes while the store is read is answered once it is there, and
// refused if that takes long.
func TestEarlyRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHealth(newLogger(&lockedBuffer{}, config.Log{Level: "info"}))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/subjects", nil))
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("after a long time: %d, want 503 and Retry-After", rec.Code)
		}
		rec = httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/subjects", nil))
		}()
		time.Sleep(startPatience / 2)
		h.opened(nil, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
		<-done
		if rec.Code != 204 {
			t.Errorf("early request = %d, want the answer of the API", rec.Code)
		}
	})
}

// What was written to a store is there after a restart, and another server on
// the same store sees it.
func shareStore(t *testing.T, one, two []string) {
	t.Helper()
	a := serveForTest(t, one...)
	eventually(t, "ready", func() bool {
		status, _ := ask(t, "GET", a.url+"/readyz", "")
		return status == 200
	})
	if status, body := ask(t, "POST", a.url+"/subjects/s/versions", aSchema); status != 200 {
		t.Fatalf("register = %d %s", status, body)
	}
	if two != nil {
		b := serveForTest(t, two...)
		if status, body := ask(t, "GET", b.url+"/schemas/ids/1", ""); status != 200 {
			t.Errorf("GET from the other server = %d %s", status, body)
		}
		b.stop()
		<-b.ended
	}
	a.stop()
	<-a.ended
	again := serveForTest(t, one...)
	if status, body := ask(t, "GET", again.url+"/subjects/s/versions", ""); status != 200 || body != "[1]" {
		t.Errorf("GET after a restart = %d %s, want [1]", status, body)
	}
}

func TestServeSQLite(t *testing.T) {
	t.Parallel()
	args := []string{"--data", t.TempDir()}
	shareStore(t, args, nil)
}

func TestServePostgres(t *testing.T) {
	url := os.Getenv("POSTGRES_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("POSTGRES_URL is not set")
		}
		t.Skip("POSTGRES_URL is not set; make integration starts a server")
	}
	t.Setenv("WIREPROOF_TEST_POSTGRES", url)
	args := []string{
		"--store", "postgres", "--set", "store.postgres.url_env=WIREPROOF_TEST_POSTGRES",
		"--set", fmt.Sprintf("store.postgres.schema=serve_%d", time.Now().UnixNano()),
	}
	shareStore(t, args, args)
}

func kafkaArgs(brokers []string) []string {
	name := fmt.Sprintf("serve-%d", time.Now().UnixNano())
	return []string{
		"--store", "kafka", "--set", "store.kafka.brokers=" + strings.Join(brokers, ","),
		"--set", "store.kafka.topic=" + name, "--set", "store.kafka.group=" + name, "--set", "store.kafka.sticky=true",
	}
}

func TestServeKafka(t *testing.T) {
	t.Parallel()
	args := kafkaArgs(kafkatest.Real(t))
	shareStore(t, args, args)
}

// A server says on which cluster its schemas are, and with whom it shares them.
func TestServeTellsItsCluster(t *testing.T) {
	t.Parallel()
	args := kafkaArgs(kafkatest.Fake(t, kfake.ClusterID("of-the-fake")))
	s := serveForTest(t, append(args, "--set", "store.kafka.group=eu")...)
	want := `{"scope":{"path":[],"clusters":{"kafka-cluster":"of-the-fake","schema-registry-cluster":"eu"}}}`
	if status, body := ask(t, "GET", s.url+"/v1/metadata/id", ""); status != 200 || body != want {
		t.Errorf("GET /v1/metadata/id = %d %s, want %s", status, body, want)
	}
}

// Without a database the start ends with an error that holds no password.
func TestServeWithoutItsStore(t *testing.T) {
	t.Setenv("WIREPROOF_TEST_URL", "postgres://ann:canary@127.0.0.1:1/x?connect_timeout=1")
	for _, args := range [][]string{
		{"--store", "postgres", "--set", "store.postgres.url_env=WIREPROOF_TEST_URL"},
		append(kafkaArgs([]string{"127.0.0.1:1"}), "--set", "store.open_timeout=3s"),
	} {
		var out lockedBuffer
		code := run(t.Context(), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), &out, &out)
		if code != exitUsage || !strings.Contains(out.String(), "127.0.0.1:1") || strings.Contains(out.String(), "canary") {
			t.Errorf("serve %q = %d, want %d and the address:\n%s", args[:2], code, exitUsage, &out)
		}
	}
}
