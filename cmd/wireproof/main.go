// Command wireproof generates typed publishers and consumers from event
// schemas, refuses breaking changes, and serves a schema registry.
package main

import (
	"context"
	"os"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
