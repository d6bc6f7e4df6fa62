package kafkalog

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/rest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// cut ends all connections of a log to Kafka and lets it make no new ones, until
// heal.
func (l *Log) cut() {
	for _, k := range []*link{l.data, l.group, l.tail} {
		k.dial.close()
	}
}

func (l *Log) heal() {
	for _, k := range []*link{l.data, l.group, l.tail} {
		k.dial.mu.Lock()
		k.dial.closed = false
		k.dial.mu.Unlock()
	}
}

// A whole is a server with everything around its log.
type whole struct {
	log *Log
	reg *registry.Registry
	url string
}

func startWhole(t *testing.T, conf Config) *whole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conf.URL = "http://" + l.Addr().String()
	log := openLog(t, conf)
	reg, err := registrytest.OpenToy(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: rest.New(reg, rest.Options{Leader: log.Leader})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close(); reg.Close() })
	return &whole{log, reg, conf.URL}
}

// ask returns the status and the body of an answer.
func (w *whole) ask(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (w *whole) put(t *testing.T, subject string) (int, string) {
	t.Helper()
	return w.ask(t, http.MethodPost, "/subjects/"+subject+"/versions", fmt.Sprintf(`{"schema":%q}`, subject))
}

// wantCutOff checks a server without its log: it serves what it knows, and says
// that it cannot write.
func (w *whole) wantCutOff(t *testing.T, subject string) {
	t.Helper()
	await1(t, "the end of the session", func() bool { url, _ := w.log.Leader(); return url == "" })
	if status, body := w.put(t, "refused"); status != 500 || !strings.Contains(body, `"error_code":50004`) || !strings.Contains(body, "Leader not known.") {
		t.Errorf("a write on a server that is cut off = %d %s, want 500 and code 50004", status, body)
	}
	if status, body := w.ask(t, http.MethodGet, "/subjects/"+subject+"/versions/1", ""); status != 200 {
		t.Errorf("a read on a server that is cut off = %d %s, want 200", status, body)
	}
}

// A server that is cut off from Kafka, be it the leader or not, serves reads and
// refuses writes; the others go on; and once it is back it knows what they did.
func TestCutOff(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		conf.Sticky, conf.SessionTimeout, conf.RequestTimeout, conf.AppendTimeout = true, 2*time.Second, 2*time.Second, 4*time.Second
		one := startWhole(t, conf)
		agree(t, one.url, one.log)
		two := startWhole(t, conf)
		agree(t, one.url, one.log, two.log)
		if status, body := two.put(t, "first"); status != 200 {
			t.Fatalf("a write on a follower = %d %s", status, body)
		}
		// At once: the follower has waited until it had read it.
		if status, body := two.ask(t, http.MethodGet, "/subjects/first/versions/1", ""); status != 200 {
			t.Errorf("a read after a write on the same follower = %d %s", status, body)
		}
		if status, body := two.ask(t, http.MethodPost, "/subjects/first", `{"schema":"first"}`); status != 200 {
			t.Errorf("a lookup on a follower = %d %s", status, body)
		}

		two.log.cut()
		two.wantCutOff(t, "first")
		if status, body := one.put(t, "second"); status != 200 {
			t.Fatalf("a write on the leader, while a follower is cut off = %d %s", status, body)
		}
		two.log.heal()
		agree(t, one.url, one.log, two.log)
		await1(t, "what the leader wrote", func() bool { s, _ := two.ask(t, http.MethodGet, "/subjects/second/versions/1", ""); return s == 200 })

		one.log.cut()
		one.wantCutOff(t, "second")
		agree(t, two.url, two.log)
		if status, body := two.put(t, "third"); status != 200 {
			t.Fatalf("a write on the new leader = %d %s", status, body)
		}
		one.log.heal()
		agree(t, two.url, one.log, two.log)
		if status, body := one.put(t, "fourth"); status != 200 {
			t.Fatalf("a write on the old leader = %d %s", status, body)
		}
		await1(t, "all subjects everywhere", func() bool {
			_, a := one.ask(t, http.MethodGet, "/subjects", "")
			_, b := two.ask(t, http.MethodGet, "/subjects", "")
			return a == b && a == `["first","fourth","second","third"]`
		})
	})
}

// A server that another one takes for the leader, and that is not, does not
// forward again.
func TestForwardedOnce(t *testing.T) {
	t.Parallel()
	conf := newConfig(kafkatest.Fake(t))
	conf.Sticky = true
	one := startWhole(t, conf)
	agree(t, one.url, one.log)
	two := startWhole(t, conf)
	agree(t, one.url, two.log)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, two.url+"/subjects/s/versions", strings.NewReader(`{"schema":"s"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"X-Forward": {"true"}, "Content-Type": {"application/json"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 500 || !strings.Contains(string(body), "50004") {
		t.Errorf("a forwarded write on a follower = %d %s, want 500 and code 50004", res.StatusCode, body)
	}
}

func TestWatch(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		conf.Sticky = true
		leader := openLeader(t, conf)
		conf.URL = "http://b:1"
		other := openLog(t, conf)
		ctx, cancel := context.WithCancel(t.Context())
		signals := other.Watch(ctx)
		hear := func(what string, want bool) {
			t.Helper()
			select {
			case _, open := <-signals:
				if open != want {
					t.Fatalf("%s: the channel is open %v, want %v", what, open, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%s: no signal", what)
			}
		}
		hear("at first", true)
		at := registry.Offset(0)
		for n := range 3 {
			next, err := leader.Append(t.Context(), at, []registry.Record{schemaOf("s", n+1, n+1, false)})
			if err != nil {
				t.Fatal(err)
			}
			for { // a signal may come for nothing, but one comes for this
				hear("after an append", true)
				if _, got, err := other.ReadFrom(t.Context(), at); err == nil && got == next {
					break
				}
			}
			at = next
		}
		cancel()
		for {
			if _, open := <-signals; !open {
				break
			}
		}
	})
}

// Close leaves nothing behind, also when the log is cut off, and calls after it
// say so.
func TestCloseLeavesNothing(t *testing.T) {
	ours := func() (out []string) {
		stacks := make([]byte, 1<<20)
		for _, s := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(s, "kafkalog.(*") || strings.Contains(s, "sarama.(*Broker)") || strings.Contains(s, "sarama.(*client)") {
				out = append(out, s)
			}
		}
		return out
	}
	for _, isCut := range []bool{false, true} {
		conf := newConfig(kafkatest.Fake(t))
		l := openLeader(t, conf)
		if _, err := l.Append(t.Context(), 0, []registry.Record{schemaOf("s", 1, 1, false)}); err != nil {
			t.Fatal(err)
		}
		signals := l.Watch(t.Context())
		if isCut {
			l.cut()
		}
		l.Close()
		for {
			if _, open := <-signals; !open {
				break
			}
		}
		await1(t, "the end of all goroutines", func() bool { return len(ours()) == 0 })
		if _, _, err := l.ReadFrom(t.Context(), 0); err == nil {
			t.Error("ReadFrom after Close succeeded")
		}
		if _, err := l.Append(t.Context(), 0, nil); err == nil {
			t.Error("Append after Close succeeded")
		}
		l.Close()
	}
}
