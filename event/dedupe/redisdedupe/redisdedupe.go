// Package redisdedupe is a deduper in Redis (5 or later, also in a cluster). See
// package dedupe for what one promises.
//
// What it remembers lasts as long as Redis keeps it: with appendfsync everysec,
// the second before a crash may be forgotten, and an eviction policy other than
// noeviction may forget any of it.
package redisdedupe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
)

const (
	prefix = "wireproof:dedupe:"
	done   = "done"
	most   = 1000 // keys of one round trip
)

// Scripts run on one key each, so that a cluster takes them too. A claim that is
// sent again after a lost answer finds itself.
const (
	claim = `
local v = redis.call('GET', KEYS[1])
if v == 'done' then return 2 end
if v and v ~= ARGV[1] then return 1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0`
	free = `
local v = redis.call('GET', KEYS[1])
if v and string.sub(v, 1, #ARGV[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
)

// Deduper is an [event.Deduper] in Redis. Calls that come while another is on its
// way share the next round trip.
type Deduper struct {
	client redis.UniversalClient
	times  dedupe.Times
	token  string

	claims atomic.Int64

	mu      sync.Mutex // guards the fields below
	waiting []*call
	busy    bool
}

// New returns a deduper that keeps its keys, wireproof:dedupe:<group>/<message>,
// with client, which stays the caller's.
func New(client redis.UniversalClient, times dedupe.Times) (*Deduper, error) {
	if err := times.Valid(); err != nil {
		return nil, err
	}
	return &Deduper{client: client, times: times, token: rand.Text() + "."}, nil
}

// A call is the commands of one call of a method.
type call struct {
	script string // empty: SET to done
	token  string
	keys   []string
	cmds   []*redis.Cmd
	done   chan error
}

// Claim is as [event.Deduper] says.
func (d *Deduper) Claim(ctx context.Context, keys ...string) ([]event.ClaimState, error) {
	c, err := d.do(ctx, claim, d.token+strconv.FormatInt(d.claims.Add(1), 10), keys)
	if err != nil {
		return nil, fmt.Errorf("dedupe: claim %d messages in Redis: %w", len(keys), err)
	}
	out := make([]event.ClaimState, len(keys))
	for i, cmd := range c.cmds {
		n, err := cmd.Int()
		if err != nil || n < 0 || n > int(event.Done) {
			return nil, fmt.Errorf("dedupe: claim %q in Redis: answer %v (%w)", keys[i], cmd.Val(), err)
		}
		out[i] = event.ClaimState(n)
	}
	return out, nil
}

// Done is as [event.Deduper] says.
func (d *Deduper) Done(ctx context.Context, keys ...string) error {
	if _, err := d.do(ctx, "", "", keys); err != nil {
		return fmt.Errorf("dedupe: note %d messages as handled in Redis: %w", len(keys), err)
	}
	return nil
}

// Free is as [event.Deduper] says.
func (d *Deduper) Free(ctx context.Context, keys ...string) error {
	if _, err := d.do(ctx, free, d.token, keys); err != nil {
		return fmt.Errorf("dedupe: free %d messages in Redis: %w", len(keys), err)
	}
	return nil
}

// do sends the commands of a call with those of others, and waits for the answers
// or the end of ctx.
func (d *Deduper) do(ctx context.Context, script, token string, keys []string) (*call, error) {
	c := &call{script: script, token: token, keys: keys, done: make(chan error, 1)}
	d.mu.Lock()
	d.waiting = append(d.waiting, c)
	lead := !d.busy
	d.busy = true
	d.mu.Unlock()
	if lead {
		go d.send(context.WithoutCancel(ctx))
	}
	select {
	case err := <-c.done:
		return c, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// send makes round trips until nobody waits.
func (d *Deduper) send(ctx context.Context) {
	for {
		d.mu.Lock()
		n, keys := 0, 0
		for n < len(d.waiting) && (n == 0 || keys+len(d.waiting[n].keys) <= most) {
			keys += len(d.waiting[n].keys)
			n++
		}
		calls := d.waiting[:n:n]
		d.waiting = d.waiting[n:]
		if n == 0 {
			d.busy, d.waiting = false, nil
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		err := d.exec(ctx, calls)
		for _, c := range calls {
			c.done <- c.failure(err)
		}
	}
}

// exec sends calls in one pipeline.
func (d *Deduper) exec(ctx context.Context, calls []*call) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	pipe := d.client.Pipeline()
	for _, c := range calls {
		for i, k := range c.keys {
			k = prefix + k
			if c.script == "" {
				c.cmds = append(c.cmds, pipe.Do(ctx, "SET", k, done, "PX", d.times.Done.Milliseconds()))
				continue
			}
			token := c.token
			if c.script == claim { // one key may be there twice
				token += "." + strconv.Itoa(i)
			}
			c.cmds = append(c.cmds, pipe.Eval(ctx, c.script, []string{k}, token, d.times.Claim.Milliseconds()))
		}
	}
	_, err := pipe.Exec(ctx)
	return err
}

// failure returns the first error of the call's own commands; the pipeline's may
// be another's.
func (c *call) failure(pipeline error) error {
	var errs []error
	for _, cmd := range c.cmds {
		if err := cmd.Err(); err != nil {
			errs = append(errs, err)
			break
		}
	}
	if len(c.cmds) == 0 && len(c.keys) > 0 {
		errs = append(errs, pipeline)
	}
	return errors.Join(errs...)
}
