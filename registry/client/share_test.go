package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// stub is a transport without a network, so that time can be bent.
func stub(f func(*http.Request) (int, string)) client.Option {
	return client.HTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		status, body := f(r)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
}

func TestCallersShareOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests, ended atomic.Int32
		c := client.New("http://x", client.Timeout(time.Hour), stub(func(r *http.Request) (int, string) {
			requests.Add(1)
			select {
			case <-time.After(time.Minute):
			case <-r.Context().Done():
				ended.Add(1)
			}
			return 200, `{"schema":"x"}`
		}))
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		results := make([]error, 100)
		for i := range results {
			ctx := t.Context()
			switch i {
			case 0:
				ctx = first
			case 1:
				short, stop := context.WithTimeout(ctx, time.Second)
				defer stop()
				ctx = short
			}
			wg.Go(func() { _, results[i] = c.SchemaByID(ctx, 1) })
			synctest.Wait() // so that the caller whose context ends is the first
		}
		cancel()
		wg.Wait()
		if requests.Load() != 1 || ended.Load() != 0 {
			t.Errorf("%d requests, %d of them ended early; want 1 for all callers, and that it goes on without the first", requests.Load(), ended.Load())
		}
		for i, err := range results {
			want := error(nil)
			switch i {
			case 0:
				want = context.Canceled
			case 1:
				want = context.DeadlineExceeded
			}
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("caller %d: %v, want %v", i, err, want)
			}
		}
	})
}

// When nobody waits any more, the request ends, and the next caller starts anew.
func TestLastCallerEndsTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests, ended atomic.Int32
		c := client.New("http://x", client.Timeout(time.Hour), stub(func(r *http.Request) (int, string) {
			if requests.Add(1) == 1 {
				<-r.Context().Done()
				ended.Add(1)
			}
			return 200, `{"schema":"x"}`
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.ByID(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ByID = %v, want that its context ended", err)
		}
		if got, err := c.ByID(t.Context(), 1); err != nil || got.Schema != "x" || requests.Load() != 2 {
			t.Errorf("ByID = %+v, %v after %d requests, want an answer of its own", got, err, requests.Load())
		}
		synctest.Wait()
		if ended.Load() != 1 {
			t.Error("the request that nobody waits for goes on")
		}
	})
}

func TestUnknownIsBelievedForAWhile(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	exists := false
	now := time.Unix(0, 0)
	c := client.New("http://x", client.Clock(func() time.Time { return now }), stub(func(r *http.Request) (int, string) {
		requests.Add(1)
		if exists {
			return 200, `{"id":1,"version":1,"schema":"x"}`
		}
		return 404, `{"error_code":40403,"message":"Schema not found"}`
	}))
	ask := func(want error, after int32, when string) {
		t.Helper()
		if _, err := c.SchemaByID(t.Context(), 1); !errors.Is(err, want) || (want == nil) != (err == nil) || requests.Load() != after {
			t.Errorf("%s: %v after %d requests, want %v after %d", when, err, requests.Load(), want, after)
		}
	}
	ask(codec.ErrUnknownID, 1, "first")
	ask(codec.ErrUnknownID, 1, "at once")
	exists = true
	ask(codec.ErrUnknownID, 1, "while it is believed")
	now = now.Add(2 * time.Second)
	ask(nil, 2, "later")
	ask(nil, 2, "and ever after")

	exists = false
	if _, err := c.Lookup(t.Context(), "s", lang.Source{Text: "x"}); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("Lookup = %v", err)
	}
	exists = true
	if _, err := c.Register(t.Context(), "s", lang.Source{Text: "y"}); err != nil {
		t.Error(err)
	}
	if _, err := c.Lookup(t.Context(), "s", lang.Source{Text: "x"}); err != nil {
		t.Errorf("Lookup = %v; writing ends what was believed", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	text := strings.Repeat("x", 1000)
	serve := stub(func(r *http.Request) (int, string) {
		requests.Add(1)
		return 200, `{"schema":"` + text + `"}`
	})
	ask := func(c *client.Client, ids ...uint32) int32 {
		t.Helper()
		before := requests.Load()
		for _, id := range ids {
			if _, err := c.ByID(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		return requests.Load() - before
	}
	three := client.New("http://x", serve, client.Cache(3, 1<<20))
	if n := ask(three, 1, 2, 3, 1, 2, 3); n != 3 {
		t.Errorf("%d requests for three ids, want 3", n)
	}
	if n := ask(three, 1, 4, 1, 3, 2); n != 2 {
		t.Errorf("%d requests, want 2: for the fourth id, and for the one that was not used for longest", n)
	}
	// Two texts fit, whatever the number of entries.
	small := client.New("http://x", serve, client.Cache(1000, 3000))
	if n := ask(small, 1, 2, 1, 2); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	if n := ask(small, 3, 2, 3, 1); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	for name, none := range map[string]*client.Client{
		"no entries": client.New("http://x", serve, client.Cache(0, 1<<20)),
		"no bytes":   client.New("http://x", serve, client.Cache(10, 0)),
	} {
		if n := ask(none, 1, 1, 1); n != 3 {
			t.Errorf("%s: %d requests, want 3", name, n)
		}
	}
}

func TestDeletingForgets(t *testing.T) {
	t.Parallel()
	n := 0
	c := client.New("http://x", stub(func(r *http.Request) (int, string) {
		if r.Method == http.MethodDelete {
			return 200, `[1]`
		}
		n++
		return 200, fmt.Sprintf(`{"id":%d,"version":%d,"schema":"x"}`, n, n)
	}))
	ask := func() int {
		t.Helper()
		got, err := c.Find(t.Context(), "s", api.RegisterRequest{Schema: "x"})
		if err != nil {
			t.Error(err)
		}
		return got.ID
	}
	for range 2 {
		if ask() != 1 {
			t.Error("the second Find asks the registry")
		}
	}
	if _, err := c.Delete(t.Context(), "s", false); err != nil {
		t.Error(err)
	}
	if ask() != 2 {
		t.Error("after Delete, Find still answers from memory")
	}
}

// A list is asked for again with its ETag, and is not sent again.
func TestRevalidation(t *testing.T) {
	t.Parallel()
	list, tag := `["a"]`, `"1"`
	var sent, notModified int
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			notModified++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent++
		io.WriteString(w, list)
	})
	c := client.New(url)
	want := func(body string, wantSent, wantNot int) {
		t.Helper()
		got, err := c.Subjects(t.Context())
		if err != nil || len(got) != 1 || got[0] != body || sent != wantSent || notModified != wantNot {
			t.Errorf("Subjects = %q, %v with %d bodies and %d confirmations, want %s, %d and %d", got, err, sent, notModified, body, wantSent, wantNot)
		}
	}
	want("a", 1, 0)
	want("a", 1, 1)
	list, tag = `["b"]`, `"2"`
	want("b", 2, 1)
	want("b", 2, 2)
}
