package registry

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry/api"
)

// strayRecord makes a record that fits nothing, from four bytes.
func strayRecord(kind, subject, number, rest byte) Record {
	subjects := []string{"a", "b", "s1", ":.:a", ":.c:a", ":.c:", ":.c:b", "", ":.", ":.c", ":*:a", ":.__GLOBAL:", ":.::.c:a", "\x00", "a\x001", "\xff"}
	numbers := []int{1, 2, 3, 4, 0, -1, math.MaxInt32, math.MaxInt32 + 1, math.MaxInt, math.MinInt}
	kinds := []Kind{SchemaRecord, SchemaRecord, SchemaRecord, SchemaRecord, SchemaRecord, PurgeRecord, ConfigRecord, ModeRecord, IDRecord, ContextRecord, DeleteSubjectRecord, ClearRecord, "", "other"}
	pick := func(b, shift byte) int { return numbers[int(b>>shift)%len(numbers)] }
	r := Record{
		Kind: kinds[int(kind)%len(kinds)], Subject: subjects[int(subject)%len(subjects)],
		Version: pick(number, 0), ID: pick(number, 4), Time: int64(rest), Gone: rest&1 != 0,
	}
	if rest&2 != 0 {
		r.Mode = []string{api.ModeImport, api.ModeReadOnly, "ODD", api.ModeForward}[rest>>6]
		l := []string{"", "NONE", "ODD", "FULL"}[rest>>6]
		r.Config = &api.Config{CompatibilityLevel: &l, Alias: &subjects[rest>>4]}
	}
	if rest&4 != 0 || r.Kind != SchemaRecord {
		return r
	}
	r.Schema = &StoredSchema{
		Type: []string{"AVRO", "", "JSON", "ODD"}[rest>>6], Text: []string{"x", "x y", "", "!"}[subject>>6], Deleted: rest&8 != 0,
	}
	switch kind >> 5 {
	case 1:
		r.Schema.Metadata = &api.Metadata{}
	case 2:
		r.Schema.Metadata = &api.Metadata{Properties: map[string]string{"k": "vw"}}
	case 3: // the same hash as the one before
		r.Schema.Metadata = &api.Metadata{Properties: map[string]string{"kv": "w"}}
	case 4:
		r.Schema.MD5 = make([]byte, 16)
	case 5:
		r.Schema.MD5 = []byte{1}
	case 6:
		r.Schema.References = []api.Reference{{Name: "r", Subject: subjects[rest>>4], Version: pick(number, 2)}, {Subject: "a", Version: 1}, {Subject: "a", Version: 1}}
	case 7:
		r.Schema.RuleSet = &api.RuleSet{DomainRules: []api.Rule{{Name: "r"}}}
	}
	return r
}

// disordered returns the records of a log as no log should have them: cut short,
// repeated, out of order and between others. Every four bytes make one record.
func disordered(log []Record, ops []byte) []Record {
	var out []Record
	for len(ops) >= 4 && len(out) < 400 {
		op := ops[:4]
		ops = ops[4:]
		at := int(op[1])<<8 | int(op[2])
		switch {
		case len(log) == 0 || op[0] >= 128:
			out = append(out, strayRecord(op[0], op[1], op[2], op[3]))
		case op[0] < 64: // a stretch in its order
			from := at % len(log)
			out = append(out, log[from:min(len(log), from+1+int(op[3]%32))]...)
		case op[0] < 96: // one of its records, in another place
			r := log[at%len(log)]
			r.Version, r.ID = max(r.Version, 1+int(op[3]%4)), r.ID%(1+int(op[3]))
			out = append(out, r)
		default: // one that contradicts
			r := log[at%len(log)]
			r.Subject, r.Gone, r.Config, r.Mode = log[int(op[3])%len(log)].Subject, !r.Gone, nil, ""
			if r.Schema != nil {
				other := *r.Schema
				other.Deleted = !other.Deleted
				r.Schema = &other
			}
			out = append(out, r)
		}
	}
	return out
}

// A ledger says what records state, in maps and without any index.
type ledger struct {
	versions map[api.SubjectVersion]Record
	listed   map[string]bool
	maxID    map[string]int
}

func (l *ledger) take(r Record) {
	name := normalName(r.Subject)
	context, _ := splitName(name)
	key := api.SubjectVersion{Subject: name, Version: r.Version}
	switch r.Kind {
	case SchemaRecord:
		if r.Schema == nil || r.Version < 1 || r.Version > math.MaxInt32 || r.ID < 0 || r.ID > math.MaxInt32 {
			return
		}
		for k, other := range l.versions {
			if c, _ := splitName(k.Subject); c == context && other.ID == r.ID && other.Schema.Text != r.Schema.Text {
				return
			}
		}
		l.versions[key] = r
		l.maxID[context] = max(l.maxID[context], r.ID)
	case PurgeRecord:
		delete(l.versions, key)
	case DeleteSubjectRecord:
		for k, v := range l.versions {
			if k.Subject == name && k.Version <= r.Version {
				hidden := *v.Schema
				hidden.Deleted = true
				v.Schema = &hidden
				l.versions[k] = v
			}
		}
	case ClearRecord:
		all := name == "" || context == globalContext
		maps.DeleteFunc(l.versions, func(k api.SubjectVersion, v Record) bool {
			c, _ := splitName(k.Subject)
			return v.Schema.Deleted && (all || k.Subject == name || name == joinName(context, "") && c == context)
		})
	case IDRecord:
		if r.ID <= math.MaxInt32 {
			l.maxID[context] = max(l.maxID[context], r.ID)
		}
	case ContextRecord:
		l.listed[context] = !r.Gone && context != ""
	}
}

// agree compares a state with what a ledger says, and each index of the state
// with its versions.
func (l *ledger) agree(t *testing.T, st *State) {
	t.Helper()
	want, got := map[string]string{}, map[string]string{}
	note := func(into map[string]string, what, who string) {
		all := strings.Split(into[what], "|")
		if !slices.Contains(all, who) {
			into[what] = strings.Join(slices.Sorted(slices.Values(append(all, who))), "|")
		}
	}
	for k, r := range l.versions {
		context, name := splitName(k.Subject)
		v := &version{content: contentOf(&r), subject: k.Subject, number: k.Version}
		note(want, fmt.Sprintf("%q v%d", k.Subject, k.Version), fmt.Sprintf("id %d %q %s %v %+v deleted %v", r.ID, r.Schema.Text, v.guid, v.refs, plain(v.metadata), r.Schema.Deleted))
		note(want, fmt.Sprintf("id %d of %q", r.ID, context), fmt.Sprintf("%q v%d", k.Subject, k.Version))
		note(want, "hash "+v.guid, fmt.Sprintf("%q %d", context, r.ID))
		note(want, fmt.Sprintf("name %q", name), fmt.Sprintf("%q", context))
		for _, target := range v.targets() {
			note(want, fmt.Sprintf("users of %q", keyOfVersion(target)), fmt.Sprintf("%q v%d", k.Subject, k.Version))
		}
	}
	st.selected(selection{all: true}, func(subject string, versions []*version) {
		for _, v := range versions {
			note(got, fmt.Sprintf("%q v%d", subject, v.number), fmt.Sprintf("id %d %q %s %v %+v deleted %v", v.id, v.text, v.guid, v.refs, plain(v.metadata), v.deleted))
		}
	})
	st.spaces.Scan(func(context string, sp *space) bool {
		if sp.maxID != l.maxID[context] || sp.listed != l.listed[context] {
			t.Errorf("context %q: highest id %d, listed %v, want %d, %v", context, sp.maxID, sp.listed, l.maxID[context], l.listed[context])
		}
		sp.byID.Scan(func(id int, e entry) bool {
			counts := map[*content]int{}
			for v := range sp.usesOf(id) {
				counts[v.content]++
				note(got, fmt.Sprintf("id %d of %q", id, context), fmt.Sprintf("%q v%d", v.subject, v.number))
			}
			for _, c := range append([]counted{e.counted}, e.others...) {
				if id != c.id || c.versions == 0 || c.versions != counts[c.content] {
					t.Errorf("id %d of %q counts %d versions of a content of id %d, want %d", id, context, c.versions, c.id, counts[c.content])
				}
				delete(counts, c.content)
			}
			if len(counts) > 0 {
				t.Errorf("id %d of %q does not know %d contents that versions have", id, context, len(counts))
			}
			return true
		})
		if uses := sp.uses.Len(); uses != sp.versions {
			t.Errorf("context %q has ids of %d versions, want %d", context, uses, sp.versions)
		}
		return true
	})
	st.byHash.Scan(func(key string, holders []holder) bool {
		for _, h := range holders {
			note(got, "hash "+hash([]byte(key)).guid(), fmt.Sprintf("%q %d", h.context, h.id))
		}
		return true
	})
	st.names.Scan(func(name string, contexts []string) bool {
		for _, context := range contexts {
			note(got, fmt.Sprintf("name %q", name), fmt.Sprintf("%q", context))
		}
		return true
	})
	st.users.Scan(func(key string, v *version) bool {
		target := strings.TrimSuffix(key, keyOfVersion(v.name()))
		note(got, fmt.Sprintf("users of %q", target), fmt.Sprintf("%q v%d", v.subject, v.number))
		return true
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state and its indexes (-want +got):\n%s", diff)
	}
	total := 0
	st.spaces.Scan(func(_ string, sp *space) bool { total += sp.versions; return true })
	if total != len(l.versions) {
		t.Errorf("the state counts %d versions, want %d", total, len(l.versions))
	}
}

// checkApply applies records one by one and at once, and expects the same state,
// one that agrees with itself and that every question and every wish survives.
func checkApply(t *testing.T, records []Record) {
	t.Helper()
	l := &ledger{map[api.SubjectVersion]Record{}, map[string]bool{}, map[string]int{}}
	lived := newState()
	for i, r := range records {
		l.take(r)
		frozen := lived
		lived = lived.clone()
		var before map[string]string
		if i%64 == 0 {
			before = dump(frozen)
		}
		lived.apply([]Record{r}, Offset(i+1))
		if before != nil && !cmp.Equal(before, dump(frozen)) {
			t.Fatalf("record %d changed a state that others can see: %s", i, cmp.Diff(before, dump(frozen)))
		}
	}
	l.agree(t, lived)
	once := newState()
	once.apply(records, Offset(len(records)))
	if diff := cmp.Diff(dump(lived), dump(once)); diff != "" {
		t.Errorf("applied at once, the state differs (-one by one +at once):\n%s", diff)
	}
	askAll(t, lived)
}

// askAll asks a state about everything that it has, and wants much of it. What
// comes back is of no interest here.
func askAll(t *testing.T, st *State) {
	t.Helper()
	p := testPolicy()
	r := &Registry{log: nothing{}, policy: p, reading: make(chan struct{}, 1)}
	r.state = atomic.Pointer[State]{}
	r.state.Store(st)
	ctx := context.Background()
	st.byHash.Scan(func(key string, _ []holder) bool {
		guid := hash([]byte(key)).guid()
		if _, err := r.ByGUID(ctx, guid); err != nil {
			t.Errorf("ByGUID(%s) = %v", guid, err)
		}
		if _, err := r.IDsOfGUID(ctx, guid); err != nil {
			t.Errorf("IDsOfGUID(%s) = %v", guid, err)
		}
		return true
	})
	wish := func(cmd command) {
		if d, err := decide(p, st, cmd, time.UnixMilli(1)); err == nil {
			st.clone().apply(d.records, st.next+1)
		}
	}
	for _, v := range r.Schemas(Listing{Prefix: new(anyContext), Visible: All, Aliases: true}) {
		if got, err := r.Version(ctx, v.Subject, v.Number, All); err != nil || got.ID != v.ID {
			t.Errorf("Version(%q, %d) = %v, %v", v.Subject, v.Number, got, err)
		}
		if _, err := r.ByID(ctx, v.ID, v.Subject); err != nil {
			t.Errorf("ByID(%d, %q) = %v", v.ID, v.Subject, err)
		}
		if _, err := r.ReferencedBy(ctx, v.Subject, v.Number, All); err != nil {
			t.Errorf("ReferencedBy(%q, %d) = %v", v.Subject, v.Number, err)
		}
		_, _ = r.Lookup(ctx, Lookup{Subject: v.Subject, Request: api.RegisterRequest{Schema: v.Text, References: v.References}})
		_, _ = r.Check(ctx, Check{Subject: v.Subject, Request: api.RegisterRequest{Schema: v.Text + " z"}})
		wish(reg(v.Subject, v.Text))
		wish(reg(v.Subject, v.Text+" z"))
		wish(VersionDeletion{Subject: v.Subject, Version: v.Number, Permanent: v.Deleted})
		wish(SubjectDeletion{Subject: v.Subject, Permanent: v.Deleted})
		wish(ModeChange{Scope: v.Subject, Mode: api.ModeImport})
	}
	wish(ModeChange{Mode: api.ModeImport})
	r.Stats()
	r.Contexts()
	r.AliasesOf()
}

// nothing is a log without records.
type nothing struct{}

func (nothing) Append(context.Context, Offset, []Record) (Offset, error) { return 0, ErrNotLeader }
func (nothing) ReadFrom(_ context.Context, at Offset) ([]Record, Offset, error) {
	return nil, at, nil
}

// livedLog returns the records that random commands leave.
func livedLog(r *rand.Rand, steps int) []Record {
	p, st := testPolicy(), newState()
	var log []Record
	for step := range steps {
		if d, err := decide(p, st, randomCommand(r), time.UnixMilli(int64(step))); err == nil {
			log = append(log, d.records...)
			st.apply(d.records, Offset(len(log)))
		}
	}
	return log
}

// A log that was written badly, by others or by a fault, is read as far as it
// makes sense: nothing panics, and what is found by one way is found by all.
func TestApplyStorm(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		log := livedLog(r, 60)
		ops := make([]byte, 4*(1+r.IntN(60)))
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		checkApply(t, disordered(log, ops))
		if t.Failed() {
			return
		}
	}
}

// FuzzApply disorders the log of a registry that lived, which the first argument
// stands for.
func FuzzApply(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(seed, []byte{0, 0, 0, 31})
		f.Add(seed, []byte{0, 0, 0, 31, 64, 0, byte(seed), 7, 96, 0, byte(seed), 3, 130, 1, 17, 0, 32, 0, 9, 20})
	}
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		checkApply(t, disordered(livedLog(rand.New(rand.NewPCG(seed, 0)), 40), ops))
	})
}
