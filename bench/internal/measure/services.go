package measure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Services starts those servers that the environment does not name, and names them there.
// What each is called in test/services.sh leads to the variable that names it. The commands
// run in the folder of this module. Whoever has called it calls stop in the end.
func Services(ctx context.Context, variables map[string]string) (stop func(), err error) {
	var names []string
	for name, variable := range variables {
		if os.Getenv(variable) == "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return func() {}, nil
	}
	slices.Sort(names)
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	script, err := filepath.Abs("../test/services.sh")
	if err != nil {
		return nil, err
	}
	call := func(ctx context.Context, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, script, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("services.sh %s: %w", strings.Join(args, " "), err)
		}
		return string(out), err
	}
	stop = func() {
		if _, err := call(context.WithoutCancel(ctx), "clean", dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if _, err := call(ctx, append([]string{"install"}, names...)...); err != nil {
		return nil, err
	}
	out, err := call(ctx, append([]string{"start", dir}, names...)...)
	if err != nil {
		stop()
		return nil, err
	}
	for line := range strings.Lines(out) {
		if variable, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			if err := os.Setenv(variable, value); err != nil {
				stop()
				return nil, err
			}
		}
	}
	return stop, nil
}
