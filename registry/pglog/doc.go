// Package pglog keeps a registry's log in PostgreSQL 13 or later, so that several
// servers, on several machines, work on one log.
//
// A log is two tables in a schema of its own: log holds the records, head has one
// row that says where the log ends. An append is one statement that moves the
// head and inserts the records, or does neither. Since nothing is left open
// between two messages to the server, a client that stops halfway holds no lock
// that the others wait for.
//
// An append whose answer is lost may have happened, and may even happen a little
// later, when a server that was stopped goes on. This does no harm: it moves the
// head from where it was asked to or not at all.
//
// The database must be the primary one. A replica that takes over must have
// everything that was acknowledged, which is what synchronous_standby_names and
// synchronous_commit = remote_write or more are for; PostgreSQL with fsync = off
// forgets acknowledged writes when the machine loses power, and no client can
// prevent that.
package pglog
