package sqlitelog

import (
	"context"
	"fmt"
)

// Durability returns the settings of the connection that writes.
func Durability(ctx context.Context, l *Log) (journal string, synchronous int, err error) {
	row := l.open.Load().write.QueryRowContext(ctx, "SELECT (SELECT journal_mode FROM pragma_journal_mode), (SELECT synchronous FROM pragma_synchronous)")
	err = row.Scan(&journal, &synchronous)
	return journal, synchronous, err
}

// LimitPages bounds the size of the file, as a full disk would.
func LimitPages(ctx context.Context, l *Log, pages int) error {
	_, err := l.open.Load().write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}
