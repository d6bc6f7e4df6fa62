//go:build !unix

package dlq

import "os"

// lockedFile opens a file. There is no lock here.
func lockedFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
