//go:build unix

package measure

import (
	"syscall"
	"time"
)

// CPU returns what this process has computed so far, the collector included.
// Unlike the time on the wall, it does not count what other processes take away.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return time.Since(start)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
