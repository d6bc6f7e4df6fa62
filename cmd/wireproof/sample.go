package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/internal/sample"
	"github.com/wireproof/wireproof/lang/all"
)

// samples reads the messages that --sample names with the schemas of the catalog.
func (a *app) samples(ctx context.Context, cfg *config.Config, c *catalog.Catalog, f checkFlags) ([]gate.Sample, error) {
	var out []gate.Sample
	for _, name := range f.samples {
		targets, err := sampleTargets(c, strings.TrimPrefix(name, "kafka:"), f.subject)
		if err != nil {
			return nil, err
		}
		var schemas codec.SchemaSource
		if reg, _, err := a.registry(cfg, a.env, f.registry); err == nil {
			schemas = codec.NewCache(reg)
		}
		r, err := a.sampled(ctx, name, schemas, targets, f.sampleLimit)
		if err != nil {
			return nil, exitWith(exitIncomplete, fmt.Errorf("sample %s: %w", name, err))
		}
		s := gate.Sample{Name: name, Read: r.Read, Skipped: r.Skipped}
		for _, fault := range r.Faults {
			text := fault.Err + "; the first is " + fault.First
			if fault.Writer != "" {
				text += ", written with " + fault.Writer
			}
			s.Faults = append(s.Faults, gate.SampleFault{Subject: fault.Subject, Text: text, Count: fault.Count})
		}
		a.note("%s: %d messages read, %d not, %d skipped", name, r.Read, r.Broken(), r.Skipped)
		out = append(out, s)
	}
	return out, nil
}

// sampleTargets returns the schemas that messages are read with: those of a
// topic's events if the name is that of a topic, else of all; or one subject's.
func sampleTargets(c *catalog.Catalog, name, subject string) ([]sample.Target, error) {
	events := c.Events
	if subject != "" {
		events = slices.DeleteFunc(slices.Clone(events), func(ev *catalog.Event) bool { return ev.Subject != subject })
		if len(events) == 0 {
			return nil, usagef("--subject is %q, which no event of the settings has", subject)
		}
	} else if slices.ContainsFunc(events, func(ev *catalog.Event) bool { return ev.Topic == name }) {
		events = slices.DeleteFunc(slices.Clone(events), func(ev *catalog.Event) bool { return ev.Topic != name })
	}
	var out []sample.Target
	for _, ev := range events {
		for _, l := range all.Languages() {
			if l.Type() != ev.File.Source.Type {
				continue
			}
			s, err := l.Parse(ev.File.Source)
			if err != nil {
				return nil, exitWith(exitIncomplete, err)
			}
			out = append(out, sample.Target{Name: ev.Name, Subject: ev.Subject, Schema: s})
		}
	}
	return out, nil
}

func (a *app) sampled(ctx context.Context, name string, schemas codec.SchemaSource, targets []sample.Target, limit int) (_ sample.Report, err error) {
	topic, ok := strings.CutPrefix(name, "kafka:")
	if !ok {
		f, err := os.Open(a.path(name))
		if err != nil {
			return sample.Report{}, err
		}
		defer closing(&err, f.Close)
		return sample.Check(ctx, atMost(sample.File(name, f), limit), schemas, targets)
	}
	bus, err := a.kafka(ctx, nil)
	if err != nil {
		return sample.Report{}, err
	}
	defer closing(&err, func() error { return bus.Close(context.WithoutCancel(ctx)) })
	return sample.Check(ctx, atMost(browse(ctx, bus, topic), limit), schemas, targets)
}

// browse yields the messages of a topic.
func browse(ctx context.Context, b event.Browser, topic string) iter.Seq2[sample.Message, error] {
	return func(yield func(sample.Message, error) bool) {
		stopped := false
		err := b.Browse(ctx, topic, nil, func(d *event.Delivery) bool {
			stopped = !yield(sample.Message{Where: fmt.Sprintf("%s[%d]@%d", topic, d.Partition, d.Offset), Data: d.Payload}, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(sample.Message{}, err)
		}
	}
}

// atMost ends a sequence after limit messages; 0 means never.
func atMost(in iter.Seq2[sample.Message, error], limit int) iter.Seq2[sample.Message, error] {
	return func(yield func(sample.Message, error) bool) {
		n := 0
		for m, err := range in {
			if !yield(m, err) {
				return
			}
			if n++; n == limit {
				return
			}
		}
	}
}
