package membus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// A pattern stands for all topics that match, those that are there and those that
// come, and what two patterns of a group match arrives once.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		topics []string
		want   string
	}{
		{[]string{"orders.*"}, "orders.eu orders.us"},
		{[]string{"orders.>"}, "orders.eu orders.eu.vip orders.us"},
		{[]string{">"}, "invoices.eu orders.eu orders.eu.vip orders.us"},
		{[]string{"*.eu", "orders.>", "orders.us"}, "invoices.eu orders.eu orders.eu.vip orders.us"},
		{[]string{"orders.eu"}, "orders.eu"},
		{[]string{"orders.>.g.dlq"}, "orders.eu.g.dlq"},
	} {
		t.Run(strings.Join(c.topics, " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := membus.New()
				publish := func(topics ...string) {
					for _, topic := range topics {
						if err := b.Publish(t.Context(), message(topic, "k", topic)); err != nil {
							t.Fatal(err)
						}
					}
				}
				publish("orders.eu", "invoices.eu", "orders.eu.g.dlq")
				a, z := open(t, b, "g", c.topics...), open(t, b, "g", c.topics...)
				publish("orders.us", "orders.eu.vip")
				var mu sync.Mutex
				var got []string
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var members sync.WaitGroup
				for _, s := range []event.Source{a, z} {
					members.Go(func() {
						for {
							batch, err := s.Receive(ctx)
							if err != nil {
								return
							}
							for _, d := range batch.Deliveries {
								mu.Lock()
								got = append(got, d.Topic)
								mu.Unlock()
							}
							settle(t, batch)
						}
					})
				}
				members.Wait()
				slices.Sort(got)
				if strings.Join(got, " ") != c.want {
					t.Errorf("received %v, want %s", got, c.want)
				}
			})
		})
	}
}

// A consumer of a pattern has retries and dead letters for each topic that it
// meets, also for one that appears while it runs.
func TestRunOnPattern(t *testing.T) {
	for _, pattern := range []string{"orders.*", "orders.>"} {
		synctest.Test(t, func(t *testing.T) {
			b := membus.New()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var mu sync.Mutex
			attempts := map[string]int{}
			time.AfterFunc(time.Second, func() {
				for _, topic := range []string{"orders.eu", "orders.us"} {
					if err := b.Publish(ctx, message(topic, "k", topic)); err != nil {
						t.Error(err)
					}
				}
			})
			err := event.Run(ctx, b.Group("g"), []string{pattern}, func(_ context.Context, d *event.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				attempts[d.Meta().Topic]++
				return errors.New("no")
			}, event.RetryLevels(time.Minute, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range []string{"orders.eu", "orders.us"} {
				if dead := b.Messages(event.DeadLetterTopic(topic, "g")); attempts[topic] != 3 || len(dead) != 1 || string(dead[0].Payload) != topic {
					t.Errorf("%s: %d attempts and dead letters %v", topic, attempts[topic], dead)
				}
			}
			for _, topic := range b.Topics() {
				if strings.ContainsAny(topic, "*>") {
					t.Errorf("there is a topic %q", topic)
				}
			}
		})
	}
}

// A pattern is no topic to publish to, and one that cannot match is refused.
func TestPatternMistakes(t *testing.T) {
	b := membus.New()
	if err := b.Publish(t.Context(), message("orders.*", "k", "")); err == nil || !strings.Contains(err.Error(), "is a pattern") {
		t.Errorf("publish: %v", err)
	}
	if s, err := b.Group("g").Open(t.Context(), "orders.>.eu"); err == nil {
		t.Errorf("a pattern that matches nothing is opened: %v", s)
	}
}

// A thousand other patterns cost a publisher nothing: what matches is found out
// when a topic appears.
func TestManyPatterns(t *testing.T) {
	b := membus.New(membus.Limit(1<<30, 1<<40))
	for i := range 1000 {
		open(t, b, fmt.Sprint("g", i), fmt.Sprintf("other.%d.*", i))
	}
	s := open(t, b, "g", "orders.*")
	m := message("orders.eu", "k", "x")
	publish := func() {
		if err := b.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	if got := receive(t, s); got.Deliveries[0].Topic != "orders.eu" {
		t.Errorf("received %v", got.Deliveries[0])
	}
	one := testing.AllocsPerRun(1000, publish)
	if one > 3 { // key, payload, and now and then the log
		t.Errorf("%v allocations to publish beside a thousand patterns, want 3 at most", one)
	}
}
