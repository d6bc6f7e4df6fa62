//go:build !unix

package kafkatest

import "errors"

func lock(string) (unlock func(), err error) {
	return nil, errors.New("test/services.sh needs a Unix")
}
