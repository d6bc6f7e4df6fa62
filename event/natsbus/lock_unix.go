//go:build unix

package natsbus

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes a file for as long as it is open.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another server uses it, see %s: %w", path, err), f.Close())
	}
	if err := note(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
