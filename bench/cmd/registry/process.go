package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A process is a server that was started for a run.
type process struct {
	cmd     *exec.Cmd
	address string
	ready   time.Duration // from the start to the first answer
	log     bytes.Buffer
}

func launch(ctx context.Context, address string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), address: address}
	p.cmd.Stderr = &p.log
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(begin) < time.Minute {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			c, err := dial(address)
			if err != nil {
				return nil, err
			}
			defer c.close()
			if _, err := c.do("GET", "/", ""); err != nil {
				return nil, err
			}
			p.ready = time.Since(begin)
			return p, nil
		}
		time.Sleep(time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("%s did not answer:\n%s", name, p.log.String())
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
}

// cpu returns what the system has given to all threads of the process.
func (p *process) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("the CPU time of a process can be read on Linux only (%v)", err)
	}
	var sum time.Duration
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// memory returns how much memory the process owns, in bytes: what a machine must
// have for it beside the file of the program, which the system shares and drops.
func (p *process) memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no RssAnon of process %d", p.cmd.Process.Pid)
}
