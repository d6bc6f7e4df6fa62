package access

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(2, 3, 0)
		for range 3 {
			if wait := l.take("a"); wait != 0 {
				t.Errorf("within the burst: wait %v", wait)
			}
		}
		// Refused requests do not push the end of the wait further away.
		for range 10 {
			if wait := l.take("a"); wait != 500*time.Millisecond {
				t.Errorf("after the burst: wait %v, want 500ms", wait)
			}
		}
		if wait := l.full("a"); wait != 500*time.Millisecond {
			t.Errorf("full: wait %v, want 500ms", wait)
		}
		if l.take("b") != 0 || l.full("c") != 0 {
			t.Error("one client holds up another")
		}
		time.Sleep(500 * time.Millisecond)
		if l.full("a") != 0 || l.take("a") != 0 || l.take("a") == 0 {
			t.Error("after the wait: want one more request and not two")
		}
		var none *limiter
		if none.take("a") != 0 {
			t.Error("without a limit: wait")
		}
	})
}

func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	l := newLimiter(0.001, 1, 100)
	l.take("kept")
	for i := range 10000 {
		l.take(fmt.Sprint("client ", i))
		if l.take("kept") == 0 {
			t.Fatal("a client that goes on sending was forgotten")
		}
		if len(l.byKey) > 100 || l.order.Len() != len(l.byKey) {
			t.Fatalf("%d clients are remembered, want at most 100", len(l.byKey))
		}
	}
	if l.take("client 0") != 0 || l.take("client 9999") == 0 {
		t.Error("want the clients of long ago forgotten, and the last ones not")
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	proxies, err := parseNetworks([]string{"10.0.0.0/8", "192.0.2.7", "fd00::/16"})
	if err != nil {
		t.Fatal(err)
	}
	g := &Guard{proxies: proxies}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.1:5", nil, "203.0.113.1"},
		{"203.0.113.1:5", []string{"198.51.100.1"}, "203.0.113.1"}, // not a proxy of ours: it may lie
		{"10.1.2.3:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[::ffff:10.1.2.3]:5", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.1.2.3:5", []string{"1.1.1.1, 198.51.100.1, 192.0.2.7"}, "198.51.100.1"},
		{"10.1.2.3:5", []string{"1.1.1.1", "198.51.100.1", "192.0.2.7"}, "198.51.100.1"},
		{"10.1.2.3:5", []string{"1.1.1.1, rubbish"}, "10.1.2.3"},
		{"10.1.2.3:5", []string{"1.1.1.1, rubbish, 10.0.0.9"}, "10.0.0.9"},
		{"10.1.2.3:5", []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"10.1.2.3:5", nil, "10.1.2.3"},
		{"[fd00::1]:5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"[fe80::1%eth0]:5", nil, "fe80::1"},
		{"@", nil, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := g.remote(r).String(); got != c.want {
			t.Errorf("peer %s, forwarded %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	if _, err := parseNetworks([]string{"10.0.0.0/8", "10.0.0.0/99"}); err == nil {
		t.Error("a network that is none is accepted")
	}
	one, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:0:1")
	if addressKey(one) != addressKey(other) || addressKey(one) == addressKey(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("want one key for a network of 64 bits")
	}
}

func FuzzRemote(f *testing.F) {
	g := &Guard{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Add("10.0.0.1:1", "1.2.3.4, 10.0.0.2")
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := g.remote(r)
		if addr, err := netip.ParseAddrPort(peer); err == nil && !g.trusts(addr.Addr().Unmap()) && got != addr.Addr().Unmap().WithZone("") {
			t.Errorf("%s says it forwards for %q, and is believed: %v", peer, forwarded, got)
		}
	})
}
