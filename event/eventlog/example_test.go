package eventlog_test

import (
	"context"
	"fmt"
	"os"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
)

// A report is made from all that has happened, and made again after a fix.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := filestore.Open(dir) // or sqlstore.New(ctx, db)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	log, err := eventlog.New(store)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range []string{"placed", "paid", "shipped"} {
		if err := log.Publish(ctx, &event.Message{Topic: "orders", Key: []byte("o-17"), Payload: []byte(p)}); err != nil {
			fmt.Println(err)
			return
		}
	}

	report := func(prefix string) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		return event.Run(ctx, log.Group("report"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
			fmt.Println(prefix, d.Offset, string(d.Payload))
			if d.Offset == 2 {
				stop()
			}
			return nil
		})
	}
	fmt.Println(report("first"))
	fmt.Println(log.Seek(ctx, "report", "orders", 1)) // 0 is the beginning; OffsetAt finds a time
	fmt.Println(report("again"))
	// Output:
	// first 0 placed
	// first 1 paid
	// first 2 shipped
	// <nil>
	// <nil>
	// again 1 paid
	// again 2 shipped
	// <nil>
}
