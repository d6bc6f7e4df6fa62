//go:build unix

package dlq

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockedFile opens a file that no other process opens until it is closed.
func lockedFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another process has %s open; pause that one first: %w", path, err), f.Close())
	}
	return f, nil
}
