// Command transports prints how fast natsbus, amqpbus and redisbus publish and consume
// beside the bare clients used well: pipelined, in batches, with the same durability, over
// the same topic. What is consumed goes through a source alone, and through event.Run. The
// servers are processes of their own, started by test/services.sh unless NATS_URL,
// AMQP_URL and REDIS_URL name them. Streams of NATS are in memory and Redis syncs each
// second, so that the client is what counts; queues of RabbitMQ are durable.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/wireproof/wireproof/bench/internal/measure"
)

const (
	topic = "bench"
	batch = 500
	bar   = 0.8 // of the bare client's rate
)

var payload = make([]byte, 500)

func main() {
	rounds := flag.Int("rounds", 3, "how often each case is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "transports:", err)
		os.Exit(1)
	}
}

// brokers are what is measured, with their names in test/services.sh and the variables
// that name their servers.
var brokers = []struct {
	service, variable string
	open              func(context.Context) (*broker, error)
}{{"nats", "NATS_URL", openNATS}, {"rabbitmq", "AMQP_URL", openRabbit}, {"redis", "REDIS_URL", openRedis}}

// run measures the brokers that can be had. One that cannot is an error after that.
func run(ctx context.Context, rounds int, stdout io.Writer) error {
	var cases []*measure.Case
	var bars []measure.Bar
	var missing error
	for _, x := range brokers {
		stop, err := measure.Services(ctx, map[string]string{x.service: x.variable})
		if err != nil {
			missing = errors.Join(missing, fmt.Errorf("%s is not measured: %w", x.service, err))
			continue
		}
		defer stop()
		b, err := x.open(ctx)
		if err != nil {
			return err
		}
		defer b.close()
		cs := b.cases()
		cases = append(cases, cs...)
		for _, of := range []struct{ of, to int }{{1, 0}, {3, 2}, {4, 2}} {
			bars = append(bars, measure.Bar{Of: cs[of.of], To: cs[of.to], Figure: (*measure.Case).Rate, Least: bar})
		}
	}
	if err := measure.Rounds(ctx, rounds, cases...); err != nil {
		return err
	}
	measure.Figures(stdout, cases...)
	fmt.Fprintln(stdout)
	measure.Bars(stdout, bars...)
	return missing
}
