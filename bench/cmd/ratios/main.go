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
	"text/tabwriter"
	"time"

	"github.com/wireproof/wireproof/bench"
	"github.com/wireproof/wireproof/bench/internal/measure"
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
	cases, err := prepare(ctx, serdes)
	if err != nil {
		return err
	}
	if err := measure.Rounds(ctx, rounds, cases...); err != nil {
		return err
	}
	return table(stdout, serdes, cases)
}

// prepare returns, for each serde, its encode and its decode case.
func prepare(ctx context.Context, serdes []bench.Serde) ([]*measure.Case, error) {
	var cases []*measure.Case
	for _, s := range serdes {
		data, err := s.Encode()
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.Event, s.Name, err)
		}
		for _, call := range []func() error{func() error { _, err := s.Encode(); return err }, func() error { return s.Decode(data) }} {
			n, err := calls(ctx, call)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", s.Event, s.Name, err)
			}
			cases = append(cases, &measure.Case{Name: s.Event + ", " + s.Name, N: n, Run: repeat(call)})
		}
	}
	return cases, nil
}

func repeat(call func() error) func(context.Context, int) error {
	return func(_ context.Context, n int) error {
		for range n {
			if err := call(); err != nil {
				return err
			}
		}
		return nil
	}
}

// calls returns how many calls take a round's time.
func calls(ctx context.Context, call func() error) (int, error) {
	for n := 1000; ; n *= 2 {
		c := measure.Case{N: n, Run: repeat(call)}
		if err := c.Measure(ctx); err != nil {
			return 0, err
		}
		if c.CPU()*float64(n) >= float64(roundTime) || n >= 1<<24 {
			return n, nil
		}
	}
}

func table(stdout io.Writer, serdes []bench.Serde, cases []*measure.Case) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "event\tserde\tencode ns\tallocs\tratio\tdecode ns\tallocs\tratio\t")
	base := map[string][2]float64{} // generated code comes first
	for i, s := range serdes {
		encode, decode := cases[2*i], cases[2*i+1]
		if _, ok := base[s.Event]; !ok {
			base[s.Event] = [2]float64{encode.CPU(), decode.CPU()}
		}
		b := base[s.Event]
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\t%.1fx\t%.0f\t%.0f\t%.1fx\t\n", s.Event, s.Name,
			encode.CPU(), encode.Allocs(), encode.CPU()/b[0], decode.CPU(), decode.Allocs(), decode.CPU()/b[1])
	}
	return w.Flush()
}
