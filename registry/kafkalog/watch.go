package kafkalog

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/registry"
)

var _ registry.Watcher = (*Log)(nil)

// watchWait is how long the broker holds a read of the watch when there is
// nothing new.
const watchWait = 500 * time.Millisecond

// A watch tells those who wait that there is something new.
type watch struct {
	mu      sync.Mutex // guards waiters
	waiters map[chan struct{}]bool
}

func newWatch() *watch { return &watch{waiters: map[chan struct{}]bool{}} }

func (w *watch) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.waiters {
		select {
		case c <- struct{}{}:
		default: // it has not taken the last one yet
		}
	}
}

func (w *watch) end(c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiters[c] {
		delete(w.waiters, c)
		close(c)
	}
}

// Watch returns a channel that receives soon after records were appended, by
// whichever server; several of them may give one signal, and a signal may come
// for nothing. The first comes at once. The channel is closed once ctx or the log
// ends.
func (l *Log) Watch(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	c <- struct{}{}
	l.watch.mu.Lock()
	l.watch.waiters[c] = true
	l.watch.mu.Unlock()
	context.AfterFunc(ctx, func() { l.watch.end(c) })
	context.AfterFunc(l.ctx, func() { l.watch.end(c) })
	return c
}

// follow waits for records until the log is closed. It begins at the end: what
// is there already is read by whoever wants it. What it reads also keeps the
// track up to date, so that taking over takes no time.
func (l *Log) follow() {
	pos := int64(-1) // not known
	owed := false    // what was told of was not committed yet, so nobody could read it
	for try := 0; l.ctx.Err() == nil; {
		var p page
		var err error
		if pos < 0 {
			if pos, err = l.tail.GetOffset(l.conf.Topic, 0, sarama.OffsetNewest); err == nil {
				l.watch.tell() // something may have come before this was the end
			}
		}
		if err == nil {
			p, err = l.tail.fetch(pos, watchWait)
		}
		if err != nil {
			if refused(err) == sarama.ErrOffsetOutOfRange {
				pos = -1
			}
			try++
			wait(l.ctx, backoff(try+4)) // ends early with the loop
			continue
		}
		if try > 0 || len(p.messages) > 0 || owed {
			l.watch.tell()
		}
		owed = p.stable < p.next
		try = 0
		l.track.observe(pos, p)
		pos = p.next
	}
}
