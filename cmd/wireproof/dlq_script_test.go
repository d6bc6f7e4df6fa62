package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// Each script has Kafka at $KAFKA, with dead letters of orders for the groups billing
// and mail, and the registry of their schema at $REG.
func TestDLQScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/dlq",
		Setup: func(env *testscript.Env) error {
			url := registrytest.New(t).URL
			brokers := kafkatest.Fake(t, kfake.SeedTopics(1, "orders", "orders.billing.dlq", "orders.mail.dlq", "orders.billing.dlq.replayed", "orders.mail.dlq.replayed"))
			env.Setenv("NO_COLOR", "1")
			env.Setenv("REG", url)
			env.Setenv("KAFKA", "kafka://"+strings.Join(brokers, ","))
			env.Setenv("VISUAL", "")
			env.Setenv("EDITOR", "")
			env.Setenv("TMPDIR", os.TempDir())
			return buryOrders(t.Context(), url, brokers)
		},
	})
}

func buryOrders(ctx context.Context, url string, brokers []string) (err error) {
	id, err := client.New(url).Register(ctx, "orders-shop.Order", lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"Order","namespace":"shop",
		"fields":[{"name":"id","type":"string"},{"name":"total","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`})
	if err != nil {
		return err
	}
	bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers})
	if err != nil {
		return err
	}
	defer closing(&err, func() error { return bus.Close(ctx) })
	framed := func(value string) []byte { return append(codec.AppendFrame(nil, id), value...) }
	for i, x := range []struct {
		group, key, err string
		payload         []byte
	}{
		{"billing", "o-1", "order 17 not found", framed("\x06o-1\x0a\x00")},
		{"billing", "o-2", "order 18 not found", framed("\x06o-2\x0c\x02\x02n")},
		{"billing", "o-3", "the total is negative", framed("\x06o-3\x01\x00")},
		{"billing", "o-4", "no frame\nat the start", []byte("hello \x00")},
		{"mail", "o-5", "greylisted", framed("\x06o-5\x0e\x00")},
	} {
		d := &event.Delivery{Message: event.Message{Topic: "orders", Key: []byte(x.key), Payload: x.payload,
			Headers: event.Headers{{Key: "trace", Value: []byte("t1")}}}, Offset: int64(10 + i), Attempt: 3}
		if err := bus.Publish(ctx, event.DeadLetter(d, x.group, errors.New(x.err))); err != nil {
			return err
		}
	}
	return nil
}
