package pubsubbus_test

import (
	"context"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event/pubsubbus"
	"github.com/wireproof/wireproof/test/nettest"
)

// Connections that are cut, reset, silent and slow: nothing that was acknowledged is
// lost, and Run goes on. What was on its way comes again when its deadline is over,
// after 10 s on the fake. Google's emulator leaves what it has sent over a connection
// that is gone for a minute and longer.
func TestNetwork(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	w := nettest.New(t, srv.Addr, false)
	config := at(w.Addr())
	config.Streams = 5 // the fake gives a stream a message each 10 ms
	bus, err := pubsubbus.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := bus.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	nettest.Storm(t, w, bus, nettest.Load{Keys: 20, Ordered: true, Work: 30})
}
