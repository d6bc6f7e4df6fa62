// Command transports prints how fast natsbus and redisbus publish and consume, as
// shares of what the bare clients reach when they are used well: pipelined, in
// batches. The servers are processes of their own, started by test/services.sh
// unless NATS_URL and REDIS_URL name them; streams are in memory, so that the
// client is what counts. One round measures every case; the fastest round of each counts,
// since whatever else runs on the machine can only slow it down.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	rounds = 30
	sent   = 2_000  // messages that a round publishes
	total  = 10_000 // messages that a round consumes
	batch  = 500
	bar    = 0.8 // of the bare client's rate
)

var payload = make([]byte, 500)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "transports:", err)
		os.Exit(1)
	}
}

var start = time.Now()

// A side is one way to do it. leave, if there is one, is not timed.
type side struct {
	call       func(context.Context) (leave func() error, err error)
	wall, used []time.Duration // of each round; used is the CPU time of this process
}

// A testCase is one thing done by the bare client and by ours.
type testCase struct {
	name       string
	messages   int                         // of a round
	prepare    func(context.Context) error // before each of the two
	bare, ours side
}

func run(ctx context.Context, stdout io.Writer) error {
	stop, err := servers()
	if err != nil {
		return err
	}
	defer stop()
	var cases []*testCase
	for _, open := range []func(context.Context) ([]*testCase, func(), error){natsCases, redisCases} {
		cs, done, err := open(ctx)
		if err != nil {
			return err
		}
		defer done()
		cases = append(cases, cs...)
	}
	for range rounds {
		for _, c := range cases {
			if err := c.measure(ctx); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return table(stdout, cases)
}

func (c *testCase) measure(ctx context.Context) error {
	for _, x := range []*side{&c.bare, &c.ours} {
		if err := c.prepare(ctx); err != nil {
			return err
		}
		runtime.GC()
		begun, used := time.Now(), cpuTime()
		leave, err := x.call(ctx)
		if err != nil {
			return err
		}
		x.wall, x.used = append(x.wall, time.Since(begun)), append(x.used, cpuTime()-used)
		if leave != nil {
			if err := leave(); err != nil {
				return err
			}
		}
	}
	return nil
}

func table(stdout io.Writer, cases []*testCase) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "case\tbare client, messages/s\tours\tshare\tCPU a message\tours\tbar of the share\n")
	missed := 0
	for _, c := range cases {
		bare, ours := slices.Min(c.bare.wall), slices.Min(c.ours.wall)
		share := float64(bare) / float64(ours)
		verdict := "kept"
		if share < bar {
			verdict = "missed"
			missed++
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f\t%v\t%v\t%.1f %s\n", c.name, float64(c.messages)/bare.Seconds(), float64(c.messages)/ours.Seconds(), share,
			slices.Min(c.bare.used)/time.Duration(c.messages), slices.Min(c.ours.used)/time.Duration(c.messages), bar, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d bars are missed", missed)
	}
	return nil
}

// servers starts what the environment does not name.
func servers() (stop func(), err error) {
	var names []string
	for name, variable := range map[string]string{"nats": "NATS_URL", "redis": "REDIS_URL"} {
		if os.Getenv(variable) == "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "transports")
	if err != nil {
		return nil, err
	}
	script, err := filepath.Abs("../test/services.sh")
	if err != nil {
		return nil, err
	}
	call := func(args ...string) (string, error) {
		cmd := exec.Command(script, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		return string(out), err
	}
	stop = func() { _, _ = call("clean", dir) }
	if _, err := call(append([]string{"install"}, names...)...); err != nil {
		return nil, fmt.Errorf("services.sh install %v: %w", names, err)
	}
	out, err := call(append([]string{"start", dir}, names...)...)
	if err != nil {
		stop()
		return nil, fmt.Errorf("services.sh start %v: %w", names, err)
	}
	for line := range strings.Lines(out) {
		if variable, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			if err := os.Setenv(variable, value); err != nil {
				return nil, err
			}
		}
	}
	return stop, nil
}
