// Package faults kills, in processes of their own and again and again, what
// promises to lose nothing and to do nothing twice, and counts afterwards. It
// knows the parts only as a user does; the servers are real.
package faults
