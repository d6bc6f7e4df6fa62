// Command ratios prints how long peers take to write and read an event, as
// multiples of what generated code takes in the same run. It measures CPU time,
// in rounds over all cases, and prints medians.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/wireproof/wireproof/bench"
	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

const (
	rounds    = 7 // the median counts
	roundTime = 50 * time.Millisecond
)

var start = time.Now()

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout io.Writer) error {
	reg, err := registry.Open(ctx, memlog.New(), all.Lenient(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		return err
	}
	defer reg.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: rest.New(reg, rest.Options{})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	serdes, err := bench.Serdes(ctx, "http://"+listener.Addr().String())
	if err != nil {
		return err
	}
	cases, err := prepare(serdes)
	if err != nil {
		return err
	}
	// One round measures every case, so that a busy moment of the machine does
	// not fall on one of them alone.
	for range rounds {
		for _, c := range cases {
			c.times = append(c.times, c.measure())
		}
	}
	return table(stdout, serdes, cases)
}

// A testCase is one function of one serde.
type testCase struct {
	call  func()
	runs  int // calls in a round
	times []time.Duration
}

// prepare returns, for each serde, its encode and its decode case.
func prepare(serdes []bench.Serde) ([]*testCase, error) {
	var cases []*testCase
	for _, s := range serdes {
		data, err := s.Encode()
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.Event, s.Name, err)
		}
		for _, call := range []func(){func() { _, _ = s.Encode() }, func() { _ = s.Decode(data) }} {
			c := &testCase{call: call, runs: 1000}
			for c.measure()*time.Duration(c.runs) < roundTime && c.runs < 1<<24 {
				c.runs *= 2
			}
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// measure returns the time of one call.
func (c *testCase) measure() time.Duration {
	runtime.GC()
	before := cpuTime()
	for range c.runs {
		c.call()
	}
	return (cpuTime() - before) / time.Duration(c.runs)
}

func (c *testCase) median() float64 {
	slices.Sort(c.times)
	return float64(max(1, c.times[len(c.times)/2]))
}

func table(stdout io.Writer, serdes []bench.Serde, cases []*testCase) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "event\tserde\tencode ns\tallocs\tratio\tdecode ns\tallocs\tratio\t")
	base := map[string][2]float64{} // generated code comes first
	for i, s := range serdes {
		encode, decode := cases[2*i], cases[2*i+1]
		if _, ok := base[s.Event]; !ok {
			base[s.Event] = [2]float64{encode.median(), decode.median()}
		}
		b := base[s.Event]
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\t%.1fx\t%.0f\t%.0f\t%.1fx\t\n", s.Event, s.Name,
			encode.median(), testing.AllocsPerRun(1000, encode.call), encode.median()/b[0],
			decode.median(), testing.AllocsPerRun(1000, decode.call), decode.median()/b[1])
	}
	return w.Flush()
}
