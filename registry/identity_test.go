package registry

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// jsonWords is words under another name.
type jsonWords struct{ words }

func (jsonWords) Type() lang.Type { return lang.JSON }

// after returns a policy, for words of two languages, and the state after
// commands that must be accepted.
func after(t *testing.T, before ...command) (*policy, *State) {
	t.Helper()
	p, st := testPolicy(), newState()
	p.languages = append(p.languages, jsonWords{})
	for _, cmd := range before {
		d, err := decide(p, st, cmd, time.UnixMilli(1))
		if err != nil {
			t.Fatalf("before: %+v: %v", cmd, err)
		}
		st.apply(d.records, st.next+1)
	}
	return p, st
}

func described(subject, text string, properties map[string]string) Registration {
	r := reg(subject, text)
	r.Request.Metadata = &api.Metadata{Properties: properties}
	return r
}

func ruled(subject, text string, rule api.Rule) Registration {
	r := reg(subject, text)
	r.Request.RuleSet = &api.RuleSet{DomainRules: []api.Rule{rule}}
	return r
}

func typed(subject, text, typ string) Registration {
	r := reg(subject, text)
	r.Request.SchemaType = typ
	return r
}

// as makes a registration an import.
func as(id, version int, r Registration) Registration {
	r.Request.ID, r.Request.Version = &id, version
	return r
}

// An id stands for one type, text, list of references, metadata and rule set. The
// hash does not tell: it leaves out the type, and has nothing between its parts.
func TestSameHashIsNotSame(t *testing.T) {
	t.Parallel()
	bases := []command{reg("a", "base"), reg("ba", "base")}
	for _, c := range []struct {
		name       string
		one, other Registration
	}{
		{"metadata", described("s", "x", map[string]string{"k": "vw"}), described("s", "x", map[string]string{"kv": "w"})},
		{"rules", ruled("s", "x", api.Rule{Name: "r", Type: "CEL", Doc: "d"}), ruled("s", "x", api.Rule{Name: "rd", Type: "CEL"})},
		{"references", referring("s", "x", api.Reference{Name: "rb", Subject: "a", Version: 1}), referring("s", "x", api.Reference{Name: "r", Subject: "ba", Version: 1})},
		{"type", typed("s", "x", "AVRO"), typed("s", "x", "JSON")},
	} {
		p, st := after(t, append(bases, level("", "NONE"), c.one)...)
		id := st.version("s", 1).id
		r := openState(p, st)
		if v, err := r.Lookup(t.Context(), Lookup{Subject: "s", Request: c.one.Request}); err != nil || v.ID != id {
			t.Errorf("%s: lookup of what is there = id %d, %v, want %d", c.name, v.ID, err, id)
		}
		if v, err := r.Lookup(t.Context(), Lookup{Subject: "s", Request: c.other.Request}); !errors.Is(err, api.SchemaNotFound) {
			t.Errorf("%s: lookup of the other = %+v, %v, want that it is not found", c.name, v, err)
		}
		elsewhere := c.other
		elsewhere.Subject = "t"
		for _, cmd := range []Registration{c.other, elsewhere} {
			if d, err := decide(p, st, cmd, time.UnixMilli(1)); !errors.Is(err, api.OperationNotPermitted) {
				t.Errorf("%s: register the other in %s = %q, %v, want it not permitted", c.name, cmd.Subject, summary(d.records), err)
			}
		}
		st.apply([]Record{{Kind: ModeRecord, Mode: api.ModeImport}}, st.next+1)
		if d, err := decide(p, st, as(id, 1, elsewhere), time.UnixMilli(1)); !errors.Is(err, api.OperationNotPermitted) {
			t.Errorf("%s: import the other with id %d = %q, %v, want it not permitted", c.name, id, summary(d.records), err)
		}
		same := c.one
		same.Subject = "t"
		if d, err := decide(p, st, as(id, 7, same), time.UnixMilli(1)); err != nil || summary(d.records) != fmt.Sprintf("put t v7 id%d", id) {
			t.Errorf("%s: import the same with id %d = %q, %v", c.name, id, summary(d.records), err)
		}
	}
}

// openState returns a registry that answers from a state.
func openState(p *policy, st *State) *Registry {
	r := &Registry{log: nothing{}, policy: p, reading: make(chan struct{}, 1), stop: make(chan struct{})}
	r.state.Store(st)
	return r
}

// Of several ids with one hash, the one that says the same is found again.
func TestHashOfSeveralIDs(t *testing.T) {
	t.Parallel()
	one, other := described("s", "x", map[string]string{"k": "vw"}), described("t", "x", map[string]string{"kv": "w"})
	p, st := after(t, ModeChange{Mode: api.ModeImport}, as(0, 1, one), as(5, 1, other), ModeChange{Mode: api.ModeReadWrite})
	for id, r := range map[int]Registration{0: one, 5: other} {
		r.Subject = "u"
		if d, err := decide(p, st, r, time.UnixMilli(1)); err != nil || summary(d.records) != fmt.Sprintf("put u v1 id%d", id) {
			t.Errorf("register what id %d has = %q, %v", id, summary(d.records), err)
		}
	}
}

// Others' logs may hold an id with several contents of one text. Each of them is
// known by its id and by its own GUID.
func TestOneIDOfSeveralContents(t *testing.T) {
	t.Parallel()
	put := func(subject, value string, deleted bool) Record {
		return Record{Kind: SchemaRecord, Subject: subject, Version: 1, ID: 1, Schema: &StoredSchema{
			Type: "AVRO", Text: "x", Metadata: &api.Metadata{Properties: map[string]string{"k": value}}, Deleted: deleted,
		}}
	}
	p, st := after(t)
	st.apply([]Record{put("a", "1", false), put("b", "2", false), put("c", "1", false), {Kind: ModeRecord, Mode: api.ModeImport}}, 4)
	for _, value := range []string{"1", "2"} {
		cmd := described("d", "x", map[string]string{"k": value})
		if _, err := decide(p, st, as(1, 1, cmd), time.UnixMilli(1)); err != nil {
			t.Errorf("import of what id 1 has with k=%s: %v", value, err)
		}
		guid := hashOf("x", nil, cmd.Request.Metadata, nil).guid()
		if v, err := openState(p, st).ByGUID(t.Context(), guid); err != nil || v.GUID != guid || v.Metadata.Properties["k"] != value {
			t.Errorf("ByGUID(%s) = %+v, %v, want k=%s", guid, v, err, value)
		}
	}
	st.apply([]Record{{Kind: PurgeRecord, Subject: "b", Version: 1}}, 5)
	if _, err := decide(p, st, as(1, 1, described("d", "x", map[string]string{"k": "2"})), time.UnixMilli(1)); !errors.Is(err, api.OperationNotPermitted) {
		t.Errorf("import of what nothing has any more: %v, want it not permitted", err)
	}
}

// Empty metadata are not none: they have another GUID, and a request that gives
// none means those of the latest version.
func TestEmptyMetadata(t *testing.T) {
	t.Parallel()
	plainOne, empty := reg("a", "x"), described("a", "x", nil)
	counted := func(number string) Registration {
		return described("a", "x", map[string]string{versionProperty: number})
	}
	for _, c := range []struct {
		name   string
		before []command
		cmd    Registration
		want   string
	}{
		{"empty after none", []command{plainOne}, empty, "put a v2 id2"},
		{"none after empty", []command{empty}, plainOne, ""},
		{"empty twice", []command{empty}, empty, ""},
		{"the right number after none", []command{plainOne}, counted("1"), ""},
		{"the right number after empty", []command{empty}, counted("1"), ""},
		{"another number after none", []command{plainOne}, counted("7"), "put a v2 id2"},
		{"empty after a number", []command{counted("1")}, empty, ""},
	} {
		p, st := after(t, c.before...)
		if d, err := decide(p, st, c.cmd, time.UnixMilli(1)); err != nil || summary(d.records) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, summary(d.records), err, c.want)
		}
	}
}

func TestEqualRules(t *testing.T) {
	t.Parallel()
	set := func(rules ...api.Rule) *api.RuleSet { return &api.RuleSet{DomainRules: rules} }
	for _, c := range []struct {
		name string
		a, b *api.RuleSet
		want bool
	}{
		{"none", nil, nil, true},
		{"none and empty", nil, set(), false},
		{"empty lists", set(), &api.RuleSet{DomainRules: []api.Rule{}}, true},
		{"empty parts", set(api.Rule{Name: "r"}), set(api.Rule{Name: "r", Tags: []string{}, Params: map[string]string{}}), true},
		{"name and doc", set(api.Rule{Name: "ab", Doc: "c"}), set(api.Rule{Name: "a", Doc: "bc"}), false},
		{"tags", set(api.Rule{Tags: []string{"ab", "c"}}), set(api.Rule{Tags: []string{"a", "bc"}}), false},
		{"params", set(api.Rule{Params: map[string]string{"a": "bc"}}), set(api.Rule{Params: map[string]string{"ab": "c"}}), false},
		{"one rule and two", set(api.Rule{Name: "ab"}), set(api.Rule{Name: "a"}, api.Rule{Name: "b"}), false},
		{"lists", set(api.Rule{Name: "r"}), &api.RuleSet{EncodingRules: []api.Rule{{Name: "r"}}}, false},
		{"where they run", set(), &api.RuleSet{EnableAt: "ALL"}, false},
		{"disabled", set(api.Rule{Name: "r"}), set(api.Rule{Name: "r", Disabled: true}), false},
	} {
		if got := equalRules(c.a, c.b); got != c.want || equalRules(c.b, c.a) != c.want {
			t.Errorf("%s: equal %v, want %v both ways", c.name, got, c.want)
		}
	}
}

// What the subject has under the id that the request gives is found by any number
// that stands for it, in every mode.
func TestKnownWithIDAndNumber(t *testing.T) {
	t.Parallel()
	p, st := after(t, level("a", "NONE"), reg("a", "x y"), reg("a", "z"))
	for _, c := range []struct {
		name string
		cmd  Registration
		want int // version, or 0 for a refusal
	}{
		{"its own number", as(1, 1, reg("a", "x y")), 1},
		{"a text that means the same", as(1, 1, reg("a", "y x")), 1},
		{"another number", as(1, 2, reg("a", "x y")), 0},
		{"another id", as(2, 1, reg("a", "x y")), 0},
	} {
		d, err := decide(p, st, c.cmd, time.UnixMilli(1))
		got, _ := d.answer.(Registered)
		if got.Number != c.want || c.want == 0 && !errors.Is(err, api.OperationNotPermitted) || len(d.records) > 0 {
			t.Errorf("%s: version %d, %v, want %d", c.name, got.Number, err, c.want)
		}
	}
}
