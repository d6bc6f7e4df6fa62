//go:build !windows

package claimcheck

import (
	"errors"
	"fmt"
	"os"
)

// syncDir makes the names in dir survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("claimcheck: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("claimcheck: write the names in %s to the disk: %w", dir, err)
	}
	return nil
}
