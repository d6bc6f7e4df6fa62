// Command ratios prints how long peers take to write and read an event, as
// multiples of what generated code takes in the same run.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"text/tabwriter"

	"github.com/wireproof/wireproof/bench"
	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// rounds is how often each case is measured; the median counts.
const rounds = 5

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout io.Writer) error {
	reg, err := registry.Open(ctx, memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{})
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
	testing.Init()
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "event\tserde\tencode ns\tallocs\tratio\tdecode ns\tallocs\tratio\t")
	base := map[string]row{}
	for _, s := range serdes {
		r, err := measure(s)
		if err != nil {
			return err
		}
		if _, ok := base[s.Event]; !ok {
			base[s.Event] = r // generated code comes first
		}
		b := base[s.Event]
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.1fx\t%d\t%d\t%.1fx\t\n", s.Event, s.Name,
			r.encode.NsPerOp(), r.encode.AllocsPerOp(), ratio(r.encode, b.encode),
			r.decode.NsPerOp(), r.decode.AllocsPerOp(), ratio(r.decode, b.decode))
	}
	return w.Flush()
}

type row struct{ encode, decode testing.BenchmarkResult }

func ratio(a, b testing.BenchmarkResult) float64 {
	return float64(a.NsPerOp()) / float64(max(1, b.NsPerOp()))
}

func measure(s bench.Serde) (row, error) {
	data, err := s.Encode()
	if err != nil {
		return row{}, fmt.Errorf("%s, %s: %w", s.Event, s.Name, err)
	}
	return row{
		encode: median(func() { _, _ = s.Encode() }),
		decode: median(func() { _ = s.Decode(data) }),
	}, nil
}

func median(f func()) testing.BenchmarkResult {
	results := make([]testing.BenchmarkResult, rounds)
	for i := range results {
		results[i] = testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	slices.SortFunc(results, func(a, b testing.BenchmarkResult) int { return int(a.NsPerOp() - b.NsPerOp()) })
	return results[rounds/2]
}
