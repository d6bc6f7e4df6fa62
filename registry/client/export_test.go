package client

import "time"

// Clock makes the client read the time from now.
func Clock(now func() time.Time) Option { return option(func(c *config) { c.now = now }) }
