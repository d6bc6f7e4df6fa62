//go:build !unix

package natsbus

import "os"

// lockFile only notes who was here last: this system has no lock that ends with
// its process.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return f, note(f)
}
