// Command kafka prints what a message over kafkabus costs beside bare sarama, used well,
// and beside watermill-kafka: publishing in batches of 500 messages of 500 bytes, consuming
// with a handler that does nothing, a partition with a slow sibling, 10,000 retries that are
// due together, and transactions. Each has a bar. The brokers are in-process clusters in a
// process of their own; far ones give each answer 2 ms later. Cases are measured in rounds
// over all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event/kafkabus"
)

const (
	batch      = 500
	partitions = 4
)

var payload = make([]byte, 500)

func key(i int) []byte { return []byte("key-" + strconv.Itoa(i%1000)) }

func main() {
	if os.Getenv(childVariable) != "" {
		if err := serveClusters(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "kafka: clusters:", err)
			os.Exit(1)
		}
		return
	}
	rounds := flag.Int("rounds", 3, "how often each case is measured")
	only := flag.String("only", "", "measure only this part: publish, consume, siblings, retries or transactions")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *only, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, only string, stdout io.Writer) (err error) {
	c, err := startClusters(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	parts := []struct {
		name string
		run  func(context.Context, *clusters, int, io.Writer) error
	}{{"publish", publishing}, {"consume", consuming}, {"siblings", siblings}, {"retries", retries}, {"transactions", transactions}}
	for _, part := range parts {
		if only != "" && only != part.name {
			continue
		}
		if err := part.run(ctx, c, rounds, stdout); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintln(stdout)
	}
	return nil
}

// report measures cases and prints their figures and bars.
func report(ctx context.Context, rounds int, stdout io.Writer, cases []*measure.Case, bars ...measure.Bar) error {
	if err := measure.Rounds(ctx, rounds, cases...); err != nil {
		return err
	}
	measure.Figures(stdout, cases...)
	fmt.Fprintln(stdout)
	measure.Bars(stdout, bars...)
	return nil
}

// bareConfig is what careful users of sarama set.
func bareConfig() *sarama.Config {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Return.Successes = true
	conf.Producer.Partitioner = sarama.NewMurmur2Partitioner
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	return conf
}

func makeTopic(brokers []string, name string, partitions int32) error {
	admin, err := sarama.NewClusterAdmin(brokers, bareConfig())
	if err != nil {
		return err
	}
	return errors.Join(admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false), admin.Close())
}

func openBus(ctx context.Context, brokers []string) (*kafkabus.Bus, error) {
	return kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers})
}
