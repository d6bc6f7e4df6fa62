// Package bench compares our serializers with those that Go programs use today,
// on the events of this repository, in one process, so that the ratios hold
// where the nanoseconds do not.
//
// It is a module of its own: no peer becomes a dependency of the product. The
// command cmd/ratios prints a table; "go test -bench ." prints the numbers. The other
// commands measure the registry, the gate, the runtime and the transports, each
// beside its own peers.
//
// Peers get what their documentation shows, and the same event: a hand-written
// struct with time.Time and *big.Rat where ours has time.Time and a decimal.
// Each has its own schema cache warm; no request is made while the clock runs.
package bench
