package claimcheck_test

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/claimcheck"
	"github.com/wireproof/wireproof/event/membus"
)

// A large payload goes to a folder, a reference to the broker.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus := membus.New()
	dir, err := os.MkdirTemp("", "payloads")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	scan := bytes.Repeat([]byte("page "), 1<<20)
	read := func(_ context.Context, d *event.Delivery) error {
		fmt.Println(len(d.Payload), "bytes; on the broker", len(bus.Messages("scans")[0].Payload))
		stop()
		return nil
	}

	store, err := claimcheck.NewFolder(dir) // or redisstore, or s3store
	if err != nil {
		fmt.Println(err)
		return
	}
	pub, err := claimcheck.Publisher(bus, store, 64<<10) // above 64 KiB
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch, err := claimcheck.NewFetcher(store, 32<<20) // refuses more than 32 MiB
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pub.Publish(ctx, &event.Message{Topic: "scans", Payload: scan}))
	err = event.Run(ctx, bus.Group("archive"), []string{"scans"}, read, fetch.Prepare())
	fmt.Println(err)
	// Output:
	// <nil>
	// 5242880 bytes; on the broker 0
	// <nil>
}
