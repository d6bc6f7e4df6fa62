package amqpbus_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/test/nettest"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	one := []string{"amqp://127.0.0.1:1"}
	for _, tt := range []struct {
		name string
		conf amqpbus.Config
		want string
	}{
		{"no URL", amqpbus.Config{}, "no URL is given"},
		{"no URL at all", amqpbus.Config{URLs: []string{"amqp://u:secret@h:port/"}}, "URL 1: "},
		{"scheme", amqpbus.Config{URLs: []string{"http://u:secret@h/"}}, "expected amqp://user:password@host:port/vhost"},
		{"TLS", amqpbus.Config{URLs: one, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, "TLS is set; expected amqps"},
		{"prefetch", amqpbus.Config{URLs: one, Prefetch: 70000}, "Prefetch is 70000; expected 1 to 65535"},
		{"keep", amqpbus.Config{URLs: one, KeepFor: time.Millisecond}, "expected whole seconds"},
		{"nobody there", amqpbus.Config{URLs: []string{"amqp://u:secret@127.0.0.1:1/v"}}, "connect to RabbitMQ at 127.0.0.1:1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := amqpbus.Open(ctx, tt.conf)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open error = %v, want it to contain %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// A server that accepts and says nothing does not hold up Open.
func TestOpenHeedsItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := amqpbus.Open(ctx, amqpbus.Config{URLs: []string{"amqp://" + l.Addr().String()}}); err == nil || ctx.Err() == nil {
		t.Errorf("Open on a silent server: %v", err)
	}
}

// A password that is wrong is said so, without the password; that of the Config
// goes before that of the URL; and of several nodes the first that answers is
// taken.
func TestCredentials(t *testing.T) {
	u, err := url.Parse(broker(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("guest", "wrong-secret")
	_, err = amqpbus.Open(t.Context(), amqpbus.Config{URLs: []string{u.String()}})
	if err == nil || !strings.Contains(err.Error(), "username or password not allowed") || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("Open with a wrong password: %v", err)
	}
	open(t, amqpbus.Config{URLs: []string{"amqp://127.0.0.1:1", u.String()}, User: "guest", Password: "guest"})
}

// tlsFront speaks TLS before the broker, which speaks none here.
func tlsFront(t *testing.T) (address string, pool *x509.CertPool) {
	t.Helper()
	u, err := url.Parse(broker(t))
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := nettest.Certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", u.Host)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in); out.Close() }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().String(), pool
}

func TestTLS(t *testing.T) {
	address, pool := tlsFront(t)
	urls := []string{"amqps://guest:guest@" + address + "/"}
	bus := open(t, amqpbus.Config{URLs: urls, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("secure")}); err != nil {
		t.Fatal(err)
	}
	if got := texts(take(t, src, 1)); got != "secure" {
		t.Errorf("payload = %q", got)
	}
	if _, err := amqpbus.Open(t.Context(), amqpbus.Config{URLs: urls}); err == nil {
		t.Error("a certificate of an unknown authority is trusted")
	}
}

// A group that waits for a topic that does not exist would wait in silence.
func TestOpenRefusesTopicThatIsNotThere(t *testing.T) {
	bus := open(t, amqpbus.Config{})
	_, err := bus.Group("g").Open(t.Context(), "nowhere")
	if err == nil || !strings.Contains(err.Error(), `open topic "nowhere" for group "g": there is no exchange`) {
		t.Errorf("Open error = %v, want it to name topic and group", err)
	}
}

// A queue that is there and otherwise is not taken as it is.
func TestOpenRefusesQueueThatIsOtherwise(t *testing.T) {
	bus := open(t, amqpbus.Config{})
	topic := makeTopic(t, bus)
	join(t, bus, "g", topic).Close(t.Context())
	classic := open(t, amqpbus.Config{Queue: func(string, string) amqpbus.Queue { return amqpbus.Queue{Type: "classic"} }})
	if _, err := classic.Group("g").Open(t.Context(), topic); err == nil || !strings.Contains(err.Error(), "inequivalent arg 'x-queue-type'") {
		t.Errorf("Open error = %v, want what differs", err)
	}
}

// ours returns the stacks of goroutines that this package or the client has started.
func ours() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if (strings.Contains(stack, "wireproof/event/amqpbus.") || strings.Contains(stack, "rabbitmq/amqp091-go.")) && !strings.Contains(stack, "testing.tRunner") {
			out = append(out, stack)
		}
	}
	return out
}

// Closing leaves nothing behind: everything that a source and a bus have started
// has stopped. No test of this package runs beside it.
func TestCloseLeavesNothingBehind(t *testing.T) {
	url := broker(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for range 3 {
		bus, err := amqpbus.Open(ctx, amqpbus.Config{URLs: []string{url}})
		if err != nil {
			t.Fatal(err)
		}
		topic := makeTopic(t, bus)
		source, err := bus.Group("g").Open(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		if err := bus.Publish(ctx, &event.Message{Topic: topic, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if _, err := source.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		letters := event.DeadLetterTopic(topic, "g")
		if err := bus.MakeTopic(ctx, letters, topic); err != nil {
			t.Fatal(err)
		}
		if err := bus.Browse(ctx, letters, nil, func(*event.Delivery) bool { return false }); err != nil {
			t.Fatal(err)
		}
		if err := source.Close(ctx); err != nil {
			t.Error(err)
		}
		if _, err := source.Receive(ctx); err == nil {
			t.Error("a closed source receives")
		}
		if err := bus.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	for left := ours(); len(left) > 0; left = ours() {
		select {
		case <-ctx.Done():
			t.Fatalf("%d goroutines are left, such as\n%s", len(left), left[0])
		case <-time.After(20 * time.Millisecond): // connections end a little later
		}
	}
}
