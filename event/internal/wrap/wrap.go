// Package wrap is what publishers share that change messages on their way to
// another publisher.
package wrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/event"
)

// Publish publishes out, which stand for ms one by one, through next. An
// *[event.PublishError] names those of ms, which the caller knows.
func Publish(ctx context.Context, next event.Publisher, out, ms []*event.Message) error {
	err := next.Publish(ctx, out...)
	if pe := (*event.PublishError)(nil); errors.As(err, &pe) {
		for i, f := range pe.Failed {
			if f.Index >= 0 && f.Index < len(ms) {
				pe.Failed[i].Message = ms[f.Index]
			}
		}
	}
	return err
}

// Refused is the error of a call that has published none of ms, since message i
// could not be got ready.
func Refused(ms []*event.Message, i int, cause error) error {
	pe := &event.PublishError{}
	for j, m := range ms {
		err := cause
		if j != i {
			err = fmt.Errorf("not published, since message %d of the call could not be: %w", i, cause)
		}
		pe.Failed = append(pe.Failed, event.Failure{Index: j, Message: m, Err: err})
	}
	return pe
}
