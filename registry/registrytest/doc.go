// Package registrytest has what tests around the registry need: the suite that
// every log must pass, and a whole registry in memory, behind HTTP, for the tests
// of programs that talk to one.
package registrytest
