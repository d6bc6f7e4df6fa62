//go:build !unix

package measure

import "time"

// CPU falls back to the time on the wall.
func CPU() time.Duration { return time.Since(start) }
