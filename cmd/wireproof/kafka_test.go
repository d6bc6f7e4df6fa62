package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func TestKafkaScripts(t *testing.T) { kafkaScripts(t, kafkatest.Fake(t)) }

func TestKafkaScriptsOnKafka(t *testing.T) { kafkaScripts(t, kafkatest.Real(t)) }

// kafkaScripts runs scripts that have a cluster at $BROKERS and a name of their own
// in $TOPIC, which files have as @TOPIC@, and one for a group in $GROUP.
func kafkaScripts(t *testing.T, brokers []string) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/kafka",
		Setup: func(env *testscript.Env) error {
			topic := fmt.Sprintf("script-%016x", rand.Uint64())
			env.Setenv("NO_COLOR", "1")
			env.Setenv("BROKERS", strings.Join(brokers, ","))
			env.Setenv("TOPIC", topic)
			env.Setenv("GROUP", topic+"-group")
			files, err := filepath.Glob(filepath.Join(env.WorkDir, "*.yaml"))
			if err != nil {
				return err
			}
			for _, name := range files {
				text, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(text), "@TOPIC@", topic)), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"publish": onBus(brokers, 2, publishSome),
			"settle":  onBus(brokers, 3, settleSome),
			"join":    onBus(brokers, 2, joinGroup),
			"count":   onBus(brokers, 2, countAll),
			"log":     writeLog,
		},
	})
}

// onBus gives a command a bus that lives as long as the script.
func onBus(brokers []string, n int, do func(ctx context.Context, ts *testscript.TestScript, bus *kafkabus.Bus, args []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != n {
			ts.Fatalf("want %d arguments, and no !", n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers, SessionTimeout: 6 * time.Second})
		ts.Check(err)
		ts.Defer(func() { _ = bus.Close(context.Background()) })
		ts.Check(do(ctx, ts, bus, args))
	}
}

// publishSome is publish TOPIC N: messages of several keys, the payload of each its
// number.
func publishSome(ctx context.Context, _ *testscript.TestScript, bus *kafkabus.Bus, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if err := bus.MakeTopic(ctx, args[0], ""); err != nil {
		return err
	}
	for i := range n {
		if err := bus.Publish(ctx, &event.Message{Topic: args[0], Key: fmt.Appendf(nil, "k%d", i%5), Payload: fmt.Append(nil, i)}); err != nil {
			return err
		}
	}
	return nil
}

// settleSome is settle GROUP TOPIC N: the group handles N messages and leaves.
func settleSome(ctx context.Context, _ *testscript.TestScript, bus *kafkabus.Bus, args []string) (err error) {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	src, err := bus.Group(args[0]).Open(ctx, args[1])
	if err != nil {
		return err
	}
	defer closing(&err, func() error { return src.Close(context.WithoutCancel(ctx)) })
	for n > 0 {
		b, err := src.Receive(ctx)
		if err != nil {
			return err
		}
		ds := b.Deliveries[:min(n, len(b.Deliveries))]
		if err := b.Lane.Settle(ds); err != nil {
			return err
		}
		n -= len(ds)
	}
	return nil
}

// joinGroup is join GROUP TOPIC: the group has a member until the script ends.
func joinGroup(ctx context.Context, ts *testscript.TestScript, bus *kafkabus.Bus, args []string) error {
	src, err := bus.Group(args[0]).Open(ctx, args[1])
	if err != nil {
		return err
	}
	ts.Defer(func() { _ = src.Close(context.Background()) })
	return nil
}

// countAll is count TOPIC N: the topic holds N messages, and those of one key are in
// order.
func countAll(ctx context.Context, _ *testscript.TestScript, bus *kafkabus.Bus, args []string) error {
	n, last, disorder := 0, map[string]int{}, 0
	err := bus.Browse(ctx, args[0], nil, func(d *event.Delivery) bool {
		n++
		i, err := strconv.Atoi(string(d.Payload))
		if v, _ := d.Headers.Get("trace"); err != nil || i < last[string(d.Key)] || string(v) != "t1" || !d.Time.Before(time.Now().Add(-time.Minute)) {
			disorder++
		}
		last[string(d.Key)] = i
		return true
	})
	if err == nil && (strconv.Itoa(n) != args[1] || disorder > 0) {
		err = fmt.Errorf("%s holds %d messages, %d of them not as they were; want %s", args[0], n, disorder, args[1])
	}
	return err
}

// writeLog is log WHERE TOPIC N: N messages are appended to a log in a folder, or in
// a SQLite database whose name ends in .db.
func writeLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("want log WHERE TOPIC N")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(fillLog(ts.MkAbs(args[0]), args[1], n))
}

// fillLog appends n messages of an hour ago to a log, which it makes.
func fillLog(where, topic string, n int) (err error) {
	if !strings.HasSuffix(where, ".db") {
		err = os.MkdirAll(filepath.Join(where, "topics"), 0o755)
	} else if _, statErr := os.Stat(where); statErr != nil {
		err = os.WriteFile(where, nil, 0o644)
	}
	if err != nil {
		return err
	}
	ctx := context.Background()
	log, closeLog, err := (&app{}).openLog(ctx, where)
	if err != nil {
		return err
	}
	defer closing(&err, closeLog)
	_, end, err := log.Bounds(ctx, topic)
	if err != nil {
		return err
	}
	var ms []*event.Message
	for i := range n {
		ms = append(ms, &event.Message{
			Topic: topic, Key: fmt.Appendf(nil, "k%d", i%5), Payload: fmt.Append(nil, int(end)+i), Time: time.Now().Add(-time.Hour),
			Headers: event.Headers{{Key: "trace", Value: []byte("t1")}},
		})
	}
	return log.Publish(ctx, ms...)
}
