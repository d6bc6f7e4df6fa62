package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's pgx
	"golang.org/x/time/rate"
	_ "modernc.org/sqlite" // database/sql's sqlite

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
	"github.com/wireproof/wireproof/event/eventlog/sqlstore"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// replayBatch is how many messages are on their way at once.
const replayBatch = 500

// A checkpoint is how far a replay has come, as its file keeps it.
type checkpoint struct {
	Topic string `json:"topic"`
	Into  string `json:"into"`
	Next  int64  `json:"next"`
}

// replayLog publishes what a log holds.
func (a *app) replayLog(ctx context.Context, where string, f *rereadFlags) (err error) {
	switch {
	case f.topic == "":
		return usagef("replay of a log needs --topic")
	case f.group != "":
		return usagef("--group is for kafka:; a log is published for all groups of the topic")
	case f.rate < 0 || math.IsNaN(f.rate):
		return usagef("--rate is %v; expected messages a second", f.rate)
	case f.output != "text" && f.output != "json":
		return usagef("--output is %q; expected text or json", f.output)
	}
	if f.into == "" {
		f.into = f.topic
	}
	log, closeLog, err := a.openLog(ctx, where)
	if err != nil {
		return err
	}
	defer closing(&err, closeLog)
	oldest, end, err := log.Bounds(ctx, f.topic)
	if err != nil {
		return exitWith(exitIncomplete, err)
	}
	if end == 0 {
		return usagef("the log at %s has no topic %q", where, f.topic)
	}
	from, err := a.replayStart(ctx, log, f, end)
	if err != nil {
		return err
	}
	if from > 0 && from < oldest { // somebody asked for these
		a.note("warning: the log no longer holds offsets %d to %d of %q: they are left out", from, oldest, f.topic)
	}
	if f.dryRun {
		a.note("dry run: offsets %d to %d of %q, %d messages, would be published to %q", max(from, oldest), end, f.topic, end-max(from, oldest), f.into)
		return a.printReplayed(f, 0, max(from, oldest))
	}
	bus, err := a.kafka(ctx, f.brokers)
	if err != nil {
		return err
	}
	defer closing(&err, func() error { return bus.Close(context.WithoutCancel(ctx)) })
	retention, err := retentionOf(ctx, bus, f.into)
	if err != nil {
		return err
	}
	return a.publishLog(ctx, log, bus, f, from, retention)
}

// retentionOf returns for how long a topic keeps messages; 0 is for good. A topic
// that is not there is an error.
func retentionOf(ctx context.Context, bus *kafkabus.Bus, topic string) (time.Duration, error) {
	found, err := bus.Topics(ctx, topic)
	if err != nil {
		return 0, kafkaFailure(err)
	}
	if !found[0].Exists {
		return 0, usagef("there is no topic %q; wireproof topics apply makes those of the settings", topic)
	}
	ms, err := strconv.ParseInt(found[0].Config["retention.ms"], 10, 64)
	if err != nil || ms < 0 || !strings.Contains(found[0].Config["cleanup.policy"], "delete") {
		return 0, nil
	}
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, nil
}

// publishLog publishes a topic of a log from an offset on and notes how far it is.
func (a *app) publishLog(ctx context.Context, log *eventlog.Log, bus event.Publisher, f *rereadFlags, from int64, retention time.Duration) error {
	batch, limit := replayBatch, rate.NewLimiter(rate.Inf, replayBatch)
	if f.rate > 0 {
		batch = min(max(int(f.rate), 1), replayBatch)
		limit = rate.NewLimiter(rate.Limit(f.rate), batch)
	}
	published := 0
	next, err := log.Replay(ctx, f.topic, from, batch, func(ctx context.Context, ds []*event.Delivery) error {
		if err := limit.WaitN(ctx, len(ds)); err != nil {
			return errors.Join(err, ctx.Err())
		}
		if age := time.Since(ds[0].Time); published == 0 && retention > 0 && age > retention && !f.newTimes {
			a.note("warning: %q keeps messages for %v, and the first one is %v old: the broker may remove it at once; see --new-times", f.into, retention, age.Round(time.Second))
		}
		ms := make([]*event.Message, len(ds))
		for i, d := range ds {
			m := d.Message
			m.Topic = f.into
			if f.newTimes {
				m.Time = time.Time{}
			}
			ms[i] = &m
		}
		if err := bus.Publish(ctx, ms...); err != nil {
			return err
		}
		published += len(ms)
		return a.saveCheckpoint(f, ds[len(ds)-1].Offset+1)
	})
	if err == nil {
		err = a.saveCheckpoint(f, next)
	}
	if printed := a.printReplayed(f, published, next); printed != nil {
		return printed
	}
	switch {
	case err == nil:
		a.note("%d messages of %q are published to %q", published, f.topic, f.into)
		return nil
	case ctx.Err() != nil:
		return exitWith(exitInterrupted, fmt.Errorf("interrupted at offset %d, behind %d messages; go on with --from %d, or the same --checkpoint", next, published, next))
	case published > 0:
		return exitWith(exitPartly, fmt.Errorf("%d messages are published, up to offset %d, then: %w", published, next, err))
	}
	return exitWith(exitIncomplete, err)
}

func (a *app) printReplayed(f *rereadFlags, published int, next int64) error {
	if f.output == "json" {
		return a.printJSON(struct {
			Topic     string `json:"topic"`
			Into      string `json:"into"`
			Published int    `json:"published"`
			Next      int64  `json:"next"`
		}{f.topic, f.into, published, next})
	}
	_, err := fmt.Fprintf(a.stdout, "published\t%d\nnext\t%d\n", published, next)
	return err
}

// replayStart returns the offset that a replay begins at: that of the checkpoint,
// or of --from, or the oldest.
func (a *app) replayStart(ctx context.Context, log *eventlog.Log, f *rereadFlags, end int64) (int64, error) {
	if f.checkpoint != "" {
		data, err := os.ReadFile(a.path(f.checkpoint))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return 0, usagef("read the checkpoint: %w", err)
		default:
			return checkpointIn(data, f, end)
		}
	}
	if f.from == "" {
		return 0, nil
	}
	begin, err := parseStart(f.from, time.Now())
	switch {
	case err != nil:
		return 0, err
	case begin.beginning:
		return 0, nil
	case begin.end:
		return end, nil
	case begin.offsets != nil:
		return 0, usagef("--from is %q; a topic of a log has no partitions: expected one offset", f.from)
	case begin.offset > end:
		return 0, usagef("--from is %d, behind the end of %q, which is %d", begin.offset, f.topic, end)
	case begin.offset >= 0:
		return begin.offset, nil
	}
	at, err := log.OffsetAt(ctx, f.topic, begin.time)
	if err != nil {
		return 0, exitWith(exitIncomplete, err)
	}
	return at, nil
}

func checkpointIn(data []byte, f *rereadFlags, end int64) (int64, error) {
	var c checkpoint
	if err := strictJSON(data, &c); err != nil {
		return 0, usagef("%s is no checkpoint: %w", f.checkpoint, err)
	}
	switch {
	case f.from != "":
		return 0, usagef("%s says where to go on, and so does --from: remove one of them", f.checkpoint)
	case c.Topic != f.topic || c.Into != f.into:
		return 0, usagef("%s is the checkpoint of a replay of %q into %q, not of %q into %q", f.checkpoint, c.Topic, c.Into, f.topic, f.into)
	case c.Next < 0 || c.Next > end:
		return 0, usagef("%s says offset %d; the log ends at %d: it is that of another log", f.checkpoint, c.Next, end)
	}
	return c.Next, nil
}

func (a *app) saveCheckpoint(f *rereadFlags, next int64) error {
	if f.checkpoint == "" {
		return nil
	}
	data, err := json.Marshal(checkpoint{f.topic, f.into, next})
	if err != nil {
		return err
	}
	if err := replaceFile(a.path(f.checkpoint), string(data)+"\n"); err != nil {
		return fmt.Errorf("save the checkpoint: %w", err)
	}
	return nil
}

// openLog opens the log in a folder, a SQLite file or a PostgreSQL database.
func (a *app) openLog(ctx context.Context, where string) (*eventlog.Log, func() error, error) {
	store, closeStore, err := a.openLogStore(ctx, where)
	if err != nil {
		return nil, nil, err
	}
	log, err := eventlog.New(store)
	if err != nil {
		return nil, nil, errors.Join(err, closeStore())
	}
	return log, closeStore, nil
}

func (a *app) openLogStore(ctx context.Context, where string) (eventlog.Store, func() error, error) {
	if strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") {
		return openSQL(ctx, "pgx", where)
	}
	path := a.path(where)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, nil, usagef("there is no log at %s: %w", where, err)
	case !info.IsDir():
		query := url.Values{"_pragma": {"synchronous(full)", "busy_timeout(10000)"}}.Encode()
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, nil, err
		}
		slashed := filepath.ToSlash(abs)
		if !strings.HasPrefix(slashed, "/") {
			slashed = "/" + slashed
		}
		return openSQL(ctx, "sqlite", (&url.URL{Scheme: "file", Path: slashed, RawQuery: query}).String())
	}
	if _, err := os.Stat(filepath.Join(path, "topics")); err != nil {
		return nil, nil, usagef("%s is no log of a file store: it has no folder topics", where)
	}
	store, err := filestore.Open(path)
	if err != nil {
		return nil, nil, exitWith(exitIncomplete, err)
	}
	return store, store.Close, nil
}

func openSQL(ctx context.Context, driver, source string) (eventlog.Store, func() error, error) {
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, nil, exitWith(exitIncomplete, fmt.Errorf("open the log: %w", err))
	}
	store, err := sqlstore.New(ctx, db)
	if err != nil {
		return nil, nil, exitWith(exitIncomplete, errors.Join(err, db.Close()))
	}
	return store, db.Close, nil
}
