//go:build !unix

package filestore

import (
	"errors"
	"os"
)

// lockFile fails: without a lock that ends with the process, two could write.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("this system has no locks that end with their process: use package sqlstore")
}
