package pglog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// statements are what is sent, with the names of the tables filled in.
type statements struct{ append, read, format string }

// newStatements writes the statements for the tables of a schema.
//
// The append moves the head only from where the caller believes it to be. Two
// that run at once wait for each other at that row, and the second then finds it
// moved. So offsets have no gaps, and a record cannot show up below one that
// somebody has read. An isolation that would keep the second from looking again
// makes it fail instead, which [lostRace] knows.
//
// A database may be set up to acknowledge what is not on its disk yet. A registry
// cannot live with that, so the append asks for more, just for itself.
func newStatements(schema string) statements {
	head, log := pgx.Identifier{schema, "head"}.Sanitize(), pgx.Identifier{schema, "log"}.Sanitize()
	return statements{
		append: fmt.Sprintf(`WITH moved AS (
	UPDATE %s SET next = next + cardinality($2::bytea[])
	WHERE next = $1::bigint AND format = $3::integer RETURNING next
), added AS (
	INSERT INTO %s (seq, record)
	SELECT $1::bigint + r.n - 1, r.record FROM moved, unnest($2::bytea[]) WITH ORDINALITY AS r (record, n)
)
SELECT next, pg_notify($4::text, ''),
	CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END
FROM moved`, head, log),
		read: fmt.Sprintf(`SELECT head.format, head.next, log.seq, log.record
FROM %s AS head LEFT JOIN %s AS log ON log.seq >= $1::bigint ORDER BY log.seq`, head, log),
		format: fmt.Sprintf("SELECT format FROM %s", head),
	}
}

// formatNow is the layout that this program reads and writes: the number of
// migrations.
const formatNow = 1

// migrations returns the steps from each layout to the next. A step stays as it
// is once it was released.
func migrations(schema string) [formatNow]string {
	head, log := pgx.Identifier{schema, "head"}.Sanitize(), pgx.Identifier{schema, "log"}.Sanitize()
	return [formatNow]string{
		// The record is bytes of JSON: neither text nor jsonb can hold the character
		// zero, which a schema may have.
		fmt.Sprintf(`CREATE TABLE %s (
	seq    bigint PRIMARY KEY,
	record bytea NOT NULL
);
CREATE TABLE %s (
	one    boolean PRIMARY KEY DEFAULT true CHECK (one),
	next   bigint NOT NULL,
	format integer NOT NULL
) WITH (fillfactor = 10);
INSERT INTO %[2]s (next, format) VALUES (0, 0)`, log, head),
	}
}

func formatError(version int) error {
	return fmt.Errorf("the log has format %d, this program reads format %d", version, formatNow)
}

// prepare makes the tables or brings them up to date. Tables that are there
// already need no right to change anything.
func (l *Log) prepare(ctx context.Context) error {
	version, err := l.format(ctx, l.pool)
	if err != nil {
		return l.wrap("look for the tables", err)
	}
	if version < formatNow {
		err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error { return l.migrate(ctx, tx) })
	} else if version > formatNow {
		err = formatError(version)
	}
	if err != nil {
		return l.wrap("prepare the tables", err)
	}
	return nil
}

// migrate takes the steps that are missing, while it keeps others from doing so.
func (l *Log) migrate(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('wireproof registry ' || $1, 0))", l.schema); err != nil {
		return err
	}
	// A statement that fails would end the transaction; the schema tells before.
	var schema, head bool
	const there = `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
	EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'head')`
	if err := tx.QueryRow(ctx, there, l.schema).Scan(&schema, &head); err != nil {
		return err
	}
	if !schema {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{l.schema}.Sanitize()); err != nil {
			return err
		}
	}
	version := 0
	if head {
		var err error
		if version, err = l.format(ctx, tx); err != nil {
			return err
		}
	}
	if version > formatNow {
		return formatError(version)
	}
	for step := version; step < formatNow; step++ {
		if _, err := tx.Exec(ctx, migrations(l.schema)[step]); err != nil {
			return fmt.Errorf("step %d: %w", step+1, err)
		}
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("UPDATE %s SET format = $1", pgx.Identifier{l.schema, "head"}.Sanitize()), formatNow)
	return err
}

type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// format returns the layout of the tables, 0 if there are none.
func (l *Log) format(ctx context.Context, q queryer) (version int, err error) {
	err = q.QueryRow(ctx, l.sql.format).Scan(&version)
	switch state := sqlState(err); {
	case state == undefinedTable, state == invalidSchemaName:
		return 0, nil
	case errors.Is(err, pgx.ErrNoRows):
		return 0, errors.New("the row of the head is gone")
	}
	return version, err
}
