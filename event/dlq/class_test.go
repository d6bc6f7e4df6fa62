package dlq_test

import (
	"testing"
	"time"

	"github.com/wireproof/wireproof/event/dlq"
)

// Errors that differ in names and numbers are of one class; others are not.
func TestErrorClass(t *testing.T) {
	for _, c := range []struct{ want, a, b string }{
		{"order # not found", "order 17 not found", "order 18 not found"},
		{`customer "#" is unknown`, `customer "Ann" is unknown`, `customer "Bob \" Lee" is unknown`},
		{"customer '#' is unknown", "customer 'Ann' is unknown", "customer 'O'Hara' is unknown"},
		{"can't read `#`", "can't read `a`", "can't read `b\\`"},
		{"session # ended", "session 550e8400-e29b-41d4-a716-446655440000 ended", "session 123E4567-E89B-12D3-A456-426614174000 ended"},
		{"blob # is gone", "blob deadbeef01 is gone", "blob 0x1f is gone"},
		{"cart # is gone", "cart 01ARZ3NDEKTSV4RRFFQ69G5FAV is gone", "cart 01BX5ZZKBKACTAV9WEVGEMMVRZ is gone"},
		{"dial tcp #:#: connection refused", "dial tcp 10.0.0.1:5432: connection refused", "dial tcp 10.0.0.27:80: connection refused"},
		{"order-# is late", "order-17 is late", "order-1 is late"},
		{"panic: boom", "panic: boom\ngoroutine 17", "  panic:  boom\ngoroutine 18"},
		{"", "", "\n"},
	} {
		if a, b := dlq.ErrorClass(c.a), dlq.ErrorClass(c.b); a != c.want || b != c.want {
			t.Errorf("ErrorClass(%q) = %q, ErrorClass(%q) = %q, want %q", c.a, a, c.b, b, c.want)
		}
	}
	if a, b := dlq.ErrorClass("order 17 not found"), dlq.ErrorClass("order 17 not paid"); a == b {
		t.Errorf("two errors are one class, %q", a)
	}
}

// The class of a class is itself: what list prints selects the same letters.
func FuzzErrorClass(f *testing.F) {
	for _, s := range []string{"a 1.5.2 # \"x\"", "'it''s'", `"\"`, "0x1#2", "#.#", "deadbeef1-1", "550e8400-e29b-41d4-a716-446655440000", "\xff'\x80'", "a\"b\"c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if one := dlq.ErrorClass(s); dlq.ErrorClass(one) != one {
			t.Errorf("ErrorClass(%q) = %q, and of that %q", s, one, dlq.ErrorClass(one))
		}
	})
}

func TestTally(t *testing.T) {
	var tally dlq.Tally
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	tally.Add("a", dlq.Letter{ID: "0:2", DeadAt: at(30)})
	tally.Add("b", dlq.Letter{ID: "0:1", DeadAt: at(20), Replayed: 2})
	tally.Add("a", dlq.Letter{ID: "0:0", DeadAt: at(10), Replayed: 1})
	got := tally.Groups()
	if len(got) != 2 || got[0].Name != "a" || got[0].Count != 2 || got[0].Pending != 1 || got[0].First != at(10) ||
		got[0].Last != at(30) || got[0].Example.ID != "0:2" || got[1].Pending != 0 {
		t.Errorf("groups %+v", got)
	}
	if got := (&dlq.Tally{}).Groups(); len(got) != 0 {
		t.Errorf("groups of nothing: %v", got)
	}
}
