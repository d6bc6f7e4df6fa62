package natsbus

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"bytes"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// Against the server's own reading of two patterns.
func FuzzPatterns(f *testing.F) {
	for _, pair := range [][2]string{{"a.*", "a.b"}, {"a.>", "a.*.c"}, {">", "a"}, {"*.b", "a.*"}, {"a.b", "a.b.c"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !server.IsValidSubject(a) || !server.IsValidSubject(b) {
			return
		}
		if got, want := collide(a, b), server.SubjectsCollide(a, b); got != want {
			t.Errorf("collide(%q, %q) = %v, the server says %v", a, b, got, want)
		}
		if wildcard.Aside(a) == "" && wildcard.Aside(b) == "" && !wildcard.Is(b) && wildcard.Matches(a, b) != server.SubjectsCollide(a, b) {
			t.Errorf("%q matches %q: %v, the server says otherwise", a, b, wildcard.Matches(a, b))
		}
		if within(a, b) && !collide(a, b) {
			t.Errorf("%q is within %q and they have nothing in common", b, a)
		}
	})
}

// Different topics have different names, which the server and file systems take.
func FuzzNameFor(f *testing.F) {
	f.Add("orders.placed", "orders_placed")
	f.Add("a_.b", "a._b")
	f.Add(strings.Repeat("a", 300), strings.Repeat("a", 301))
	f.Add("ä", "=C3=A4")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := nameFor(a), nameFor(b)
		if a != b && x == y {
			t.Errorf("%q and %q are both %q", a, b, x)
		}
		if len(x) > maxName || strings.ContainsAny(x, " .*>/\\\x00") {
			t.Errorf("%q becomes %q", a, x)
		}
	})
}

// FuzzWire sends messages through a server: what went comes back.
func FuzzWire(f *testing.F) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		f.Fatal(err)
	}
	s.Start()
	f.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(10 * time.Second) {
		f.Fatal("the server does not start")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(nc.Close)
	sub, err := nc.SubscribeSync("t")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("key"), true, []byte("payload"), false, "a", []byte("1"), "b", []byte{0, 255})
	f.Add([]byte{}, true, []byte{}, true, "Nats-Msg-Id", []byte("x"), "status", []byte("503"))
	f.Add([]byte{}, false, []byte{}, false, "a:b", []byte(" \r\n"), "A", []byte("\ttab"))
	f.Add([]byte("\r\n"), true, []byte("\r\n"), false, "", []byte{}, "é", []byte("é"))
	f.Fuzz(func(t *testing.T, key []byte, hasKey bool, payload []byte, null bool, k1 string, v1 []byte, k2 string, v2 []byte) {
		in := event.Message{Topic: "t", Payload: append([]byte{}, payload...), Headers: event.Headers{{Key: k1, Value: v1}, {Key: k2, Value: v2}, {Key: k1, Value: v2}}}
		if hasKey {
			in.Key = append([]byte{}, key...)
		}
		if null {
			in.Payload = nil
		}
		m, err := encode(&in)
		if err != nil || int64(size(m)) > nc.MaxPayload() {
			return
		}
		if err := nc.PublishMsg(m); err != nil {
			t.Fatalf("%v of %v", err, m.Header)
		}
		got, err := sub.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		out := event.Message{}
		decode(got, &out)
		same := bytes.Equal(in.Key, out.Key) && (in.Key == nil) == (out.Key == nil) &&
			bytes.Equal(in.Payload, out.Payload) && (in.Payload == nil) == (out.Payload == nil) && len(in.Headers) == len(out.Headers)
		for i := range in.Headers {
			same = same && in.Headers[i].Key == out.Headers[i].Key && bytes.Equal(in.Headers[i].Value, out.Headers[i].Value)
		}
		if !same {
			t.Fatalf("%+v came back as %+v through %v", in, out, got.Header)
		}
	})
}
