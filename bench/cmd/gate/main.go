// Command gate compares wireproof breaking with the released buf on a large tree
// and a small one, in one run: wall time, CPU time and peak memory of whole
// processes, as medians.
//
// The tree is the .proto files of the npm package google-proto-files, which are
// Google's public APIs, without google/protobuf; or that of -tree; or, if there is
// neither, one that is generated: 7,000 files with 1.6 million lines. The program of
// buf is the one that test/buf.sh builds, or that BUF names.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	tree := flag.String("tree", "", "folder of .proto files to compare on")
	rounds := flag.Int("rounds", 3, "how often a case on the large tree runs")
	avroOnly := flag.Bool("avro", false, "measure only the check of Avro subjects against a registry")
	flag.Parse()
	if err := run(*tree, *rounds, *avroOnly, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(1)
	}
}

// A scenario is one comparison.
type scenario struct {
	name    string
	dir     string // where both commands run
	against string
	rounds  int
	wall    time.Duration // the bars; 0 is none
	memory  int64
}

// Exit codes of findings: that of buf, and that of check.
const (
	bufFindings   = 100
	checkFindings = 1
)

func run(tree string, rounds int, avroOnly bool, w io.Writer) error {
	work, err := os.MkdirTemp("", "gate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	ours := filepath.Join(work, "wireproof")
	build := exec.Command("go", "build", "-o", ours, "./cmd/wireproof")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build wireproof: %w: %s", err, out)
	}
	if err := avroSubjects(work, ours, 5, w); err != nil {
		return err
	}
	if avroOnly {
		return nil
	}
	buf := os.Getenv("BUF")
	if buf == "" {
		out, err := exec.Command("../test/buf.sh").Output()
		if err != nil {
			return fmt.Errorf("build buf: %w", err)
		}
		buf = strings.TrimSpace(string(out))
	}
	cases, about, err := prepare(work, tree, rounds)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, about)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\tcommand\twall\tCPU\tpeak MB\tbar\tfindings")
	for _, c := range cases {
		mine, err := c.measure(c.rounds, bufFindings, ours, "breaking", "--against", c.against, "--timeout", "0")
		if err != nil {
			return err
		}
		theirs, err := c.measure(min(c.rounds, max(1, c.rounds/3)), bufFindings, buf, "breaking", "--exclude-imports", "--against", c.against, "--timeout", "0")
		if err != nil {
			return err
		}
		bar := fmt.Sprintf("%v", c.wall)
		if c.memory > 0 {
			bar += fmt.Sprintf(", %d MB", c.memory>>20)
		}
		fmt.Fprintf(t, "%s\twireproof\t%v\t%v\t%d\t%s\t%d\n", c.name, short(mine.wall), short(mine.cpu), mine.memory>>20, bar, mine.lines)
		fmt.Fprintf(t, "\tbuf\t%v\t%v\t%d\t\t%d\n", short(theirs.wall), short(theirs.cpu), theirs.memory>>20, theirs.lines)
		fmt.Fprintf(t, "\tratio\t%.1f\t%.1f\t%.1f\t\t\n", float64(theirs.wall)/float64(mine.wall), float64(theirs.cpu)/float64(mine.cpu), float64(theirs.memory)/float64(mine.memory))
		if mine.output != theirs.output {
			fmt.Fprintf(t, "\tthe outputs differ\t\t\t\t\t\n")
		}
	}
	return t.Flush()
}

func short(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// A sample is what one process took.
type sample struct {
	wall, cpu time.Duration
	memory    int64
	output    string
	lines     int
}

// measure runs a command so often and returns the median. Findings is the exit
// code that means them.
func (c scenario) measure(rounds, findings int, name string, args ...string) (sample, error) {
	var all []sample
	for range rounds {
		cmd := exec.Command(name, args...)
		cmd.Dir = c.dir
		var out strings.Builder
		cmd.Stdout = &out
		start := time.Now()
		err := cmd.Run()
		wall := time.Since(start)
		if code := cmd.ProcessState.ExitCode(); code != 0 && code != findings {
			return sample{}, fmt.Errorf("%s: %s: %w", c.name, filepath.Base(name), err)
		}
		s := sample{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), memory: peak(cmd.ProcessState), output: out.String()}
		s.lines = strings.Count(s.output, "\n")
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b sample) int { return int(a.wall - b.wall) })
	return all[len(all)/2], nil
}
