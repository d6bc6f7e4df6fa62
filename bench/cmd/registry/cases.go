package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wireproof/wireproof/bench/internal/measure"
)

// A bench runs the cases one after the other and prints a line for each.
type bench struct {
	ctx         context.Context
	dir, binary string
	many        int // schemas in the large registry
	missed      bool

	floor, api, server *process
	idle               int64 // memory of the empty server
	registered         int
}

// Reads are sent in rounds over all servers, so that a busy moment of the
// machine does not fall on one of them alone.
const (
	readRounds = 31
	readBatch  = 2_000
	conns      = 4
	writeBatch = 1_000
	writeConns = 16 // a commit is shared by those who wait for it
	writers    = 200
	perWriter  = 10
)

func (b *bench) stopAll() {
	for _, p := range []*process{b.floor, b.api, b.server} {
		if p != nil {
			p.stop()
		}
	}
}

// line prints a figure beside its bar. Figures depend on the machine, so only
// one that is over four times the bar fails the run.
func (b *bench) line(what string, got, bar float64, unit string) {
	mark := ""
	if got > bar {
		mark = "  over the bar"
	}
	if got > 4*bar {
		b.missed = true
	}
	fmt.Printf("%-58s %9.3g %-4s bar %-6g%s\n", what, got, unit, bar, mark)
}

func (b *bench) serve(name string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return launch(b.ctx, address, b.binary, "serve", "--listen", address, "--data", filepath.Join(b.dir, name))
}

// start measures an empty server, and leaves it and the floor running.
func (b *bench) start() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.floor, err = launch(b.ctx, address, self, "-floor", address); err != nil {
		return err
	}
	if address, err = freeAddress(); err != nil {
		return err
	}
	if b.api, err = launch(b.ctx, address, self, "-api", address); err != nil {
		return err
	}
	if b.server, err = b.serve("data"); err != nil {
		return err
	}
	b.line("start with an empty store", float64(b.server.ready.Milliseconds()), 30, "ms")
	if b.idle, err = b.server.memory(); err != nil {
		return err
	}
	b.line("memory when idle", float64(b.idle)/(1<<20), 24, "MiB")
	return nil
}

func avroSchema(i int) string {
	return `{\"type\":\"record\",\"name\":\"R` + strconv.Itoa(i) + `\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"at\",\"type\":\"long\"},{\"name\":\"n\",\"type\":\"int\"}]}`
}

func registration(kind, schema string, i int) (method, path, body string) {
	return "POST", fmt.Sprintf("/subjects/%s-%d-value/versions", kind, i), `{"schemaType":"` + kind + `","schema":"` + schema + `"}`
}

func (b *bench) registerAvro(n int) error {
	from := b.registered
	b.registered += n
	return load(b.server.address, conns, n, func(i int) (string, string, string) {
		return registration("AVRO", avroSchema(from+i), from+i)
	})
}

// reads measures GET by id beside the floor, with one schema.
func (b *bench) reads() error {
	if err := load(b.api.address, 1, 1, func(int) (string, string, string) { return registration("AVRO", avroSchema(0), 0) }); err != nil {
		return err
	}
	if err := b.registerAvro(1); err != nil {
		return err
	}
	took, times, err := b.read(1, b.floor, b.api, b.server)
	if err != nil {
		return err
	}
	fmt.Printf("%-58s %9.3g us   the floor %.3g us\n", "GET by id, 1 schema: CPU", us(took[2]), us(took[0]))
	b.line("GET by id, 1 schema, the API alone: CPU, times the floor", times[1], 1.25, "x")
	b.line("GET by id, 1 schema, the whole server", times[2], 1.25, "x")
	return nil
}

// read returns what a GET costs each process, the least of several rounds, and the
// median over the rounds of what it costs in the first process' cost: what else the
// machine does meets both.
func (b *bench) read(schemas int, from ...*process) (best []time.Duration, times []float64, err error) {
	best = make([]time.Duration, len(from))
	all := make([][]float64, len(from))
	for _, p := range from { // an answer is made when it is first asked for
		err := load(p.address, conns, schemas, func(i int) (string, string, string) {
			return "GET", "/schemas/ids/" + strconv.Itoa(1+i), ""
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for round := range readRounds {
		var first time.Duration
		for i, p := range from {
			took, err := b.cpuOf(p, readBatch, func() error {
				return load(p.address, conns, readBatch, func(i int) (string, string, string) {
					return "GET", "/schemas/ids/" + strconv.Itoa(1+(round*readBatch+i)*7919%schemas), ""
				})
			})
			if err != nil {
				return nil, nil, err
			}
			if round == 0 || took < best[i] {
				best[i] = took
			}
			if i == 0 {
				first = took
			}
			all[i] = append(all[i], float64(took)/float64(first))
		}
	}
	for _, ratios := range all {
		times = append(times, measure.Median(ratios))
	}
	return best, times, nil
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// cpuOf returns the CPU time of a process for each of n requests.
func (b *bench) cpuOf(p *process, n int, f func() error) (time.Duration, error) {
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return (after - before) / time.Duration(n), err
}

// writes measures registrations with an empty and with a full registry, then
// what the full one takes and how fast it starts.
func (b *bench) writes() error {
	if err := b.registrations("0 subjects"); err != nil {
		return err
	}
	if err := b.registerAvro(b.many - b.registered); err != nil {
		return err
	}
	if err := b.registrations(fmt.Sprintf("%d subjects", b.many)); err != nil {
		return err
	}
	_, times, err := b.read(b.registered, b.floor, b.server)
	if err != nil {
		return err
	}
	b.line(fmt.Sprintf("GET by id, %d schemas, the whole server", b.registered), times[1], 1.25, "x")
	b.server.stop()
	if b.server, err = b.serve("data"); err != nil {
		return err
	}
	b.line(fmt.Sprintf("start with %d schemas, for each 10,000", b.registered), float64(b.server.ready.Milliseconds())*10_000/float64(b.registered), 1000, "ms")
	after, err := b.server.memory()
	if err != nil {
		return err
	}
	b.line("memory for each small schema", float64(after-b.idle)/float64(b.registered+6*writeBatch)/1000, 4, "kB")
	return nil
}

// registrations measures one new schema of each language, and one that is there.
func (b *bench) registrations(when string) error {
	text := map[string]func(i int) string{
		"AVRO": avroSchema,
		"JSON": func(i int) string {
			return `{\"title\":\"R` + strconv.Itoa(i) + `\",\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"at\":{\"type\":\"integer\"},\"n\":{\"type\":\"integer\"}},\"required\":[\"id\"]}`
		},
		"PROTOBUF": func(i int) string {
			return `syntax = \"proto3\"; message R` + strconv.Itoa(i) + ` { string id = 1; int64 at = 2; int32 n = 3; }`
		},
	}
	for _, kind := range []struct {
		name string
		bar  float64
	}{{"AVRO", 0.3}, {"JSON", 0.5}, {"PROTOBUF", 1.5}} {
		from := b.registered + 10_000_000
		if b.registered > 1 {
			from += 1_000_000
		}
		send := func() error {
			return load(b.server.address, writeConns, writeBatch, func(i int) (string, string, string) {
				return registration(kind.name, text[kind.name](from+i), from+i)
			})
		}
		took, err := b.cpuOf(b.server, writeBatch, send)
		if err != nil {
			return err
		}
		b.line(fmt.Sprintf("register a new schema, %s, %s: CPU", kind.name, when), took.Seconds()*1000, kind.bar, "ms")
		if took, err = b.cpuOf(b.server, writeBatch, send); err != nil {
			return err
		}
		b.line(fmt.Sprintf("register it again, %s, %s: CPU", kind.name, when), took.Seconds()*1000, 0.1, "ms")
	}
	return nil
}

// durable measures registrations that are on disk when they are answered.
func (b *bench) durable() error {
	n := writers * perWriter
	begin := time.Now()
	err := load(b.server.address, writers, n, func(i int) (string, string, string) {
		return registration("AVRO", avroSchema(50_000_000+i), 50_000_000+i)
	})
	if err != nil {
		return err
	}
	rate := float64(n) / time.Since(begin).Seconds()
	fmt.Printf("%-58s %9.0f     bar 1200 and above\n", fmt.Sprintf("durable registrations a second, %d writers", writers), rate)
	return nil
}
