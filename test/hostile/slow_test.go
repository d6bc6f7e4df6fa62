package hostile_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry/rest"
)

// dial opens a connection without a client's manners.
func (s *server) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// status reads the status of an answer, or 0 if the connection ends before one.
func status(conn net.Conn) int {
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return 0
		}
		io.Copy(io.Discard, res.Body) // cut short or not, the status stands
		res.Body.Close()
		if res.StatusCode != http.StatusContinue {
			return res.StatusCode
		}
	}
}

// Clients that send slowly or not at all are cut off, and hold up nobody else.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := newServer(t, rest.Options{}, time.Second)
	const head = "POST /subjects/slow/versions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	starts := []string{
		"", "POST /subjects", head, head + "Content-Length: 100000\r\n\r\n{\"schema\":\"",
		head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"sch\r\n", head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	}
	var wg sync.WaitGroup
	for range 20 {
		for _, start := range starts {
			conn := s.dial(t)
			wg.Go(func() {
				fmt.Fprint(conn, start)
				go func() { // a byte now and then; it ends with the connection
					for {
						time.Sleep(50 * time.Millisecond)
						if _, err := io.WriteString(conn, "a"); err != nil {
							return
						}
					}
				}()
				if got := status(conn); got != 0 && (got < 400 || got > 499) {
					t.Errorf("slow after %.60q: status %d, want 4xx or the end", start, got)
				}
			})
		}
	}
	for i := range 20 {
		if got := s.post(t, fmt.Sprintf("/subjects/honest%d/versions", i), `{"schema":"\"int\""}`); got.status != 200 {
			t.Errorf("an honest request meanwhile: %d %s", got.status, got.body)
		}
	}
	wg.Wait()
}

// Requests that two readers could read in two ways are refused.
func TestAmbiguousRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, rest.Options{}, time.Second)
	for name, request := range map[string]string{
		"two lengths":          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"negative length":      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"unknown coding":       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"space before colon":   "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
		"no host":              "GET / HTTP/1.1\r\n\r\n",
		"two hosts":            "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"zero byte in header":  "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
		"no path":              "GET subjects HTTP/1.1\r\nHost: x\r\n\r\n",
		"control in path":      "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
		"half an escape":       "GET /subjects/%2 HTTP/1.1\r\nHost: x\r\n\r\n",
		"raw parent folders":   "GET /subjects/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
		"other protocol":       "SSH-2.0-x\r\n\r\n",
		"old protocol":         "GET /subjects/none/versions HTTP/0.9\r\nHost: x\r\n\r\n",
		"chunk of huge length": "POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
		"chunk without end":    "POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("x", 100_000),
	} {
		conn := s.dial(t)
		fmt.Fprint(conn, request)
		if got := status(conn); got < 400 || got == http.StatusInternalServerError || got > 505 {
			t.Errorf("%s: status %d, want 4xx", name, got)
		}
	}
}

// A crowd of attacks at once costs no more than the bodies that are open.
func TestCrowd(t *testing.T) {
	s := newServer(t, rest.Options{})
	list := append(bodies(), names()...)
	before, stop := heap(), peak()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range list {
				s.attack(t, list[(i+w*7)%len(list)])
			}
		})
	}
	wg.Wait()
	if most := stop(); most > before+256<<20 {
		t.Errorf("the heap grew by %d MiB meanwhile, want at most 256", (most-before)>>20)
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("the heap is %d MiB larger than before, want at most 16", (after-before)>>20)
	}
}
