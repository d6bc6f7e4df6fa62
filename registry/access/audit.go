package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

const (
	auditQueue = 4096            // lines that wait for a slow disk
	auditWait  = 2 * time.Second // for a line to be written, before the answer goes out anyway
)

// An Audit writes one line of JSON for each attempt to change something. Lines
// of one Audit never mix. It is safe for concurrent use.
type Audit struct {
	path   string // empty if the lines go to a writer of the caller
	report func(error)
	wait   time.Duration

	lines   chan line
	reopen  chan chan error
	done    chan struct{}
	stalled atomic.Bool // the last line that somebody waited for was not written in time

	mu     sync.RWMutex // guards the field below
	closed bool
}

type line struct {
	text    []byte
	written chan struct{} // closed once the line is written, or cannot be
}

// An auditLine is what the log says about one attempt. Nothing in it comes from
// credentials or from schemas: errors are told by their code.
type auditLine struct {
	Time      string   `json:"time"` // RFC 3339, UTC
	Who       string   `json:"who"`
	How       string   `json:"how"`
	Remote    string   `json:"remote,omitempty"`
	RequestID string   `json:"request_id,omitempty"`
	Action    string   `json:"action"`
	Subject   string   `json:"subject"` // qualified; empty is the server
	Version   int      `json:"version,omitempty"`
	ID        int      `json:"id,omitempty"`
	Before    string   `json:"before,omitempty"`
	After     string   `json:"after,omitempty"`
	Result    string   `json:"result"` // ok, refused (the client's fault) or failed
	ErrorCode api.Code `json:"error_code,omitempty"`
	Error     string   `json:"error,omitempty"` // what the code means
}

// NewAudit returns an audit log that writes to w, which it does not close.
// onError is told about lines that could not be written; nil means nobody is.
func NewAudit(w io.Writer, onError func(error)) *Audit {
	a := newAudit("", onError)
	go a.run(w, nil)
	return a
}

// OpenAudit returns an audit log that appends to a file, which only its owner
// can read if it is made here.
func OpenAudit(path string, onError func(error)) (*Audit, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	a := newAudit(path, onError)
	go a.run(f, f)
	return a, nil
}

func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func newAudit(path string, report func(error)) *Audit {
	if report == nil {
		report = func(error) {}
	}
	return &Audit{
		path: path, report: report, wait: auditWait,
		lines: make(chan line, auditQueue), reopen: make(chan chan error), done: make(chan struct{}),
	}
}

// Write records an attempt; it fits [registry.Options].OnWrite. It returns once
// the line is written, or after two seconds: a disk that hangs delays writers,
// it does not stop them. The line then is written when the disk comes back, or
// reported as lost if too many wait.
func (a *Audit) Write(ctx context.Context, w registry.Write) {
	text, err := json.Marshal(a.describe(ctx, w))
	if err != nil {
		a.report(fmt.Errorf("audit log: %w", err))
		return
	}
	l := line{append(text, '\n'), make(chan struct{})}
	if !a.enqueue(l) {
		return
	}
	if a.stalled.Load() {
		return // whoever waits now would wait in vain
	}
	timer := time.NewTimer(a.wait)
	defer timer.Stop()
	select {
	case <-l.written:
	case <-timer.C:
		if !a.stalled.Swap(true) {
			a.report(fmt.Errorf("audit log: a line has not been written after %v; changes go on, and lines wait", a.wait))
		}
	}
}

// enqueue hands a line to run, or reports it as lost.
func (a *Audit) enqueue(l line) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed {
		a.report(errors.New("audit log: a line came after the log was closed; it is lost"))
		return false
	}
	select {
	case a.lines <- l:
		return true
	default:
		a.report(fmt.Errorf("audit log: %d lines wait already; a line is lost", auditQueue))
		return false
	}
}

func (a *Audit) describe(ctx context.Context, w registry.Write) auditLine {
	p, ok := PrincipalFrom(ctx)
	if !ok {
		p = Principal{Name: HowAnonymous, How: HowAnonymous}
	}
	req := RequestFrom(ctx)
	out := auditLine{
		Time: time.Now().UTC().Format(time.RFC3339Nano), Who: p.Name, How: p.How, Remote: req.Remote, RequestID: req.ID,
		Action: w.Action, Subject: w.Subject, Version: w.Version, ID: w.ID, Before: w.Before, After: w.After, Result: "ok",
	}
	if w.Err == nil {
		return out
	}
	out.ErrorCode = api.InternalError
	if e := (*api.Error)(nil); errors.As(w.Err, &e) {
		out.ErrorCode = e.Code
	}
	out.Result = "refused"
	if out.ErrorCode.Status() >= 500 {
		out.Result = "failed"
	}
	for _, row := range api.Table() {
		if row.Code == out.ErrorCode {
			out.Error = row.Doc
		}
	}
	return out
}

// Reopen closes the file and opens it by its name again, for programs that
// rotate logs. Without a file it does nothing. Lines that come meanwhile wait.
func (a *Audit) Reopen() error {
	if a.path == "" {
		return nil
	}
	result := make(chan error, 1)
	select {
	case a.reopen <- result:
		return <-result
	case <-a.done:
		return errors.New("audit log: it is closed")
	case <-time.After(a.wait):
		return fmt.Errorf("audit log: a line has not been written after %v, so the file stays open", a.wait)
	}
}

// Close writes what waits and closes the file. It returns early, with an error,
// when ctx ends.
func (a *Audit) Close(ctx context.Context) error {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.lines)
	}
	a.mu.Unlock()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("audit log: %d lines are not written: %w", len(a.lines), ctx.Err())
	}
}

// run is the one writer. f is w if that is a file of ours, or nil.
func (a *Audit) run(w io.Writer, f *os.File) {
	defer close(a.done)
	for {
		select {
		case l, ok := <-a.lines:
			if !ok {
				if f != nil {
					a.check(f.Close())
				}
				return
			}
			_, err := w.Write(l.text)
			a.check(err)
			a.stalled.Store(false)
			close(l.written)
		case result := <-a.reopen:
			fresh, err := openAppend(a.path)
			if err != nil {
				result <- fmt.Errorf("audit log: the old file stays in use: %w", err)
				continue
			}
			a.check(f.Close())
			f, w = fresh, fresh
			result <- nil
		}
	}
}

func (a *Audit) check(err error) {
	if err != nil {
		a.report(fmt.Errorf("audit log: a line is lost: %w", err))
	}
}
