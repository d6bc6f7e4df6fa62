//go:build !bootstrap

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/hambacodec"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/gen/orders"
	ordersv1 "github.com/wireproof/wireproof/gen/orders/v1"
	"github.com/wireproof/wireproof/gen/payments"
	"github.com/wireproof/wireproof/lang"
)

// command runs one of our own commands in the workspace, as a user would.
func (d *demo) command(ctx context.Context, args ...string) (code int, out string) {
	var buf bytes.Buffer
	args = append([]string{"-C", d.workspace, "--color", d.a.color}, args...)
	code = run(ctx, args, strings.NewReader(""), &buf, &buf)
	return code, buf.String()
}

func (d *demo) show(command, out string) {
	d.detail("$ wireproof %s", command)
	for line := range strings.SplitSeq(strings.TrimRight(out, "\n"), "\n") {
		d.detail("  %s", line)
	}
}

// oldSchema registers the first version, as it was a year ago.
func (d *demo) oldSchema(ctx context.Context) error {
	current := ordersv1.OrderPlacedType().Source
	address := current.References[0]
	if _, err := d.registry.Register(ctx, address.Subject, *address.Source); err != nil {
		return err
	}
	id, err := d.registry.Register(ctx, orders.OrderPlacedSubject, oldSource(address))
	if err != nil {
		return err
	}
	d.say("Last year's schema is registered", "%s v1, id %d", orders.OrderPlacedSubject, id)
	return nil
}

// push registers today's schemas with the command that users run.
func (d *demo) push(ctx context.Context) error {
	code, out := d.command(ctx, "push", "--registry", d.url)
	if err := claim(code == exitOK, "push exits with %d:\n%s", code, out); err != nil {
		return err
	}
	d.say("Today's schemas are pushed", "compatible with what is there, each after what it refers to")
	d.show("push", out)
	code, out = d.command(ctx, "push", "--registry", d.url)
	return claim(code == exitOK && !strings.Contains(out, "new  "), "pushing again is not without effect: exit %d\n%s", code, out)
}

// traffic publishes and handles 10,000 events in key order.
func (d *demo) traffic(ctx context.Context) error {
	load, err := newLoad(ctx, d)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := load.publish(ctx); err != nil {
		return err
	}
	published := time.Since(start)
	start = time.Now()
	handler := newChecker(&d.books)
	err = consume(ctx, func() bool { return d.books.balanced() },
		func(ctx context.Context) error {
			return orders.Subscribe(ctx, d.bus.Group("billing"), d.registry, handler, event.ByKey(32))
		},
		func(ctx context.Context) error {
			return payments.Subscribe(ctx, d.bus.Group("billing"), d.registry, handler, event.ByKey(32))
		})
	if err != nil {
		return err
	}
	handled := time.Since(start)
	p, h, _ := d.books.counts()
	d.say("Events are published and handled in key order", "%d published in %s, %d handled in %s by 32 workers a partition", p, published.Round(time.Millisecond), h, handled.Round(time.Millisecond))
	if err := handler.disorder(); err != nil {
		return err
	}
	return claim(p == 10_000 && h == p, "published %d, handled %d", p, h)
}

// evolution interleaves writers of the old and of the new schema.
func (d *demo) evolution(ctx context.Context) error {
	address := ordersv1.OrderPlacedType().Source.References[0]
	old, err := hambacodec.Type[oldOrder]("orders.v1.OrderPlaced", oldSource(address))
	if err != nil {
		return err
	}
	oldWriter, err := codec.NewSerializer(ctx, d.registry, orders.OrderPlacedSubject, old)
	if err != nil {
		return err
	}
	newWriter, err := orders.NewPublisher(ctx, d.bus, d.registry)
	if err != nil {
		return err
	}
	const each = 500
	for i := range each {
		payload, err := oldWriter.Encode(anOldOrder(fmt.Sprintf("old-%d", i)))
		if err != nil {
			return err
		}
		m := &event.Message{Topic: orders.Topic, Key: fmt.Appendf(nil, "old-%d", i), Payload: payload}
		if err := d.bus.Publish(ctx, m); err != nil {
			return err
		}
		if err := newWriter.OrderPlaced(ctx, anOrder(fmt.Sprintf("new-%d", i), 0)); err != nil {
			return err
		}
		d.books.published(2)
	}
	mixed := &mixedHandler{books: &d.books}
	err = consume(ctx, func() bool { return d.books.balanced() }, func(ctx context.Context) error {
		return orders.Subscribe(ctx, d.bus.Group("billing"), d.registry, mixed, event.ByKey(32))
	})
	if err != nil {
		return err
	}
	oldCount, newCount, wrong := mixed.counts()
	d.say("Old and new writers side by side", "%d events of v1 (written by a struct with avro tags) and %d of v2, read by one handler", oldCount, newCount)
	d.detail("a v1 event arrives with channel=UNKNOWN, currency=EUR and its payment_method as payment")
	return claim(oldCount == each && newCount == each && wrong == "", "read %d old and %d new events; %s", oldCount, newCount, wrong)
}

// breakingChange edits the schema as somebody in a hurry would.
func (d *demo) breakingChange(ctx context.Context) error {
	file := filepath.Join(d.workspace, "schemas/orders/v1/order_placed.avsc")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	broken := strings.Replace(string(text), `"doc": "How many pieces.", "type": "int"}`, `"doc": "How many pieces.", "type": "string"}`, 1)
	broken = strings.Replace(broken, `{"name": "note",`, `{"name": "sales_tax", "doc": "The tax in it.", "type": "double"},
    {"name": "note",`, 1)
	if err := claim(broken != string(text), "the demo did not change the schema"); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
		return err
	}
	defer os.WriteFile(file, text, 0o644)
	code, out := d.command(ctx, "check", "--against", "registry", "--registry", d.url, "--output", "text")
	d.say("A breaking change is refused before it is merged", "quantity becomes a string, and sales_tax is new without a default")
	d.show("check --against registry", out)
	if err := claim(code == exitFindings, "check exits with %d, expected %d", code, exitFindings); err != nil {
		return err
	}
	code, out = d.command(ctx, "push", "-q", "--registry", d.url)
	d.detail("and whoever skips the check is refused by the registry:")
	d.show("push -q", out)
	return claim(code == exitPartly && strings.Contains(out, "refused"), "push exits with %d, expected %d", code, exitPartly)
}

// poison sends bytes that are no event, and an order that a bug cannot handle.
func (d *demo) poison(ctx context.Context) error {
	pub, err := orders.NewPublisher(ctx, d.bus, d.registry)
	if err != nil {
		return err
	}
	garbage := &event.Message{Topic: orders.Topic, Key: []byte("poison"), Payload: []byte("\x00\x00\x00\x00\x02not an order")}
	if err := d.bus.Publish(ctx, garbage); err != nil {
		return err
	}
	if err := pub.OrderPlaced(ctx, anOrder("zero", 0, free)); err != nil {
		return err
	}
	d.books.published(1)
	buggy := &divider{books: &d.books}
	letters := func() []dlq.Letter {
		l, err := dlq.List(ctx, d.bus, orders.Topic, "billing", dlq.Selection{})
		if err != nil {
			return nil
		}
		return l
	}
	err = consume(ctx, func() bool { return len(letters()) == 2 }, func(ctx context.Context) error {
		return orders.Subscribe(ctx, d.bus.Group("billing"), d.registry, buggy, event.Immediate(2))
	})
	if err != nil {
		return err
	}
	d.say("Poison goes to the dead letter, and the rest goes on", "2 dead letters of group billing on topic %s:", orders.Topic)
	var replay []string
	for _, l := range letters() {
		d.detail("%s  key %s  %s", l.ID, l.Key, firstLine(l.LastError))
		if string(l.Key) == "zero" {
			replay = append(replay, l.ID)
		}
	}
	if err := claim(len(replay) == 1, "the order is not in the dead letters"); err != nil {
		return err
	}
	buggy.fixed = true
	if _, err := dlq.Replay(ctx, d.bus, orders.Topic, "billing", dlq.Selection{IDs: replay}); err != nil {
		return err
	}
	err = consume(ctx, func() bool { return d.books.balanced() }, func(ctx context.Context) error {
		return orders.Subscribe(ctx, d.bus.Group("billing"), d.registry, buggy, event.Immediate(2))
	})
	d.detail("the bug is fixed and the order replayed: handled")
	return err
}

// balance closes the books.
func (d *demo) balance(context.Context) error {
	published, handled, twice := d.books.counts()
	d.say("The books balance", "published %d = handled %d, lost %d, handled again %d", published, handled, published-handled, twice)
	return claim(published == handled, "published %d, handled %d", published, handled)
}

// writeWorkspace writes the schemas of the generated types and the settings that
// they came from, as a repository has them.
func writeWorkspace(dir string) (string, error) {
	root := filepath.Join(dir, "repository")
	files := map[string]string{"wireproof.yaml": demoSettings}
	var add func(src lang.Source)
	add = func(src lang.Source) {
		files["schemas/"+src.Path] = src.Text
		for _, r := range src.References {
			if r.Source != nil {
				add(*r.Source)
			}
		}
	}
	for _, src := range demoSources() {
		add(src)
	}
	for p, text := range files {
		if err := writeNew(filepath.Join(root, filepath.FromSlash(p)), []byte(text)); err != nil {
			return "", errors.Join(errors.New("write the demo's repository"), err)
		}
	}
	return root, nil
}
