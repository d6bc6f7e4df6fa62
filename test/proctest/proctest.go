// Package proctest runs the test's own program again as another process, which a test
// may freeze and kill. What the process does is up to the TestMain that starts it.
package proctest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A Process is the test's program in another role. It ends with the test, and after
// two minutes at the latest.
type Process struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Writer
	lines *bufio.Scanner
}

// Start starts the program with additional variables NAME=VALUE in its environment.
func Start(t *testing.T, env ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.in, p.lines = in, bufio.NewScanner(out)
	timer := time.AfterFunc(2*time.Minute, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		timer.Stop()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// Line returns the next line that the process prints; false if it prints none any
// more.
func (p *Process) Line() (string, bool) {
	ok := p.lines.Scan()
	return p.lines.Text(), ok
}

// Want fails the test unless the next line holds text.
func (p *Process) Want(text string) {
	p.t.Helper()
	if line, ok := p.Line(); !ok || !strings.Contains(line, text) {
		p.t.Fatalf("the process says %q, want %q", line, text)
	}
}

// Signal sends a signal, unless the process has ended.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// Tell writes a line for the process to read.
func (p *Process) Tell(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// Kill kills the process, and waits until it has ended. It reports whether a kill
// was its end: it was not if it had ended by itself.
func (p *Process) Kill() bool {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	return !p.cmd.ProcessState.Exited()
}

// End waits until the process ends by itself, without an error.
func (p *Process) End() {
	p.t.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the process: %v", err)
	}
}

// Must ends a process that has got an error.
func Must(err error) {
	if err != nil {
		fmt.Println("process:", err)
		os.Exit(1)
	}
}

// HoldOne is a process that takes a message of a topic, says so, waits for a line,
// and only then settles it. Then it takes one more, and ends.
func HoldOne(g event.Group, topic string) {
	ctx := context.Background()
	src, err := g.Open(ctx, topic)
	Must(err)
	b, err := src.Receive(ctx)
	Must(err)
	fmt.Println("holds", string(b.Deliveries[0].Payload))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println("settled:", b.Lane.Settle(b.Deliveries))
	<-b.Lane.Context().Done()
	fmt.Println("ended:", context.Cause(b.Lane.Context()))
	b.Lane.(event.Releaser).Release()
	again, err := src.Receive(ctx) // the lane is replaced
	Must(err)
	fmt.Println("then", string(again.Deliveries[0].Payload), again.Lane != b.Lane)
	Must(again.Lane.Settle(again.Deliveries))
	Must(src.Close(ctx))
	os.Exit(0)
}
