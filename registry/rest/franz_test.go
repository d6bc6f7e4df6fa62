package rest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/wireproof/wireproof/registry/rest"
)

const (
	noteAvsc = `{"type":"record","name":"Note","fields":[]}`
	nextAvsc = `{"type":"record","name":"Note","fields":[{"name":"text","type":"string","default":""}]}`
	lastAvsc = `{"type":"record","name":"Note","fields":[{"name":"text","type":"string"}]}`
)

// A franz is a client of franz-go beside a server of its own.
type franz struct {
	*testing.T
	*sr.Client
	url string
}

func newFranz(t *testing.T, opts ...sr.ClientOpt) franz {
	t.Helper()
	url := newServer(t, rest.Options{}).URL
	c, err := sr.NewClient(append(opts, sr.URLs(url))...)
	if err != nil {
		t.Fatal(err)
	}
	return franz{t, c, url}
}

func (f franz) register(ctx context.Context, subject, text string) sr.SubjectSchema {
	f.Helper()
	s, err := f.CreateSchema(ctx, subject, sr.Schema{Schema: text})
	if err != nil {
		f.Fatalf("CreateSchema(%s, %s): %v", subject, text, err)
	}
	return s
}

// want fails unless a call gave this value and no error.
func want[T any](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	} else if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (- want, + got):\n%s", what, d)
	}
}

// wantCode fails unless a call was refused with the code of an error.
func wantCode(t *testing.T, what string, err error, want *sr.Error) {
	t.Helper()
	var e *sr.ResponseError
	if !errors.As(err, &e) || e.ErrorCode != want.Code {
		t.Errorf("%s: error %v, want %d %s", what, err, want.Code, want.Name)
	}
}

func TestFranzContexts(t *testing.T) {
	t.Parallel()
	f := newFranz(t)
	ctx, here := t.Context(), sr.InContext(t.Context(), ".here")
	plain := f.register(ctx, "notes", noteAvsc)
	f.register(here, "other", nextAvsc)
	inside := f.register(here, "notes", noteAvsc)
	if plain.ID != 1 || inside.ID != 2 || inside.Subject != ":.here:notes" || plain.GUID != inside.GUID {
		t.Errorf("registered %+v and %+v", plain, inside)
	}
	contexts, err := f.Contexts(ctx)
	want(t, "Contexts", contexts, err, []string{".", ".here"})
	contexts, err = f.Contexts(sr.WithParams(ctx, sr.ContextPrefix(".h")))
	want(t, "Contexts with a prefix", contexts, err, []string{".here"})
	subjects, err := f.Subjects(here)
	want(t, "Subjects in a context", subjects, err, []string{":.here:notes", ":.here:other"})
	subjects, err = f.Subjects(sr.WithParams(ctx, sr.SubjectPrefix(":*:notes")))
	want(t, "Subjects of every context", subjects, err, []string{":.here:notes", "notes"})
	text, err := f.SchemaTextByID(here, 1)
	want(t, "SchemaTextByID in a context", text, err, nextAvsc)
	text, err = f.SchemaTextByID(ctx, 1)
	want(t, "SchemaTextByID", text, err, noteAvsc)
	ids, err := f.SchemaIDsByGUID(ctx, plain.GUID)
	want(t, "SchemaIDsByGUID", ids, err, []sr.ContextID{{Context: ".", ID: 1}, {Context: ".here", ID: 2}})
	found, err := f.LookupSchema(here, "notes", sr.Schema{Schema: noteAvsc})
	want(t, "LookupSchema in a context", found.ID, err, 2)
	if err := f.DeleteContext(ctx, ".here"); err == nil {
		t.Error("DeleteContext of one with subjects succeeded")
	}
	for _, subject := range []string{"notes", "other"} {
		for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
			versions, err := f.DeleteSubject(here, subject, how)
			want(t, "DeleteSubject in a context", versions, err, []int{1})
		}
	}
	if err := f.DeleteContext(ctx, ".here"); err != nil {
		t.Errorf("DeleteContext of an empty one: %v", err)
	}
	contexts, err = f.Contexts(ctx)
	want(t, "Contexts after DeleteContext", contexts, err, []string{"."})
}

func TestFranzModes(t *testing.T) {
	t.Parallel()
	f := newFranz(t)
	ctx := t.Context()
	one := func(rs []sr.ModeResult) (sr.Mode, error) { return rs[0].Mode, rs[0].Err }
	f.register(ctx, "notes", noteAvsc)
	mode, err := one(f.SetMode(ctx, sr.ModeReadOnly, "notes"))
	want(t, "SetMode", mode, err, sr.ModeReadOnly)
	mode, err = one(f.Mode(ctx, "notes"))
	want(t, "Mode", mode, err, sr.ModeReadOnly)
	_, err = f.CreateSchema(ctx, "notes", sr.Schema{Schema: nextAvsc})
	wantCode(t, "CreateSchema of a read-only subject", err, sr.ErrOperationNotPermitted)
	mode, err = one(f.ResetMode(ctx, "notes"))
	want(t, "ResetMode", mode, err, sr.ModeReadOnly)
	_, err = one(f.Mode(ctx, "notes"))
	wantCode(t, "Mode of a subject without one", err, sr.ErrSubjectLevelModeNotConfigured)
	mode, err = one(f.Mode(sr.WithParams(ctx, sr.DefaultToGlobal), "notes"))
	want(t, "Mode with the default", mode, err, sr.ModeReadWrite)
	f.register(ctx, "notes", nextAvsc)

	// A registry is copied with its ids and versions.
	_, err = one(f.SetMode(ctx, sr.ModeImport))
	wantCode(t, "SetMode IMPORT beside subjects", err, sr.ErrOperationNotPermitted)
	mode, err = one(f.SetMode(sr.WithParams(ctx, sr.Force), sr.ModeImport))
	want(t, "SetMode IMPORT by force", mode, err, sr.ModeImport)
	copied, err := f.CreateSchemaWithIDAndVersion(ctx, "copied", sr.Schema{Schema: lastAvsc}, 77, 5)
	want(t, "CreateSchemaWithIDAndVersion", [2]int{copied.ID, copied.Version}, err, [2]int{77, 5})
	id, err := f.RegisterSchema(ctx, "copied", sr.Schema{Schema: noteAvsc}, 1, 3)
	want(t, "RegisterSchema with the id of a schema that exists", id, err, 1)
	_, err = f.RegisterSchema(ctx, "copied", sr.Schema{Schema: noteAvsc}, 77, 6)
	wantCode(t, "RegisterSchema with the id of another schema", err, sr.ErrOperationNotPermitted)
	versions, err := f.SubjectVersions(ctx, "copied")
	want(t, "SubjectVersions of an import", versions, err, []int{3, 5})
	mode, err = one(f.SetMode(ctx, sr.ModeReadWrite))
	want(t, "SetMode READWRITE", mode, err, sr.ModeReadWrite)
	_, err = f.RegisterSchema(ctx, "copied", sr.Schema{Schema: nextAvsc}, 99, 6)
	wantCode(t, "RegisterSchema with an id, outside an import", err, sr.ErrOperationNotPermitted)
	if next := f.register(ctx, "fresh", `"int"`); next.ID != 78 {
		t.Errorf("the id after an import of 77 is %d, want 78", next.ID)
	}
}

func TestFranzSettings(t *testing.T) {
	t.Parallel()
	f := newFranz(t)
	ctx := t.Context()
	f.register(ctx, "notes", noteAvsc)
	set := sr.SetCompatibility{
		Level:           sr.CompatFullTransitive,
		Normalize:       true,
		Group:           "major",
		DefaultMetadata: &sr.SchemaMetadata{Properties: map[string]string{"owner": "shop"}},
		OverrideRuleSet: &sr.SchemaRuleSet{DomainRules: []sr.SchemaRule{{Name: "r", Type: "CEL", Kind: sr.SchemaRuleKindCondition, Mode: sr.SchemaRuleModeWrite, Tags: []string{"A"}, Expr: "true"}}},
	}
	for _, r := range f.SetCompatibility(ctx, set, "notes") {
		want(t, "SetCompatibility", r.Level, r.Err, set.Level)
	}
	for _, r := range f.Compatibility(ctx, "notes") {
		got := sr.SetCompatibility{Level: r.Level, Normalize: r.Normalize, Group: r.Group, DefaultMetadata: r.DefaultMetadata, OverrideRuleSet: r.OverrideRuleSet}
		want(t, "Compatibility", got, r.Err, set)
	}
	f.register(ctx, "notes", nextAvsc)
	s, err := f.SchemaByVersion(ctx, "notes", -1)
	want(t, "metadata by default", s.SchemaMetadata, err, set.DefaultMetadata)
	want(t, "rules by override", s.SchemaRuleSet, err, set.OverrideRuleSet)
	for _, r := range f.ResetCompatibility(ctx, "notes") {
		if r.Err != nil || r.Group != "major" {
			t.Errorf("ResetCompatibility = %+v", r)
		}
	}
	for _, r := range f.Compatibility(ctx, "notes") {
		wantCode(t, "Compatibility of a subject without one", r.Err, sr.ErrSubjectLevelCompatibilityNotConfigured)
	}
	for _, r := range f.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), "notes", sr.GlobalSubject) {
		want(t, "Compatibility with the default", r.Level, r.Err, sr.CompatBackward)
	}
	for _, r := range f.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone, Alias: "notes"}, "alias") {
		want(t, "SetCompatibility with an alias", r.Alias, r.Err, "notes")
	}
	s, err = f.SchemaByVersion(ctx, "alias", 1)
	want(t, "SchemaByVersion of an alias", s.Subject, err, "notes")
	all, err := f.AllSchemas(sr.WithParams(ctx, sr.LatestOnly))
	if err != nil || len(all) != 1 || all[0].Version != 2 {
		t.Errorf("AllSchemas of the latest = %+v, %v", all, err)
	}
}

func TestFranzDeletes(t *testing.T) {
	t.Parallel()
	f := newFranz(t)
	ctx := t.Context()
	first, second := f.register(ctx, "notes", noteAvsc), f.register(ctx, "notes", nextAvsc)
	deleted := sr.WithParams(ctx, sr.ShowDeleted)
	if err := f.DeleteSchema(ctx, "notes", 1, sr.SoftDelete); err != nil {
		t.Fatal(err)
	}
	_, err := f.SchemaByVersion(ctx, "notes", 1)
	wantCode(t, "SchemaByVersion of a deleted one", err, sr.ErrVersionNotFound)
	s, err := f.SchemaByVersion(deleted, "notes", 1)
	want(t, "SchemaByVersion with deleted ones", s.ID, err, first.ID)
	versions, err := f.SubjectVersions(sr.WithParams(ctx, sr.DeletedOnly), "notes")
	want(t, "SubjectVersions, deleted only", versions, err, []int{1})
	_, err = f.LookupSchema(ctx, "notes", sr.Schema{Schema: noteAvsc})
	wantCode(t, "LookupSchema of a deleted one", err, sr.ErrSchemaNotFound)
	s, err = f.LookupSchema(deleted, "notes", sr.Schema{Schema: noteAvsc})
	want(t, "LookupSchema with deleted ones", s.Version, err, 1)
	subjects, err := f.SubjectsByID(deleted, first.ID)
	want(t, "SubjectsByID with deleted ones", subjects, err, []string{"notes"})
	uses, err := f.SchemaVersionsByID(deleted, first.ID)
	want(t, "SchemaVersionsByID with deleted ones", uses, err, []sr.SubjectVersion{{Subject: "notes", Version: 1}})
	schemas, err := f.Schemas(deleted, "notes")
	if err != nil || len(schemas) != 2 {
		t.Errorf("Schemas with deleted ones = %+v, %v", schemas, err)
	}
	wantCode(t, "DeleteSchema again", f.DeleteSchema(ctx, "notes", 1, sr.SoftDelete), sr.ErrSchemaVersionSoftDeleted)
	wantCode(t, "DeleteSchema for good of a live one", f.DeleteSchema(ctx, "notes", 2, sr.HardDelete), sr.ErrSchemaVersionNotSoftDeleted)
	if err := f.DeleteSchema(ctx, "notes", 1, sr.HardDelete); err != nil {
		t.Fatal(err)
	}
	_, err = f.SchemaByID(ctx, first.ID)
	wantCode(t, "SchemaByID of one that is gone", err, sr.ErrSchemaNotFound)
	_, err = f.DeleteSubject(ctx, "notes", sr.HardDelete)
	wantCode(t, "DeleteSubject for good of a live one", err, sr.ErrSubjectNotSoftDeleted)
	// The version after a deleted one has a number and an id of its own.
	versions, err = f.DeleteSubject(ctx, "notes", sr.SoftDelete)
	want(t, "DeleteSubject", versions, err, []int{2})
	if again := f.register(ctx, "notes", lastAvsc); again.Version != 3 || again.ID <= second.ID {
		t.Errorf("registered after the delete: %+v", again)
	}
}

func TestFranzJSON(t *testing.T) {
	t.Parallel()
	f := newFranz(t, sr.DefaultParams(sr.Normalize))
	ctx := t.Context()
	types, err := f.SupportedTypes(ctx)
	slices.Sort(types)
	want(t, "SupportedTypes", types, err, []sr.SchemaType{sr.TypeAvro, sr.TypeProtobuf, sr.TypeJSON})
	user := sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"name":{"type":"string"}},"additionalProperties":false}`}
	made, err := f.CreateSchema(ctx, "users", user)
	want(t, "CreateSchema of JSON", made.Type, err, sr.TypeJSON)
	team := sr.Schema{
		Type:       sr.TypeJSON,
		Schema:     `{"type":"object","properties":{"lead":{"$ref":"user.json"}}}`,
		References: []sr.SchemaReference{{Name: "user.json", Subject: "users", Version: 1}},
	}
	used, err := f.CreateSchema(ctx, "teams", team)
	want(t, "CreateSchema of JSON with a reference", used.References, err, team.References)
	users, err := f.SchemaReferences(ctx, "users", 1)
	if err != nil || len(users) != 1 || users[0].Subject != "teams" {
		t.Errorf("SchemaReferences = %+v, %v", users, err)
	}
	narrow := sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"name":{"type":"integer"}},"additionalProperties":false}`}
	verdict, err := f.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), "users", -1, narrow)
	if err != nil || verdict.Is || len(verdict.Messages) == 0 {
		t.Errorf("CheckCompatibility = %+v, %v", verdict, err)
	}
	verdict, err = f.CheckCompatibility(ctx, "users", -1, user)
	want(t, "CheckCompatibility of the same", verdict.Is, err, true)
	_, err = f.CreateSchema(ctx, "users", sr.Schema{Schema: noteAvsc})
	wantCode(t, "CreateSchema of another language", err, &sr.Error{Code: 40901, Name: "as servers from 8 on say"})
	_, err = f.CreateSchema(ctx, "users", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":1}`})
	wantCode(t, "CreateSchema of an invalid one", err, sr.ErrInvalidSchema)
}
