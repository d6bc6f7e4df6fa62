package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry/api"
)

// Which names can be written to, as subjects and as scopes of settings.
func TestNames(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("ü", MaxName/2)
	for _, c := range []struct {
		name            string
		subject, scope  bool
		whereEmptyIsOff bool // whether it is a subject where the empty one is refused
	}{
		{"orders-value", true, true, true},
		{"a/b c", true, true, true},
		{"*", true, true, false},
		{"", true, true, false},
		{":.:", true, true, false},
		{":.c:", true, true, false},
		{":.c:*", true, true, false},
		{":.c:a", true, true, true},
		{":.c", true, true, true}, // no whole context: a bare name
		{"__GLOBAL", false, false, false},
		{":.c:__GLOBAL", false, false, false},
		{"__EMPTY", false, false, false},
		{":.__GLOBAL:", false, true, false},
		{":.__GLOBAL:a", false, true, false},
		{":*:", false, false, false},
		{":*:a", false, false, false},
		{"a\x00", false, false, false},
		{"a\u0085", false, false, false},
		{":.c\n:a", false, false, false},
		{"a\xff", false, false, false},
		{longest, true, true, true},
		{longest + "x", false, false, false},
		{":.:" + longest, true, true, true},
		{":.c:" + longest, false, false, false},
		{":.c:" + longest[4:], true, true, true},
		{":." + longest + ":", false, false, false},
	} {
		for _, reject := range []bool{false, true} {
			p := testPolicy()
			p.rejectEmpty = reject
			want := map[string]bool{"register": c.subject, "set_config": c.scope, "set_mode": c.scope}
			if reject {
				want["register"] = c.whereEmptyIsOff
			}
			for _, cmd := range []command{reg(c.name, "x"), level(c.name, "FULL"), ModeChange{Scope: c.name, Mode: api.ModeReadOnly}} {
				action, _ := cmd.target()
				_, err := decide(p, newState(), cmd, time.UnixMilli(1))
				if err != nil && !errors.Is(err, api.InvalidSubject) || (err == nil) != want[action] {
					t.Errorf("%s %.40q with the empty name refused %v: %.200v, want success %v", action, c.name, reject, err, want[action])
				}
				if err != nil && (len(err.Error()) > MaxName+200 || !strings.HasPrefix(err.Error(), "The specified subject '")) {
					t.Errorf("%s %.40q: the message has %d bytes: %.100s", action, c.name, len(err.Error()), err)
				}
				if err != nil && !reject && len(c.name) > MaxName && !strings.Contains(err.Error(), "at most 2048") {
					t.Errorf("%s %.40q: %v, want the limit in it", action, c.name, err)
				}
			}
		}
	}
}

// The subject without a name lives and dies as any other, and its context keeps
// its settings.
func TestEmptySubject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, spelled string
		others        []string // subjects of the same context
	}{
		{"", ":.:", []string{"a"}},
		{":.c:", ":.c:", []string{":.c:a"}},
	} {
		p, st := after(t, level(c.name, "FULL"), ModeChange{Scope: c.name, Mode: api.ModeReadWrite},
			reg(c.spelled, "x"), reg(c.others[0], "y"), reg(c.spelled, "x y"))
		r := openState(p, st)
		all := anyContext
		if diff := cmp.Diff(append([]string{c.name}, c.others...), r.Subjects(&all, Live)); diff != "" {
			t.Errorf("%q: subjects (-want +got):\n%s", c.spelled, diff)
		}
		if v, err := r.Version(t.Context(), c.spelled, Latest, Live); err != nil || v.Subject != c.name || v.Number != 2 {
			t.Errorf("%q: the latest version is %+v, %v", c.spelled, v, err)
		}
		if v, err := r.Lookup(t.Context(), Lookup{Subject: c.spelled, Request: api.RegisterRequest{Schema: "x"}}); err != nil || v.Number != 1 {
			t.Errorf("%q: lookup = %+v, %v", c.spelled, v, err)
		}
		for _, permanent := range []bool{false, true} {
			d, err := decide(p, st, SubjectDeletion{Subject: c.spelled, Permanent: permanent}, time.UnixMilli(1))
			if err != nil {
				t.Fatalf("%q: delete: %v", c.spelled, err)
			}
			st.apply(d.records, st.next+1)
		}
		if _, err := r.Version(t.Context(), c.spelled, Latest, All); !errors.Is(err, api.SubjectNotFound) {
			t.Errorf("%q: a version after all were deleted: %v", c.spelled, err)
		}
		if _, err := r.Version(t.Context(), c.others[0], 1, Live); err != nil {
			t.Errorf("%q: %s went away, too: %v", c.spelled, c.others[0], err)
		}
		if cfg, err := r.Config(t.Context(), c.name, false); err != nil || cfg.Level() != "FULL" {
			t.Errorf("%q: the settings of the context are %q, %v, want FULL", c.spelled, cfg.Level(), err)
		}
		if _, ok := st.modes.Get(c.name); !ok {
			t.Errorf("%q: the mode of the context went away", c.spelled)
		}
	}
}
