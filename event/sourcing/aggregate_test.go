package sourcing_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/event/sourcing"
)

// A text is the aggregate of events that each add their payload. It counts what
// it applies, to show what a snapshot spares.
type text struct {
	form    string
	all     strings.Builder
	applied int
	broken  bool // Restore fails
}

func (x *text) Apply(e *sourcing.Event) error {
	if string(e.Payload) == "unreadable" {
		return errors.New("what is this")
	}
	fmt.Fprintf(&x.all, "%d:%s (%s of %v at %d) ", e.Version, e.Payload, e.ID(), e.Time, e.Offset)
	x.applied++
	return nil
}

func (x *text) Form() string              { return x.form }
func (x *text) Snapshot() ([]byte, error) { return []byte(x.all.String()), nil }

func (x *text) Restore(b []byte) error {
	x.all.Write(b) // also in part, before it fails
	if x.broken {
		return errors.New("an old friend")
	}
	return nil
}

func repository(t *testing.T, db *sql.DB, every int64, form string, broken bool, log *bytes.Buffer) *sourcing.Repository[*text] {
	t.Helper()
	s, err := sourcing.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sourcing.NewRepository(s, every, slog.New(slog.NewTextHandler(log, nil)), func() *text { return &text{form: form, broken: broken} })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func load(t *testing.T, r *sourcing.Repository[*text], stream string) (*text, int64) {
	t.Helper()
	a, version, err := r.Load(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return a, version
}

// With snapshots or without, an aggregate is the same, however many events are
// saved at once; and with them few events are applied again.
func TestSnapshotsChangeNothing(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		const every, n = 10, 300
		var log bytes.Buffer
		with, without := repository(t, db, every, "a", false, &log), repository(t, db, 0, "a", false, &log)
		rnd := rand.New(rand.NewPCG(1, 2))
		a, version := load(t, with, "s")
		for i := 0; version < n; i++ {
			var ms []*event.Message
			for range 1 + rnd.IntN(25) { // several multiples may be crossed at once
				ms = append(ms, message(fmt.Sprint(rnd.IntN(1000))))
			}
			last, err := with.Save(t.Context(), "s", a, version, ms...)
			if err != nil || last != version+int64(len(ms)) {
				t.Fatalf("save %d events at version %d: %d, %v", len(ms), version, last, err)
			}
			whole, end := load(t, without, "s")
			again, same := load(t, with, "s")
			if whole.all.String() != again.all.String() || whole.all.String() != a.all.String() || end != last || same != last {
				t.Fatalf("version %d: saved\n%s\nloaded\n%s\nwithout snapshots\n%s", last, &a.all, &again.all, &whole.all)
			}
			if again.applied >= every && last >= every {
				t.Fatalf("version %d: %d events were applied beside the snapshot, want fewer than %d", last, again.applied, every)
			}
			a, version = again, last
		}
		if log.Len() > 0 {
			t.Errorf("something was reported:\n%s", &log)
		}
	})
}

// A snapshot that is damaged, of another form, of a later version or that cannot
// be restored is passed over, and reported where it was to be used.
func TestSnapshotsCanBeDropped(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		var log bytes.Buffer
		r := repository(t, db, 2, "a", false, &log)
		a, _ := load(t, r, "s")
		if _, err := r.Save(t.Context(), "s", a, 0, message("x"), message("y"), message("z")); err != nil {
			t.Fatal(err)
		}
		want := a.all.String()
		for name, c := range map[string]struct {
			do     string
			form   string
			broken bool
			report string
		}{
			"used":         {"", "a", false, ""},
			"another form": {"", "b", false, ""},
			"not restored": {"", "a", true, "an old friend"},
			"damaged":      {"UPDATE wireproof_snapshot SET state = $1", "a", false, "its sum is wrong"},
			"too new":      {"UPDATE wireproof_snapshot SET version = 9", "a", false, "the stream ends at 3"},
			"gone":         {"DELETE FROM wireproof_snapshot", "a", false, ""},
		} {
			log.Reset()
			if _, err := db.Exec("DELETE FROM wireproof_snapshot"); err != nil {
				t.Fatal(err)
			}
			load(t, r, "s") // takes one anew
			if c.do != "" {
				var args []any
				if strings.Contains(c.do, "$1") {
					args = append(args, []byte("12345678"))
				}
				if _, err := db.Exec(c.do, args...); err != nil {
					t.Fatal(err)
				}
			}
			got, version := load(t, repository(t, db, 2, c.form, c.broken, &log), "s")
			if got.all.String() != want || version != 3 {
				t.Errorf("%s: loaded %q at version %d, want %q at 3", name, &got.all, version, want)
			}
			if (c.report == "") != (log.Len() == 0) || !strings.Contains(log.String(), c.report) {
				t.Errorf("%s: reported %q, want %q", name, &log, c.report)
			}
		}
	})
}

// A conflict leaves the aggregate as it was; an event that cannot be read is an
// error that names it; in a transaction of the caller nothing beside it is done.
func TestSaveAndLoadFail(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		var log bytes.Buffer
		r := repository(t, db, 1, "a", false, &log)
		a, _ := load(t, r, "s")
		b, _ := load(t, r, "s")
		if _, err := r.Save(t.Context(), "s", a, 0, message("a")); err != nil {
			t.Fatal(err)
		}
		if version, err := r.Save(t.Context(), "s", b, 0, message("b")); !sourcing.IsConflict(err) || version != 0 || b.applied != 0 {
			t.Errorf("the second save: version %d, %v, %d applied; want a conflict and nothing changed", version, err, b.applied)
		}
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Save(outbox.In(t.Context(), tx), "s", a, 1, message("never")); err != nil {
			t.Error(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if got, version := load(t, r, "s"); version != 1 || !strings.HasPrefix(got.all.String(), "1:a (") {
			t.Errorf("after a rollback: %q at %d", &got.all, version)
		}
		b, _ = load(t, r, "s")
		if _, err := r.Save(t.Context(), "s", b, 1, message("unreadable")); err == nil || !strings.Contains(err.Error(), "which is stored") {
			t.Errorf("an event that its aggregate cannot read: %v", err)
		}
		if _, _, err := r.Load(t.Context(), "s"); err == nil || !strings.Contains(err.Error(), `apply version 2 of stream "s": what is this`) {
			t.Errorf("load: %v, want an error that names the event", err)
		}
	})
	if _, err := sourcing.NewRepository(nil, 1, nil, func() *text { return nil }); err == nil {
		t.Error("no store: no error")
	}
}
