package kafkalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/registry"
)

var (
	// errInterleaved says that another writer wrote between the records of a
	// transaction, or before them.
	errInterleaved = errors.New("another writer has written to the topic")
	// errNothingDone says that a transaction has certainly come to nothing.
	errNothingDone = errors.New("nothing was written")
)

// verdict turns an error after which nothing was written into one that says what
// to do: decide again, or ask the leader.
func (l *Log) verdict(err error) error {
	if _, self := l.Leader(); !self {
		return fmt.Errorf("%w: %w", registry.ErrNotLeader, err)
	}
	return fmt.Errorf("%w: %w", registry.ErrConflict, err)
}

// append writes messages if nothing was appended after at. The caller has the
// token.
func (l *Log) append(ctx context.Context, at int64, messages []message) (next int64, err error) {
	if l.producer == nil {
		if err := l.takeOver(ctx); err != nil {
			return 0, err
		}
	}
	high, err := l.settle(ctx)
	if err != nil {
		return 0, err
	}
	_, end := l.track.places()
	switch {
	case at < end:
		return 0, registry.ErrConflict
	case at > high:
		return 0, fmt.Errorf("topic %s ends at offset %d, before offset %d", l.conf.Topic, high, at)
	case len(messages) == 0:
		return at, nil
	}
	if next, err = l.write(ctx, high, l.track.withSpellings(messages)); err != nil {
		l.giveUp()
	}
	switch refused(err) {
	case sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge:
		err = fmt.Errorf("%w: %w", registry.ErrTooLarge, err) // so it was never committed
	}
	return next, err
}

// giveUp lets the next producer find out what became of a transaction. That
// should be soon: until then nobody can read past it.
func (l *Log) giveUp() {
	l.producer = nil
	l.start(l.prepare)
}

// settle reads to the end, once there is no transaction that may go either way.
func (l *Log) settle(ctx context.Context) (high int64, err error) {
	for try := 0; ; try++ {
		pos, _ := l.track.places()
		p, err := l.scan(ctx, pos, nil)
		if err != nil {
			return 0, err
		}
		if pos, _ = l.track.places(); pos >= p.high && p.stable >= p.high {
			return p.high, nil
		}
		if err := wait(ctx, backoff(try)); err != nil {
			return 0, fmt.Errorf("a transaction from offset %d on has no outcome: %w", p.stable, err)
		}
	}
}

// write is one transaction, whose first record must land at high. It returns the
// offset after the last one, once everybody can read it.
func (l *Log) write(ctx context.Context, high int64, messages []message) (next int64, err error) {
	p := l.producer
	if err := p.begin(ctx); err != nil {
		return 0, certain(err)
	}
	first, err := p.send(ctx, messages)
	if err == nil && first != high {
		err = errInterleaved
	}
	if err != nil {
		return 0, certain(err)
	}
	if !l.elect.holds() {
		return 0, fmt.Errorf("%w: the session of the leader has ended", errNothingDone)
	}
	if err := p.commit(ctx); err != nil {
		if p.doubtful {
			return 0, fmt.Errorf("whether the records were written is not known: %w", err)
		}
		return 0, certain(err)
	}
	next = high + int64(len(messages))
	for try := 0; ; try++ {
		pos, _ := l.track.places()
		if pos >= next {
			return next, nil
		}
		if _, err := l.scan(ctx, pos, nil); err != nil {
			return 0, fmt.Errorf("the records were written, but could not be read back: %w", err)
		}
		if pos, _ = l.track.places(); pos < next && wait(ctx, backoff(try)) != nil {
			return 0, fmt.Errorf("the records were written, but cannot be read yet: %w", context.Cause(ctx))
		}
	}
}

// certain marks errors after which a transaction cannot be committed any more,
// and deciding again may help.
func certain(err error) error {
	if fenced(err) || errors.Is(err, errInterleaved) {
		return fmt.Errorf("%w: %w", errNothingDone, err)
	}
	return err
}

// prepare takes over ahead of the first append.
func (l *Log) prepare() {
	select {
	case <-l.writing:
	case <-l.ctx.Done():
		return
	}
	defer func() { l.writing <- struct{}{} }()
	if _, self := l.Leader(); !self || l.producer != nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.conf.AppendTimeout)
	defer cancel()
	if err := l.takeOver(ctx); err != nil && l.ctx.Err() == nil {
		l.conf.Logger.Warn("this server leads but cannot write yet", "topic", l.conf.Topic, "error", err)
	}
}

// takeOver shuts out whoever wrote before, and writes over what was given up.
func (l *Log) takeOver(ctx context.Context) (err error) {
	if !l.elect.holds() {
		return registry.ErrNotLeader
	}
	if l.producer, err = newProducer(ctx, l.data, "wireproof-registry-"+l.conf.Topic); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.producer = nil
		}
	}()
	high, err := l.settle(ctx)
	for err == nil {
		dirty := l.track.dirtyKeys()
		if len(dirty) == 0 {
			l.conf.Logger.Info("this server writes to the topic", "topic", l.conf.Topic)
			return nil
		}
		var messages []message
		if messages, err = l.restate(ctx, dirty); err == nil {
			_, err = l.write(ctx, high, messages)
		}
		if err == nil {
			high, err = l.settle(ctx)
		}
	}
	return err
}
