package registry

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// TopLevelFields makes the words of a schema its fields.
func (s wordSchema) TopLevelFields() []string { return strings.Fields(s.src.Text) }

// Tags are the words that begin with #.
func (s wordSchema) Tags() (out []lang.Tag) {
	for w := range strings.FieldsSeq(s.src.Text) {
		if strings.HasPrefix(w, "#") {
			out = append(out, lang.Tag{Path: w, Tags: []string{w}})
		}
	}
	return out
}

// WithTags adds and removes words that begin with #.
func (s wordSchema) WithTags(add, remove []lang.Tag) (string, error) {
	words := strings.Fields(s.src.Text)
	for _, t := range remove {
		words = slices.DeleteFunc(words, func(w string) bool { return w == "#"+t.Path })
	}
	for _, t := range add {
		words = append(words, "#"+t.Path)
	}
	return strings.Join(words, " "), nil
}

func settings(scope string, u api.ConfigUpdate) ConfigChange {
	return ConfigChange{Scope: scope, Update: u}
}

// What the protocol says of registering, beyond what each table of another file
// says.
func TestRegisterByTheProtocol(t *testing.T) {
	t.Parallel()
	mode := func(m string) ModeChange { return ModeChange{Mode: m, Force: true} }
	lenient := settings("", api.ConfigUpdate{ValidateNewSchemas: api.Set(false), Compatibility: api.Set("NONE")})
	defaults := settings("a", api.ConfigUpdate{DefaultMetadata: api.Set(api.Metadata{Properties: map[string]string{"k": "v"}})})
	strictFields := settings("", api.ConfigUpdate{ValidateFields: api.Set(true)})
	deleted := []command{reg("base", "x"), SubjectDeletion{Subject: "base"}}
	ref := api.Reference{Name: "r", Subject: "base", Version: 1}
	tagging := func(r Registration) Registration {
		r.Request.TagsToAdd = []api.SchemaTags{{Entity: api.SchemaEntity{Path: "t"}, Tags: []string{"T"}}}
		return r
	}
	for _, c := range []struct {
		name   string
		before []command
		cmd    command
		want   string
		code   api.Code
	}{
		{"a read-only mode does not hide what is there", []command{reg("a", "x"), mode("READONLY")}, reg("a", "x"), "", 0},
		{"but settings that add to it make it a write", []command{defaults, reg("a", "x"), mode("READONLY")}, reg("a", "x"), "", api.OperationNotPermitted},
		{"and it is found in the mode for writes", []command{defaults, reg("a", "x")}, reg("a", "x"), "", 0},
		{"settings add nothing to an import", []command{mode("IMPORT"), as(3, 1, reg("a", "x")), defaults}, as(3, 1, reg("a", "x")), "", 0},
		{"tags are added", []command{reg("a", "x")}, tagging(reg("a", "x")), "put a v2 id2", 0},
		{"but not to an import", []command{mode("IMPORT"), as(3, 1, reg("a", "x"))}, tagging(as(3, 1, reg("a", "x"))), "", 0},
		{"a soft-deleted target", deleted, referring("a", "y", ref), "", api.InvalidSchema},
		{"a soft-deleted target where nothing is validated", append(deleted, lenient), referring("a", "y", ref), "put a v1 id2", 0},
		{"with tags", append(deleted, lenient), tagging(referring("a", "y", ref)), "put a v1 id2", 0},
		{"a name that the first version reserves", []command{strictFields}, described("a", "x y", map[string]string{reservedProperty: "y"}), "", api.InvalidSchema},
		{"a name that an earlier one reserves", []command{strictFields, described("a", "x", map[string]string{reservedProperty: "y"})}, reg("a", "x y"), "", api.IncompatibleSchema},
		{"a name that is reserved for all", []command{strictFields, typed("a", "x", "JSON")}, typed("a", "$$y", "JSON"), "", api.InvalidSchema},
	} {
		p, st := after(t, c.before...)
		d, err := decide(p, st, c.cmd, time.UnixMilli(1))
		switch {
		case c.code != 0 && !errors.Is(err, c.code):
			t.Errorf("%s: %q, %v, want code %d", c.name, summary(d.records), err, int(c.code))
		case c.code == 0 && (err != nil || summary(d.records) != c.want):
			t.Errorf("%s: %q, %v, want %q", c.name, summary(d.records), err, c.want)
		}
	}
}

// A mode that forbids a write is told by the writer, who has read the log, and not
// from memory.
func TestModeIsNotToldFromMemory(t *testing.T) {
	t.Parallel()
	defaults := settings("a", api.ConfigUpdate{DefaultMetadata: api.Set(api.Metadata{Properties: map[string]string{"k": "v"}})})
	p, st := after(t, defaults, reg("a", "x"), ModeChange{Mode: "READONLY"})
	if found, err := openState(p, st).knownIn(st, reg("a", "x")); found != nil || err != nil {
		t.Errorf("known in a read-only mode = %+v, %v, want that it takes the writer", found, err)
	}
}

// A check may refer to what a registration may refer to.
func TestCheckRefersAsRegister(t *testing.T) {
	t.Parallel()
	ref := api.Reference{Name: "r", Subject: "base", Version: 1}
	for _, validate := range []bool{true, false} {
		p, st := after(t, reg("base", "x"), SubjectDeletion{Subject: "base"}, settings("", api.ConfigUpdate{ValidateNewSchemas: api.Set(validate)}))
		_, err := openState(p, st).Check(t.Context(), Check{Subject: "a", Request: referring("a", "y", ref).Request})
		if errors.Is(err, api.InvalidSchema) != validate || !validate && err != nil {
			t.Errorf("Check with a soft-deleted target, validateNewSchemas %v: %v", validate, err)
		}
	}
}

// References are stored and hashed as the client spells them.
func TestReferencesKeepTheirSpelling(t *testing.T) {
	t.Parallel()
	p, st := after(t, reg("base", "x"), referring("a", "y", api.Reference{Name: "r", Subject: ":.:base", Version: Latest}))
	want := api.Reference{Name: "r", Subject: ":.:base", Version: 1}
	v := st.version("a", 1)
	if !slices.Equal(v.refs, []api.Reference{want}) || v.guid != hashOf("y", []api.Reference{want}, nil, nil).guid() {
		t.Errorf("the references are %+v, GUID %s", v.refs, v.guid)
	}
	if _, err := decide(p, st, SubjectDeletion{Subject: "base"}, time.UnixMilli(1)); !errors.Is(err, api.ReferenceExists) {
		t.Errorf("deleting what a spelled-out reference means: %v", err)
	}
	if d, err := decide(p, st, referring("b", "y", api.Reference{Name: "r", Subject: "base", Version: 1}), time.UnixMilli(1)); err != nil || summary(d.records) != "put b v1 id3" {
		t.Errorf("the same with the name alone = %q, %v", summary(d.records), err)
	}
}
