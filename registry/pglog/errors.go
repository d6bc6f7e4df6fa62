package pglog

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs that decide something here.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	undefinedTable       = "42P01"
	invalidSchemaName    = "3F000"
	classConnection      = "08"
	classShutdown        = "57P" // the server ends, or ended this connection
)

// wrap says where and what was done. pgx keeps passwords out of what it says
// about connections.
func (l *Log) wrap(doing string, err error) error {
	return fmt.Errorf("log %s: %s: %w", l.name, doing, err)
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// lostRace reports whether the server has undone the append because of another
// one, as it does when the database isolates transactions more than by default.
func lostRace(err error) bool {
	state := sqlState(err)
	return state == serializationFailure || state == deadlockDetected
}

// neverSent reports whether the server cannot have seen anything.
func neverSent(err error) bool { return pgconn.SafeToRetry(err) && !refused(err) }

// connectionLost reports whether it was the connection that failed, and not the
// server that said no.
func connectionLost(err error) bool {
	var network net.Error
	switch state := sqlState(err); {
	case refused(err):
		return false
	case state != "":
		return strings.HasPrefix(state, classConnection) || strings.HasPrefix(state, classShutdown)
	default:
		return pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
	}
}

// refused reports whether not even a new connection came about, so that trying
// again at once is in vain.
func refused(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}

// mayHoldSecret reports whether an address may have a password in it.
func mayHoldSecret(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return true
	}
	if _, has := u.User.Password(); has {
		return true
	}
	query, err := url.ParseQuery(u.RawQuery)
	return err != nil || query.Has("password") || query.Has("sslpassword")
}
