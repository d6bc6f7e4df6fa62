//go:build !unix

package main

import "time"

// cpuTime falls back to the time on the wall.
func cpuTime() time.Duration { return time.Since(start) }
