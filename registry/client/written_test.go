package client_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// An answer that was on its way while this client wrote says what was before.
// Whoever asks after the write is not given it, neither then nor later.
func TestAnswersFromBeforeAWrite(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string // answers to the same question
		status        int    // of the first
		write, ask    func(context.Context, *client.Client) error
	}{
		"a lookup and a registration": {
			before: `{"error_code":40401,"message":"Subject 's' not found."}`, status: 404, after: `{"id":1,"version":1,"schema":"x"}`,
			write: func(ctx context.Context, c *client.Client) error {
				_, err := c.Add(ctx, "s", api.RegisterRequest{Schema: "x"})
				return err
			},
			ask: func(ctx context.Context, c *client.Client) error {
				_, err := c.Find(ctx, "s", api.RegisterRequest{Schema: "x"})
				return err
			},
		},
		"a lookup and a deletion": {
			before: `{"id":1,"version":1,"schema":"x"}`, status: 200, after: `{"id":2,"version":2,"schema":"x"}`,
			write: func(ctx context.Context, c *client.Client) error {
				_, err := c.Delete(ctx, "s", false)
				return err
			},
			ask: func(ctx context.Context, c *client.Client) error {
				_, err := c.Find(ctx, "s", api.RegisterRequest{Schema: "x"})
				return err
			},
		},
		"settings and their change": {
			before: `{"compatibilityLevel":"NONE"}`, status: 200, after: `{"compatibilityLevel":"FULL"}`,
			write: func(ctx context.Context, c *client.Client) error { return c.SetLevel(ctx, "s", "FULL") },
			ask: func(ctx context.Context, c *client.Client) error {
				_, err := c.Config(ctx, "s")
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex // guards asked
				asked := 0
				slow := make(chan struct{})
				reg := client.New("http://x", stub(func(r *http.Request) (int, string) {
					switch question := r.Method == http.MethodGet || r.Method == http.MethodPost && r.URL.Path == "/subjects/s"; {
					case r.Method == http.MethodDelete:
						return 200, `[1]`
					case !question:
						return 200, `{"id":1,"version":1}`
					}
					mu.Lock()
					asked++
					first := asked == 1
					mu.Unlock()
					if first {
						<-slow
						return c.status, c.before
					}
					return 200, c.after
				}))
				var early sync.WaitGroup
				early.Go(func() { c.ask(t.Context(), reg) })
				synctest.Wait() // until that request is on its way
				if err := c.write(t.Context(), reg); err != nil {
					t.Fatal(err)
				}
				late := make(chan error, 1)
				go func() { late <- c.ask(t.Context(), reg) }()
				synctest.Wait()
				mu.Lock()
				if asked != 2 {
					t.Error("whoever asks after the write is given an answer from before it")
				}
				mu.Unlock()
				close(slow)
				early.Wait()
				if err := <-late; err != nil {
					t.Errorf("asked after the write: %v", err)
				}
				if err := c.ask(t.Context(), reg); err != nil {
					t.Errorf("asked again: %v", err)
				}
			})
		})
	}
}

// What was true before a deletion is not remembered, though its answer came later.
func TestLateAnswersAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		var mu sync.Mutex // guards id
		id := 0
		reg := client.New("http://x", stub(func(r *http.Request) (int, string) {
			if r.Method == http.MethodDelete {
				return 200, `[1]`
			}
			mu.Lock()
			id++
			first := id == 1
			mu.Unlock()
			if first {
				<-slow
				return 200, `{"id":1,"version":1,"schema":"x"}`
			}
			return 200, `{"id":2,"version":1,"schema":"x"}`
		}))
		find := func() int {
			got, err := reg.Find(t.Context(), "s", api.RegisterRequest{Schema: "x"})
			if err != nil {
				t.Error(err)
			}
			return got.ID
		}
		var early sync.WaitGroup
		early.Go(func() { find() })
		synctest.Wait()
		if _, err := reg.Delete(t.Context(), "s", true); err != nil {
			t.Fatal(err)
		}
		close(slow)
		early.Wait()
		if got := find(); got != 2 {
			t.Errorf("Find after the deletion returns id %d, want 2: 1 was deleted", got)
		}
	})
}
