package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/registry"
)

// A Log is the log in one topic. All methods are safe for concurrent use.
type Log struct {
	conf   Config
	data   *link         // for reads and writes, which are short
	group  *link         // for the election
	tail   *link         // for the watch, which waits in the broker
	ask    *link         // for the questions to peers
	newest *atomic.Int32 // epoch, of all links
	track  *track
	elect  *elector
	watch  *watch

	ctx    context.Context // ends with Close; bounds what the log does for itself
	cancel context.CancelFunc

	writing  chan struct{} // holds a token while nobody writes
	producer *producer     // belongs to whoever has the token; nil if the end of the log must be made sure of

	mu      sync.Mutex // guards the fields below
	closed  bool
	running sync.WaitGroup // added to under mu
}

var _ registry.Log = (*Log)(nil)

// Open connects to a topic, makes it if it does not exist, and takes part in the
// election until Close. It does not wait for the outcome. The topic must have
// one partition and be compacted, and nothing else: otherwise brokers would
// delete what the registry must remember.
func Open(ctx context.Context, conf Config) (*Log, error) {
	conf = conf.orDefault()
	self, err := conf.identity()
	if err != nil {
		return nil, err
	}
	l := &Log{conf: conf, track: newTrack(conf.Logger), watch: newWatch(), writing: make(chan struct{}, 1), newest: new(atomic.Int32)}
	l.newest.Store(-1)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for _, k := range []struct {
		link    **link
		timeout time.Duration
	}{{&l.data, conf.RequestTimeout}, {&l.group, conf.RequestTimeout + conf.SessionTimeout}, {&l.tail, conf.RequestTimeout + watchWait}, {&l.ask, conf.RequestTimeout}} {
		if *k.link, err = newLink(conf, k.timeout); err != nil {
			l.disconnect()
			return nil, err
		}
		(*k.link).newest = l.newest
	}
	insync, err := await(ctx, l, func(context.Context) (int, error) { return l.data.ensureTopic(conf) })
	if err != nil {
		l.Close()
		return nil, err
	}
	l.data.peers = newPeers(l.ask, insync)
	l.writing <- struct{}{}
	l.elect = newElector(l, self)
	l.start(l.elect.run)
	l.start(l.follow)
	return l, nil
}

// leaveTimeout is how long a broker that does not answer holds up Close.
const leaveTimeout = time.Second

// Close leaves the election, so that another server can lead at once, and ends
// everything that the log has started. Nothing may use the log any more.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	if l.elect != nil {
		select {
		case <-l.elect.gone:
		case <-time.After(leaveTimeout):
		}
	}
	l.disconnect()
	l.running.Wait()
	return nil
}

func (l *Log) disconnect() {
	for _, k := range []*link{l.data, l.group, l.tail, l.ask} {
		if k != nil {
			k.close()
		}
	}
}

// start runs f beside everything else; Close waits for it.
func (l *Log) start(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.running.Go(f)
	return true
}

// await does something that cannot be interrupted and waits for it, at most
// until ctx ends; then it still goes on.
func await[T any](ctx context.Context, l *Log, do func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	done := make(chan result, 1)
	if !l.start(func() {
		v, err := do(ctx)
		done <- result{v, err}
	}) {
		return none, errClosed
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Leader returns the URL of the server that writes, empty while nobody knows it,
// and whether it is this one.
func (l *Log) Leader() (url string, self bool) { return l.elect.leader() }

// Skipped counts the records of the topic that were read and say nothing to this
// program. Each is logged once.
func (l *Log) Skipped() int {
	l.track.mu.Lock()
	defer l.track.mu.Unlock()
	return l.track.skipped
}

// ReadFrom implements [registry.Log]. Offsets are those of the topic. What an
// append has not committed is never returned.
func (l *Log) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	type result struct {
		records []registry.Record
		next    registry.Offset
	}
	r, err := await(ctx, l, func(ctx context.Context) (result, error) {
		r := result{next: at}
		_, err := l.scan(ctx, int64(at), func(m found) {
			if m.aborted {
				return
			}
			records, _ := decode(m.message) // track has told about what does not read
			r.records = append(r.records, records...)
			r.next = registry.Offset(m.offset) + 1
		})
		return r, err
	})
	if err != nil {
		return nil, 0, err
	}
	return r.records, r.next, nil
}

// scan shows the messages from a place on to visit, up to what is the end when
// it begins. It returns where the last page was read.
func (l *Log) scan(ctx context.Context, from int64, visit func(found)) (page, error) {
	target := int64(-1)
	for pos := from; ; {
		var p page
		patience, cancel := context.WithTimeout(ctx, l.conf.RequestTimeout)
		err := retry(patience, passing, func() (err error) {
			p, err = l.data.fetch(pos, 0)
			return err
		})
		cancel()
		if refused(err) == sarama.ErrOffsetOutOfRange {
			pos, err = l.oldest(pos)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return page{}, err
		}
		if target < 0 {
			target = p.stable
		}
		l.track.observe(pos, p)
		if visit != nil {
			for _, m := range p.messages {
				visit(m)
			}
		}
		if pos = p.next; pos >= target {
			p.messages = nil
			return p, nil
		}
	}
}

// oldest returns where the topic begins if that is after a place that was asked
// for, as after records were deleted by hand.
func (l *Log) oldest(asked int64) (int64, error) {
	first, err := l.data.GetOffset(l.conf.Topic, 0, sarama.OffsetOldest)
	if err != nil {
		return 0, fmt.Errorf("find the first record of topic %s: %w", l.conf.Topic, err)
	}
	if first <= asked {
		return 0, fmt.Errorf("topic %s ends before offset %d: it was cut off or made anew", l.conf.Topic, asked)
	}
	return first, nil
}

// Append implements [registry.Log]. The error matches [registry.ErrNotLeader] if
// this server does not lead.
func (l *Log) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	if _, self := l.Leader(); !self {
		return 0, registry.ErrNotLeader
	}
	var messages []message
	for i := range records {
		m, err := encode(&records[i])
		if err != nil {
			return 0, fmt.Errorf("record %d of %d: %w", i+1, len(records), err)
		}
		messages = append(messages, m...)
	}
	ctx, cancel := context.WithTimeout(ctx, l.conf.AppendTimeout)
	defer cancel()
	next, err := await(ctx, l, func(ctx context.Context) (int64, error) {
		select {
		case <-l.writing:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		defer func() { l.writing <- struct{}{} }()
		ctx, cancel := context.WithTimeout(l.ctx, l.conf.AppendTimeout)
		defer cancel()
		return l.append(ctx, int64(at), messages)
	})
	if errors.Is(err, errNothingDone) {
		err = l.verdict(err)
	}
	return registry.Offset(next), err
}
