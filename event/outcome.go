package event

import (
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"strings"
	"time"
)

// Drop returns an outcome that acknowledges the message without handling it. It
// is counted as dropped, with the reason.
func Drop(reason string) error { return &dropped{reason} }

// Skip returns an outcome for a message that is not meant for the handler, such
// as one of an unknown type. It is acknowledged and counted as skipped, or
// dead-lettered under [DeadLetterUnknown].
func Skip(reason string) error { return &skipped{reason} }

// AlreadyHandled returns an outcome for a message that was handled before, as an
// inbox finds out. It is acknowledged and counted as a duplicate.
func AlreadyHandled() error { return errDuplicate }

var errDuplicate = errors.New("handled before")

// Permanent returns an outcome that sends the message to the dead letter now,
// since trying again cannot help. It unwraps to err, which may be nil.
func Permanent(err error) error {
	if err == nil {
		err = errors.New("permanent failure without a cause")
	}
	return &permanent{err}
}

// IsPermanent reports whether err is an outcome of [Permanent].
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}

// RetryIn returns an outcome that tries the message again after d, on the next
// retry level but with d in place of the level's wait. It does not add a level:
// after the last one comes the dead letter. It unwraps to err, which may be nil.
// A negative d is 0.
//
// A level holds what waits up to the bytes of [MaxInFlight], and where the broker
// bounds what is unsettled, up to that; of what it holds, the first to be due goes
// first. A short d waits longer only behind more than that which wait longer: where
// so many do, give them a level of their own length.
func RetryIn(d time.Duration, err error) error {
	if err == nil {
		err = errors.New("retry asked for without a cause")
	}
	return &retryIn{max(d, 0), err}
}

// Failed reports whether err is a failure: neither nil nor an outcome of [Drop],
// [Skip] or [AlreadyHandled].
func Failed(err error) bool {
	var (
		d *dropped
		s *skipped
	)
	return err != nil && !errors.As(err, &d) && !errors.As(err, &s) && !errors.Is(err, errDuplicate)
}

type dropped struct{ reason string }

func (e *dropped) Error() string { return "dropped: " + e.reason }

type skipped struct{ reason string }

func (e *skipped) Error() string { return "skipped: " + e.reason }

type permanent struct{ err error }

func (e *permanent) Error() string { return e.err.Error() }
func (e *permanent) Unwrap() error { return e.err }

type retryIn struct {
	d   time.Duration
	err error
}

func (e *retryIn) Error() string { return e.err.Error() }
func (e *retryIn) Unwrap() error { return e.err }

// A PanicError is the error of a handler that panicked.
type PanicError struct {
	Value  any    // what was passed to panic
	Where  string // the function that panicked and its line
	Digest string // the same for two panics that came the same way
}

// Error says what was thrown, where, and the digest of the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v (at %s, stack %s)", e.Value, e.Where, e.Digest)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// newPanicError is called by a deferred function that has just recovered, where
// the stack still shows the frames of the panic.
func newPanicError(value any) *PanicError {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	sum := fnv.New32a()
	e := &PanicError{Value: value, Where: "an unknown place"}
	thrown := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			thrown = true
		case thrown && !strings.HasPrefix(f.Function, "runtime."):
			if e.Digest == "" {
				e.Where = fmt.Sprintf("%s:%d", f.Function, f.Line)
				e.Digest = "-"
			}
			fmt.Fprintf(sum, "%s:%d\n", f.Function, f.Line)
		}
		if !more {
			break
		}
	}
	e.Digest = fmt.Sprintf("%08x", sum.Sum32())
	return e
}
