package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

const (
	queueLength   = 256
	appendTimeout = 30 * time.Second
	lookTimeout   = 5 * time.Second // how long a read waits for what others may have written
	maxConflicts  = 100
)

// Options change a registry. The zero Options are ready to use.
type Options struct {
	// Level is the compatibility level where nothing else is set; empty means
	// BACKWARD.
	Level  string
	Limits Limits
	Now    func() time.Time // nil means time.Now
	// FixedModes refuses changes of modes.
	FixedModes bool
	// RejectEmptySubject refuses the subject without a name, and the one named *.
	// Otherwise each context has such a subject, as the protocol has it, whose
	// settings and mode are those of the context.
	RejectEmptySubject bool
	// OnWrite is told about every attempt to change something, before its answer
	// is given; nil means nobody is. ctx is that of the request. It must be safe
	// for concurrent use.
	OnWrite func(ctx context.Context, w Write)
}

// A Write is an attempt to change something, for an audit log.
type Write struct {
	Action  string // such as register or delete_subject
	Subject string // qualified; a scope where settings or modes change
	Version int    // 0 where it means nothing
	ID      int
	// Before and After identify what the action changes: the GUID of the latest
	// version of the subject, or the hash of a setting. Empty means that there
	// was, or is, nothing.
	Before, After string
	Err           error // nil if it was done
}

// Stats counts what a registry holds.
type Stats struct {
	Contexts int
	Subjects int    // soft-deleted ones too
	Versions int    // soft-deleted ones too
	Schemas  int    // distinct ones in each context
	MaxID    int    // highest id ever given in the default context
	Offset   Offset // what of the log is known
}

// A Registry answers questions from memory and writes through a [Log]. All
// methods are safe for concurrent use. Errors that a client can act on are
// *[api.Error].
//
// Several registries may work on one log. Each decides on what it has read and
// decides again when another was faster, so no two can let in schemas that
// exclude each other.
type Registry struct {
	log     Log
	policy  *policy
	now     func() time.Time
	onWrite func(context.Context, Write)

	state           atomic.Pointer[State] // frozen; replaced only by publish
	reading         chan struct{}         // holds a token while the log is read
	begun, finished atomic.Int64          // readings that were begun; the last of them that ended well
	following       sync.WaitGroup
	unfollow        func()
	queue           chan *job
	stop            chan struct{} // closed by the first Close
	closing         atomic.Bool
	done            chan struct{} // closed when run has returned
}

// A job is a command on its way through the writer.
type job struct {
	cmd           command
	answer        any
	err           error
	before, after string        // marks of what the command is about, if anybody asks
	done          chan struct{} // closed once the fields above are there
}

// Open reads the log and returns a registry that knows what it says. Close must
// be called in the end; the log is still open then.
func Open(ctx context.Context, log Log, languages []lang.Language, compat Compatibility, opts Options) (*Registry, error) {
	level := LevelBackward
	if opts.Level != "" {
		var ok bool
		if level, ok = parseLevel(opts.Level); !ok {
			return nil, fmt.Errorf("compatibility level %q: expected NONE, BACKWARD, FORWARD or FULL, or one of the last three with _TRANSITIVE", opts.Level)
		}
	}
	r := &Registry{
		log: log,
		policy: &policy{
			parser:       &parser{languages: languages, limits: opts.Limits.orDefault()},
			compat:       compat,
			defaultLevel: level,
			fixedModes:   opts.FixedModes,
			rejectEmpty:  opts.RejectEmptySubject,
		},
		now:     opts.Now,
		onWrite: opts.OnWrite,
		reading: make(chan struct{}, 1),
		queue:   make(chan *job, queueLength),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.state.Store(newState())
	if err := r.CatchUp(ctx); err != nil {
		return nil, err
	}
	followCtx, cancel := context.WithCancel(context.Background())
	r.unfollow = cancel
	if w, ok := log.(Watcher); ok {
		r.following.Go(func() { r.follow(followCtx, w) })
	}
	go r.run()
	return r, nil
}

// Close ends the registry. Changes that were asked for before are finished and
// answered; one that is asked for meanwhile is either done, and answered so, or
// refused with [api.Unavailable] and not in the log; later ones are refused. Reads
// are answered from memory for ever, but what would take a look at the log, such
// as that something is not there, is refused, too.
//
// Close returns when nothing of the registry uses the log any more, now or later:
// after the appends and readings in flight, which have half a minute at most if
// the log heeds their contexts, and a caller's [Registry.CatchUp] as long as its
// context. It may be called again, also at the same time; each call waits. The
// error is always nil.
func (r *Registry) Close() error {
	if r.closing.CompareAndSwap(false, true) {
		close(r.stop)
		r.unfollow()
	}
	<-r.done
	r.following.Wait()
	r.reading <- struct{}{} // whoever reads has ended, and who waits to will see that it is too late
	<-r.reading
	return nil
}

// CatchUp makes the registry know everything that is in the log now. Those who
// ask while the log is being read share the next reading. After Close it matches
// [api.Unavailable].
func (r *Registry) CatchUp(ctx context.Context) error { return r.catchUp(ctx, r.closing.Load) }

// catchUp is CatchUp; late says that it is too late to look at the log.
func (r *Registry) catchUp(ctx context.Context, late func() bool) error {
	asked := r.begun.Load()
	select {
	case r.reading <- struct{}{}:
		defer func() { <-r.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if late() {
		return errClosed()
	}
	if r.finished.Load() > asked {
		return nil // a reading began after the question and has ended well
	}
	this := r.begun.Add(1)
	st := r.state.Load()
	records, next, err := r.log.ReadFrom(ctx, st.next)
	if err != nil {
		return fmt.Errorf("read the log from offset %d: %w", st.next, err)
	}
	if next != st.next {
		fresh := st.clone()
		fresh.apply(records, next)
		r.publish(fresh)
	}
	r.finished.Store(this)
	return nil
}

// A Watcher is a log that tells when others have appended to it.
type Watcher interface {
	// Watch returns a channel that receives, perhaps late and once for many, after
	// something was appended. It ends with ctx.
	Watch(ctx context.Context) <-chan struct{}
}

// follow reads the log whenever others have appended to it.
func (r *Registry) follow(ctx context.Context, w Watcher) {
	for range w.Watch(ctx) {
		catchUp, cancel := context.WithTimeout(ctx, appendTimeout)
		_ = r.CatchUp(catchUp) // whoever asks for what is missing reads again
		cancel()
	}
}

// publish freezes st and shows it to readers, unless they see a later one. The
// writer and CatchUp may both get here with the same records.
func (r *Registry) publish(st *State) {
	for {
		seen := r.state.Load()
		if seen.next >= st.next || r.state.CompareAndSwap(seen, st) {
			return
		}
	}
}

// do sends a command through the writer and waits for the answer. If ctx ends
// first, the command may still happen.
func do[T any](ctx context.Context, r *Registry, cmd command) (T, error) {
	j := &job{cmd: cmd, done: make(chan struct{})}
	err := r.send(ctx, j)
	if err == nil {
		err = j.err
	}
	if r.onWrite != nil {
		r.onWrite(ctx, j.written(err))
	}
	if err != nil {
		var none T
		return none, err
	}
	return j.answer.(T), nil
}

// send returns when a job is done, or why it is not known to be.
func (r *Registry) send(ctx context.Context, j *job) error {
	if r.closing.Load() {
		return errClosed()
	}
	select {
	case r.queue <- j:
	case <-r.stop:
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.done:
		// The writer may have answered with its last breath.
		select {
		case <-j.done:
			return nil
		default:
			return errClosed()
		}
	}
}

// written describes a job for an audit log. Of one whose end is not known it
// reads only what the writer does not touch.
func (j *job) written(err error) Write {
	w := Write{Err: err}
	w.Action, w.Subject = j.cmd.target()
	w.Subject = normalName(w.Subject)
	select {
	case <-j.done:
	default:
		return w
	}
	w.Before, w.After = j.before, j.after
	switch answer := j.answer.(type) {
	case Registered:
		w.Version, w.ID = answer.Number, answer.ID
	case int:
		w.Version = answer
	}
	return w
}

func errClosed() error { return api.Unavailable.With("the registry is shutting down") }

// run is the one writer. It takes whatever is queued and commits it together, so
// that many clients share one write to the disk.
func (r *Registry) run() {
	defer close(r.done)
	for {
		select {
		case j := <-r.queue:
			r.commit(r.gather(j))
		case <-r.stop:
			for rest := r.gather(nil); len(rest) > 0; rest = r.gather(nil) {
				r.commit(rest)
			}
			return
		}
	}
}

func (r *Registry) gather(first *job) []*job {
	var batch []*job
	if first != nil {
		batch = append(batch, first)
	}
	for len(batch) < queueLength {
		select {
		case j := <-r.queue:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commit answers a batch.
func (r *Registry) commit(batch []*job) {
	r.store(batch, &budget{appendTimeout})
	for _, j := range batch {
		close(j.done)
	}
}

// store decides a batch until the log takes it. What is too large for the log is
// found by halving, so that it holds up nothing else.
func (r *Registry) store(batch []*job, patience *budget) {
	catchUp := func(ctx context.Context) error { return r.catchUp(ctx, never) }
	var err error
	for range maxConflicts {
		st := r.state.Load()
		next, records := r.decideAll(st, batch)
		if len(records) == 0 {
			// No append has shown that st is the newest state.
			if err = patience.spend(catchUp); err != nil {
				break
			}
			if r.state.Load() == st {
				return
			}
			continue
		}
		err = patience.spend(func(ctx context.Context) (err error) {
			next.next, err = r.log.Append(ctx, st.next, records)
			return err
		})
		if err == nil {
			r.publish(next)
			return
		}
		if half := len(batch) / 2; half > 0 && errors.Is(err, ErrTooLarge) {
			r.store(batch[:half], patience)
			r.store(batch[half:], patience)
			return
		}
		// What the log has decides, also about records whose fate is not known.
		if again := patience.spend(catchUp); again != nil || !errors.Is(err, ErrConflict) {
			break
		}
	}
	for _, j := range batch {
		j.answer, j.err, j.after = nil, storeError(err), j.before
	}
}

// A budget is how long the log may still take for one batch. Deciding is not in
// it: many commands that are hard to decide would leave the log no time.
type budget struct{ left time.Duration }

func (b *budget) spend(use func(context.Context) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), b.left)
	defer cancel()
	err := use(ctx)
	b.left -= time.Since(began)
	return err
}

// decideAll decides each command on what the ones before it would leave. An
// answer is given only when the log has the records of the whole batch, so
// nobody learns of a version that might not come to be.
func (r *Registry) decideAll(st *State, batch []*job) (*State, []Record) {
	next, now := st.clone(), r.now()
	var records []Record
	for _, j := range batch {
		if r.onWrite != nil {
			j.before = j.cmd.mark(next)
		}
		d, err := r.decide(next, j.cmd, now)
		j.answer, j.err = d.answer, err
		if err == nil {
			next.apply(d.records, next.next)
			records = append(records, d.records...)
		}
		if r.onWrite != nil {
			j.after = j.cmd.mark(next)
		}
	}
	return next, records
}

// decide keeps a bug that one command meets from ending all the others.
func (r *Registry) decide(st *State, cmd command, now time.Time) (d decision, err error) {
	defer func() {
		if p := recover(); p != nil {
			d, err = decision{}, api.InternalError.With(fmt.Sprintf("the decision panicked: %v", p))
		}
	}()
	return decide(r.policy, st, cmd, now)
}

// never is when the writer stops to look at the log: Close waits for it.
func never() bool { return false }

func storeError(cause error) error {
	if closed := (*api.Error)(nil); errors.As(cause, &closed) && closed.Code == api.Unavailable {
		return closed
	}
	switch {
	case errors.Is(cause, ErrNotLeader):
		return api.NoLeader.Because(cause)
	case errors.Is(cause, ErrTooLarge):
		return api.SchemaTooLarge.Because(cause)
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return api.OperationTimedOut.Because(cause, "the log did not answer in time")
	}
	return api.StoreFailure.Because(cause, fmt.Sprintf("the log failed: %v", cause))
}
