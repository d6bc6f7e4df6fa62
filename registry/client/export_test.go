package client

import "time"

// Clock makes the client read the time from now.
func Clock(now func() time.Time) Option { return option(func(c *config) { c.now = now }) }

// SizeOf estimates what a cached value keeps alive, in bytes.
var SizeOf = sizeOf
