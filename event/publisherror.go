package event

import "fmt"

// A PublishError names the messages of one call of Publish that are not known to
// be stored. All others are.
type PublishError struct {
	Failed []Failure // in the order of the call; never empty
}

// A Failure is one message that is not known to be stored. It may be stored all
// the same, when only the broker's answer was lost.
type Failure struct {
	Index   int // place in the arguments of Publish
	Message *Message
	Err     error
}

// Error names the first message and counts the others.
func (e *PublishError) Error() string {
	if len(e.Failed) == 0 {
		return "event: publish failed for no message"
	}
	f := e.Failed[0]
	where := fmt.Sprintf("message %d", f.Index)
	if f.Message != nil {
		where = fmt.Sprintf("message %d for topic %q", f.Index, f.Message.Topic)
	}
	if n := len(e.Failed) - 1; n > 0 {
		return fmt.Sprintf("event: %s and %d more are not known to be stored: %v", where, n, f.Err)
	}
	return fmt.Sprintf("event: %s is not known to be stored: %v", where, f.Err)
}

// Unwrap returns the cause of each failure, for errors.Is and errors.As.
func (e *PublishError) Unwrap() []error {
	out := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		out[i] = f.Err
	}
	return out
}
