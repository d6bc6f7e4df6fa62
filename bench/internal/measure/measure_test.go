package measure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// taken returns a case whose rounds took these nanoseconds of CPU and wall.
func taken(name string, ns ...float64) *Case {
	c := &Case{Name: name}
	for _, t := range ns {
		c.samples = append(c.samples, sample{cpu: t, wall: t})
	}
	return c
}

// A bar is held against the median of the ratios of each round: here one round of three
// was slow for both, and one for one of them.
func TestBars(t *testing.T) {
	fast, slow := taken("fast", 10, 100, 11), taken("slow", 20, 200, 90)
	var out strings.Builder
	Bars(&out,
		Bar{Of: slow, To: fast, Figure: (*Case).CPU, AtMost: 2},
		Bar{Of: slow, To: fast, Figure: (*Case).CPU, AtMost: 1.9},
		Bar{Of: slow, To: fast, Figure: (*Case).Rate, Least: 0.5},
		Bar{Of: slow, To: fast, Figure: (*Case).Rate, Least: 0.6},
	)
	want := `| ratio | measured | bar | |
|---|---|---|---|
| slow / fast | 2.000 | ≤ 2 | met |
| slow / fast | 2.000 | ≤ 1.9 | not met |
| slow / fast | 0.500 | ≥ 0.5 | met |
| slow / fast | 0.500 | ≥ 0.6 | not met |
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// Each round measures every case once, around what is not measured, and stops at an error.
func TestRounds(t *testing.T) {
	var calls []string
	note := func(what string) func(context.Context) error {
		return func(context.Context) error { calls = append(calls, what); return nil }
	}
	a := &Case{Name: "a", N: 3, Before: note("before"), After: note("after"), Run: func(_ context.Context, n int) error {
		calls = append(calls, fmt.Sprint("run ", n))
		return nil
	}}
	failing := errors.New("boom")
	b := &Case{Name: "b", N: 1, Run: func(context.Context, int) error {
		calls = append(calls, "b")
		if len(calls) > 4 {
			return failing
		}
		return nil
	}}
	err := Rounds(t.Context(), 5, a, b)
	if got, want := strings.Join(calls, ", "), "before, run 3, after, b, before, run 3, after, b"; got != want {
		t.Errorf("calls were %s, want %s", got, want)
	}
	if !errors.Is(err, failing) || !strings.HasPrefix(err.Error(), "b: ") {
		t.Errorf("error %v, want that of b", err)
	}
	if len(a.samples) != 2 || len(b.samples) != 1 {
		t.Errorf("%d and %d samples, want 2 and 1", len(a.samples), len(b.samples))
	}
}
