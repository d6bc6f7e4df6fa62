package registry

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/wireproof/wireproof/registry/api"
)

// bytesOf returns how many bytes f allocates. It must not run beside other tests.
func bytesOf(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// crowd returns records of n subjects that hold one schema and refer to one
// version; of each subject one for each of the given steps, one step after the
// other.
func crowd(n int, steps ...string) []Record {
	refs := []api.Reference{{Name: "r", Subject: "base", Version: 1}}
	out := []Record{{Kind: SchemaRecord, Subject: "base", Version: 1, ID: 1, Schema: &StoredSchema{Type: "AVRO", Text: "base"}}}
	for _, step := range steps {
		for i := range n {
			r := Record{Kind: SchemaRecord, Subject: fmt.Sprintf("subject-%07d", i), Version: 1, ID: 2}
			if step == "purge" {
				r.Kind = PurgeRecord
			} else {
				r.Schema = &StoredSchema{Type: "AVRO", Text: "crowded", References: refs, Deleted: step == "hide"}
			}
			out = append(out, r)
		}
	}
	return out
}

// Who asks for an id that everybody has looks at few versions, not at every one.
func TestSpeakerOfMany(t *testing.T) {
	t.Parallel()
	st := newState()
	st.apply(crowd(500, "put"), 1)
	st.apply(crowd(1, "hide"), 2)
	seen := 0
	v := speaker(func(yield func(*version) bool) {
		for v := range st.space("").usesOf(2) {
			if seen++; !yield(v) {
				return
			}
		}
	})
	if v == nil || v.deleted || v.subject != "subject-0000001" || seen != 2 {
		t.Errorf("%+v speaks for id 2 after a look at %d of 500; want the first that is live, the second", v, seen)
	}
	r := openState(testPolicy(), st)
	for subject, deleted := range map[string]bool{"subject-0000000": true, "subject-0000007": false} {
		if v, err := r.ByID(t.Context(), 2, subject); err != nil || v.Subject != subject || v.Deleted != deleted {
			t.Errorf("ByID(2, %s) = %+v, %v", subject, v, err)
		}
	}
}

// Of one subject, the newest live version speaks for an id.
func TestNewestOfSubject(t *testing.T) {
	t.Parallel()
	st := newState()
	put := func(number int, deleted bool) Record {
		return Record{Kind: SchemaRecord, Subject: "s", Version: number, ID: 1, Schema: &StoredSchema{Type: "AVRO", Text: "x", Deleted: deleted}}
	}
	for _, step := range []struct {
		record Record
		want   int
	}{{put(1, true), 1}, {put(2, true), 2}, {put(1, false), 1}, {put(3, false), 3}, {put(4, true), 3}} {
		st.apply([]Record{step.record}, st.next+1)
		if v, err := openState(testPolicy(), st).ByID(t.Context(), 1, "s"); err != nil || v.Number != step.want {
			t.Errorf("ByID = version %d, %v, want %d", v.Number, err, step.want)
		}
	}
}

// Work grows with the number of records, also where everybody has one schema and
// refers to one version: at start, and for each change of a state that others see.
// A cost that grew with the square would be eightfold here.
func TestCostIsLinear(t *testing.T) {
	const few, many = 1_000, 8_000
	for _, steps := range [][]string{{"put"}, {"put", "hide"}, {"put", "hide", "purge"}} {
		cost := func(n int) float64 {
			records := crowd(n, steps...)
			return bytesOf(func() { newState().apply(records, 1) }) / float64(n)
		}
		if a, b := cost(few), cost(many); b > 3*a {
			t.Errorf("%v: %.0f bytes for each of %d subjects, %.0f for each of %d", steps, a, few, b, many)
		}
	}
	for _, step := range []string{"put", "hide", "purge"} {
		cost := func(n int) float64 {
			st := newState()
			st.apply(crowd(n, "put"), 1)
			r := crowd(n+1, step)[1+n/2 : 2+n/2]
			if step == "put" {
				r = crowd(n+1, step)[1+n:]
			}
			return bytesOf(func() { st.clone().apply(r, 2) })
		}
		if a, b := cost(few), cost(many); b > 3*a {
			t.Errorf("%s one more: %.0f bytes beside %d subjects, %.0f beside %d", step, a, few, b, many)
		}
	}
}
