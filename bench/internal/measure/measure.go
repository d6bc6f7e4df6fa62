// Package measure is what the commands of this module share: cases measured in rounds,
// tables of what they cost beside one another, and the servers that they need.
package measure

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

var start = time.Now()

// A Case is one way to do something N times, usually to move so many messages.
type Case struct {
	Name    string
	N       int                              // of one round
	Run     func(context.Context, int) error // is given N
	Before  func(context.Context) error      // called before each round, not measured; may be nil
	After   func(context.Context) error      // the same after it
	samples []sample
}

// A sample is what one round took for each of the N.
type sample struct{ cpu, wall, allocs float64 }

// Rounds measures every case in each of n rounds, so that a busy moment of the machine
// does not fall on one of them alone.
func Rounds(ctx context.Context, n int, cases ...*Case) error {
	for range n {
		for _, c := range cases {
			if err := c.Measure(ctx); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// Measure is one round of one case.
func (c *Case) Measure(ctx context.Context) error {
	if c.Before != nil {
		if err := c.Before(ctx); err != nil {
			return err
		}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun, used := time.Now(), CPU()
	err := c.Run(ctx, c.N)
	wall, cpu := time.Since(begun), CPU()-used
	runtime.ReadMemStats(&after)
	if err != nil {
		return err
	}
	n := float64(c.N)
	c.samples = append(c.samples, sample{cpu: float64(cpu) / n, wall: float64(wall) / n, allocs: float64(after.Mallocs-before.Mallocs) / n})
	if c.After != nil {
		return c.After(ctx)
	}
	return nil
}

// CPU is the time that the process computed for one of the N, in nanoseconds: the
// median of the rounds. It is at least one.
func (c *Case) CPU() float64 {
	return max(1, c.median(func(s sample) float64 { return s.cpu }))
}

// Allocs is the number of allocations for one of the N: the median of the rounds.
func (c *Case) Allocs() float64 {
	return c.median(func(s sample) float64 { return s.allocs })
}

// Rate is how many of the N a second saw: the median of the rounds.
func (c *Case) Rate() float64 {
	return 1e9 / c.median(func(s sample) float64 { return s.wall })
}

func (c *Case) median(of func(sample) float64) float64 {
	var all []float64
	for _, s := range c.samples {
		all = append(all, of(s))
	}
	return Median(all)
}

// Median sorts and returns the one in the middle.
func Median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// Figures writes a Markdown table of what each case took.
func Figures(w io.Writer, cases ...*Case) {
	fmt.Fprintln(w, "| what | CPU, ns a message | allocations | messages a second |\n|---|---|---|---|")
	for _, c := range cases {
		fmt.Fprintf(w, "| %s | %.0f | %.2f | %.0f |\n", c.Name, c.CPU(), c.Allocs(), c.Rate())
	}
}

// A Bar is what one figure of a case may be at most, or must be at least, in that of
// another case. What counts is the median of the ratios of each round, since whatever else
// the machine does meets both.
type Bar struct {
	Of, To *Case
	Figure func(*Case) float64 // such as (*Case).CPU
	AtMost float64             // 0 is none
	Least  float64             // 0 is none
}

// Bars writes a Markdown table of ratios with their bars. One that is not met says so;
// it is no error, since figures depend on the machine.
func Bars(w io.Writer, bars ...Bar) {
	fmt.Fprintln(w, "| ratio | measured | bar | |\n|---|---|---|---|")
	for _, b := range bars {
		got, met, bar := b.ratio(), "met", fmt.Sprint("≤ ", b.AtMost)
		if b.Least > 0 {
			bar = fmt.Sprint("≥ ", b.Least)
		}
		if b.AtMost > 0 && got > b.AtMost || got < b.Least {
			met = "not met"
		}
		fmt.Fprintf(w, "| %s / %s | %.3f | %s | %s |\n", b.Of.Name, b.To.Name, got, bar, met)
	}
}

func (b Bar) ratio() float64 {
	var all []float64
	for i := range b.Of.samples {
		all = append(all, b.Figure(&Case{samples: b.Of.samples[i : i+1]})/b.Figure(&Case{samples: b.To.samples[i : i+1]}))
	}
	return Median(all)
}
