package dlq

import (
	"context"
	"time"
)

// A Pace is how fast letters are replayed. The zero value is as fast as it goes.
type Pace struct {
	Rate float64       // letters a second; 0 means no limit
	Ramp time.Duration // for so long the rate grows evenly, from 1 a second or Rate if that is less
}

// lag is how much of what was not used is made up for.
const lag = 100 * time.Millisecond

// ages is the longest wait for the next letter, in nanoseconds: a hundred years.
const ages = 100 * 365 * 24 * float64(time.Hour)

// A pacer says when the next letters may go.
type pacer struct {
	pace  Pace
	begin time.Time
	next  time.Time // when the next letter may go
}

func newPacer(p Pace) *pacer {
	now := time.Now()
	return &pacer{pace: p, begin: now, next: now}
}

// rate returns the rate at t.
func (p *pacer) rate(t time.Time) float64 {
	from := min(1, p.pace.Rate)
	if past := t.Sub(p.begin); past < p.pace.Ramp {
		return from + (p.pace.Rate-from)*past.Seconds()/p.pace.Ramp.Seconds()
	}
	return p.pace.Rate
}

// take waits until a letter may go, and returns how many of up to most may. It
// returns 0 if ctx ends first.
func (p *pacer) take(ctx context.Context, most int) int {
	if ctx.Err() != nil {
		return 0
	}
	if p.pace.Rate <= 0 {
		return most
	}
	now := time.Now()
	if wait := p.next.Sub(now); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return 0
		case <-timer.C:
		}
		now = time.Now()
	}
	if now.Sub(p.next) > lag {
		p.next = now.Add(-lag)
	}
	n := 0
	for n < most && !p.next.After(now) {
		p.next = p.next.Add(time.Duration(min(float64(time.Second)/p.rate(p.next), ages)))
		n++
	}
	return n
}
