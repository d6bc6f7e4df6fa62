package main

import "sync/atomic"

// A countdown calls a function when it has come to zero.
type countdown struct {
	left atomic.Int64
	zero func()
}

func newCountdown(n int, zero func()) *countdown {
	c := &countdown{zero: zero}
	c.left.Store(int64(n))
	return c
}

func (c *countdown) one() {
	if c.left.Add(-1) == 0 {
		c.zero()
	}
}
