package volatile_test

import (
	"context"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/volatile"
)

// Work that nobody misses goes through a bounded queue in the process.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	warm := func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("warm %s\n", d.Key)
		stop()
		return nil
	}

	queue := volatile.New(1000, volatile.DropWhenFull()) // without it, Publish waits
	fmt.Println(queue.Publish(ctx, &event.Message{Topic: "cache", Key: []byte("o-17")}))
	err := queue.Run(ctx, warm, event.Unordered(4), event.Immediate(2), event.Backoff(time.Second, time.Minute))
	fmt.Println(queue.Dropped(), queue.Lost(), err)
	// Output:
	// <nil>
	// warm o-17
	// 0 0 <nil>
}
