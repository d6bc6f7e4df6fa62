package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// Whatever it waits for, a command that is interrupted says so, and not that
// something could not be checked.
func TestInterrupted(t *testing.T) {
	s := pushShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, command := range []string{
		"topics plan --brokers 127.0.0.1:1", "topics status --brokers 127.0.0.1:1",
		"dlq list orders --group g --brokers 127.0.0.1:1", "replay kafka:orders --group g --from end --brokers 127.0.0.1:1",
		"push --registry http://127.0.0.1:1", "check --against registry --registry http://127.0.0.1:1", "check --against git:HEAD",
	} {
		var out, complaints bytes.Buffer
		code := run(ctx, append([]string{"-C", s.dir}, strings.Fields(command)...), strings.NewReader(""), &out, &complaints)
		if code != exitInterrupted {
			t.Errorf("%s ends with %d\n%s%s", command, code, &out, &complaints)
		}
	}
}

// What is wrong with the command line is told as that by every command that has the
// flag.
func TestUsageOfAgainst(t *testing.T) {
	s := pushShell(t)
	for _, command := range [][]string{{"check"}, {"diff"}, {"explain", "0123456789ab"}} {
		s.run(exitUsage, append(command, "--against", "registries")...)
	}
}
