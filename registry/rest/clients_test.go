package rest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/wireproof/wireproof/registry/rest"
)

// The tests here speak to the server through clients that other people wrote
// against other servers.

const (
	moneyProto = "syntax = \"proto3\";\npackage common;\n\nmessage Money {\n  int64 cents = 1;\n}\n"
	payProto   = "syntax = \"proto3\";\npackage pay;\n\nimport \"common/money.proto\";\n\nmessage Paid {\n  common.Money total = 1;\n}\n"
	moneyAvsc  = `{"type":"record","name":"Money","namespace":"m","fields":[{"name":"cents","type":"long"}]}`
	orderAvsc  = `{"type":"record","name":"Order","namespace":"o","fields":[{"name":"total","type":"m.Money"}]}`
	orderNext  = `{"type":"record","name":"Order","namespace":"o","fields":[{"name":"total","type":"m.Money"},{"name":"note","type":"string","default":""}]}`
	orderBad   = `{"type":"record","name":"Order","namespace":"o","fields":[{"name":"total","type":"m.Money"},{"name":"note","type":"string"}]}`
)

func TestSrclient(t *testing.T) {
	t.Parallel()
	c := srclient.NewSchemaRegistryClient(newServer(t, rest.Options{}).URL)
	c.CachingEnabled(false)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	code := func(err error, want int) {
		t.Helper()
		var e srclient.Error
		if !errors.As(err, &e) || e.Code != want {
			t.Fatalf("error %v, want code %d", err, want)
		}
	}
	_, err := c.CreateSchema("money", moneyAvsc, srclient.Avro)
	ok(err)
	ref := srclient.Reference{Name: "m.Money", Subject: "money", Version: 1}
	first, err := c.CreateSchema("orders", orderAvsc, srclient.Avro, ref)
	ok(err)
	again, err := c.CreateSchema("orders", orderAvsc, srclient.Avro, ref)
	ok(err)
	if again.ID() != first.ID() {
		t.Errorf("the same schema has ids %d and %d", first.ID(), again.ID())
	}
	found, err := c.LookupSchema("orders", orderAvsc, srclient.Avro, ref)
	ok(err)
	if found.ID() != first.ID() || found.Version() != 1 || len(found.References()) != 1 {
		t.Errorf("LookupSchema = id %d, version %d, %d references", found.ID(), found.Version(), len(found.References()))
	}
	_, err = c.LookupSchema("orders", orderNext, srclient.Avro, ref)
	code(err, 40403)
	compatible, err := c.IsSchemaCompatible("orders", orderBad, "latest", srclient.Avro, ref)
	ok(err)
	if compatible {
		t.Error("IsSchemaCompatible says yes to a field without a default")
	}
	_, err = c.CreateSchema("orders", orderBad, srclient.Avro, ref)
	code(err, 40901)
	_, err = c.CreateSchema("orders", orderNext, srclient.Avro, ref)
	ok(err)
	latest, err := c.GetLatestSchema("orders")
	ok(err)
	if latest.Version() != 2 || latest.Schema() != orderNext {
		t.Errorf("GetLatestSchema = version %d, %s", latest.Version(), latest.Schema())
	}
	one, err := c.GetSchemaByVersion("orders", 1)
	ok(err)
	if one.Schema() != orderAvsc {
		t.Errorf("GetSchemaByVersion(1) = %s", one.Schema())
	}
	byID, err := c.GetSchema(first.ID())
	ok(err)
	if byID.Schema() != orderAvsc || len(byID.References()) != 1 {
		t.Errorf("GetSchema = %s, %v", byID.Schema(), byID.References())
	}
	_, err = c.GetSchema(99)
	code(err, 40403)

	_, err = c.CreateSchema("common/money.proto", moneyProto, srclient.Protobuf)
	ok(err)
	paid, err := c.CreateSchema("payments", payProto, srclient.Protobuf, srclient.Reference{Name: "common/money.proto", Subject: "common/money.proto", Version: 1})
	ok(err)
	if *paid.SchemaType() != srclient.Protobuf {
		t.Errorf("type %v, want Protobuf", *paid.SchemaType())
	}

	versions, err := c.GetSchemaVersions("orders")
	ok(err)
	subjects, err := c.GetSubjects()
	ok(err)
	if !slices.Equal(versions, []int{1, 2}) || !slices.Equal(subjects, []string{"common/money.proto", "money", "orders", "payments"}) {
		t.Errorf("versions %v, subjects %q", versions, subjects)
	}
	uses, err := c.GetSubjectVersionsById(first.ID())
	ok(err)
	if len(uses) != 1 || uses[0].Subject != "orders" || uses[0].Version != 1 {
		t.Errorf("GetSubjectVersionsById = %v", uses)
	}
	srclientSettings(t, c)
	code(c.DeleteSubjectByVersion("money", 1, false), 42206)
	ok(c.DeleteSubjectByVersion("orders", 2, true))
	ok(c.DeleteSubject("orders", true))
	ok(c.DeleteSubject("money", false))
	all, err := c.GetSubjectsIncludingDeleted()
	ok(err)
	if !slices.Equal(all, []string{"common/money.proto", "money", "payments"}) {
		t.Errorf("subjects with deleted ones: %q", all)
	}
}

func srclientSettings(t *testing.T, c *srclient.SchemaRegistryClient) {
	t.Helper()
	global, err := c.GetGlobalCompatibilityLevel()
	if err != nil || *global != srclient.Backward {
		t.Errorf("GetGlobalCompatibilityLevel = %v, %v", global, err)
	}
	if changed, err := c.ChangeSubjectCompatibilityLevel("orders", srclient.FullTransitive); err != nil || *changed != srclient.FullTransitive {
		t.Errorf("ChangeSubjectCompatibilityLevel = %v, %v", changed, err)
	}
	if level, err := c.GetCompatibilityLevel("orders", false); err != nil || *level != srclient.FullTransitive {
		t.Errorf("GetCompatibilityLevel = %v, %v", level, err)
	}
	if level, err := c.GetCompatibilityLevel("money", true); err != nil || *level != srclient.Backward {
		t.Errorf("GetCompatibilityLevel with the default = %v, %v", level, err)
	}
}

func TestFranz(t *testing.T) {
	t.Parallel()
	c, err := sr.NewClient(sr.URLs(newServer(t, rest.Options{}).URL))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(err error, want *sr.Error) {
		t.Helper()
		var e *sr.ResponseError
		if !errors.As(err, &e) || e.ErrorCode != want.Code {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
	types, err := c.SupportedTypes(ctx)
	ok(err)
	if !slices.Contains(types, sr.TypeAvro) || !slices.Contains(types, sr.TypeProtobuf) {
		t.Errorf("SupportedTypes = %v", types)
	}
	_, err = c.CreateSchema(ctx, "common/money.proto", sr.Schema{Schema: moneyProto, Type: sr.TypeProtobuf})
	ok(err)
	pay := sr.Schema{Schema: payProto, Type: sr.TypeProtobuf, References: []sr.SchemaReference{{Name: "common/money.proto", Subject: "common/money.proto", Version: 1}}}
	made, err := c.CreateSchema(ctx, "payments", pay)
	ok(err)
	found, err := c.LookupSchema(ctx, "payments", pay)
	ok(err)
	if found.ID != made.ID || found.Version != 1 || found.GUID == "" || found.GUID != made.GUID {
		t.Errorf("LookupSchema = %+v, CreateSchema = %+v", found, made)
	}
	text, err := c.SchemaTextByVersion(ctx, "payments", -1)
	ok(err)
	byID, err := c.SchemaTextByID(ctx, made.ID)
	ok(err)
	if text != byID || text == "" {
		t.Errorf("texts %q and %q", text, byID)
	}
	byGUID, err := c.SchemaByGUID(ctx, made.GUID)
	ok(err)
	ids, err := c.SchemaIDsByGUID(ctx, made.GUID)
	ok(err)
	if byGUID.Schema.Schema != text || len(ids) != 1 || ids[0].ID != made.ID {
		t.Errorf("by GUID: %+v, ids %v", byGUID, ids)
	}
	users, err := c.SchemaReferences(ctx, "common/money.proto", 1)
	ok(err)
	if len(users) != 1 || users[0].Subject != "payments" {
		t.Errorf("SchemaReferences = %+v", users)
	}
	usages, err := c.SchemaUsagesByID(ctx, made.ID)
	ok(err)
	if len(usages) != 1 {
		t.Errorf("SchemaUsagesByID = %+v", usages)
	}
	_, err = c.CreateSchema(ctx, "a", sr.Schema{Schema: `"int"`})
	ok(err)
	_, err = c.CreateSchema(ctx, "a", sr.Schema{Schema: `"string"`})
	if err == nil {
		t.Error("CreateSchema of an incompatible schema succeeded")
	}
	verbose := sr.WithParams(ctx, sr.Verbose)
	for _, version := range []int{-1, -2, 1} {
		verdict, err := c.CheckCompatibility(verbose, "a", version, sr.Schema{Schema: `"string"`})
		ok(err)
		if verdict.Is || len(verdict.Messages) == 0 {
			t.Errorf("CheckCompatibility(version %d) = %+v, want no and why", version, verdict)
		}
	}
	for _, r := range c.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, "a", sr.GlobalSubject) {
		if r.Err != nil || r.Level != sr.CompatNone {
			t.Errorf("SetCompatibility = %+v", r)
		}
	}
	_, err = c.CreateSchema(ctx, "a", sr.Schema{Schema: `"string"`})
	ok(err)
	schemas, err := c.AllSchemas(ctx)
	ok(err)
	if len(schemas) != 4 {
		t.Errorf("AllSchemas = %d, want 4", len(schemas))
	}
	for _, r := range c.Mode(ctx) {
		if r.Err != nil || r.Mode != sr.ModeReadWrite {
			t.Errorf("Mode = %+v", r)
		}
	}
	_, err = c.SubjectVersions(ctx, "nobody")
	is(err, sr.ErrSubjectNotFound)
	is(c.DeleteSchema(ctx, "common/money.proto", 1, sr.SoftDelete), sr.ErrReferenceExists)
	deleted, err := c.DeleteSubject(ctx, "a", sr.SoftDelete)
	ok(err)
	if !slices.Equal(deleted, []int{1, 2}) {
		t.Errorf("DeleteSubject = %v", deleted)
	}
	_, err = c.DeleteSubject(ctx, "a", sr.SoftDelete)
	is(err, sr.ErrSubjectSoftDeleted)
	_, err = c.DeleteSubject(ctx, "a", sr.HardDelete)
	ok(err)
}

// A client of srclient lives in a context if its URL names one.
func TestSrclientInAContext(t *testing.T) {
	t.Parallel()
	url := newServer(t, rest.Options{}).URL
	outside, inside := srclient.NewSchemaRegistryClient(url), srclient.NewSchemaRegistryClient(url+"/contexts/.here")
	user := `{"type":"object","properties":{"name":{"type":"string"}}}`
	team := `{"type":"object","properties":{"lead":{"$ref":"user.json"}}}`
	if _, err := outside.CreateSchema("note", noteAvsc, srclient.Avro); err != nil {
		t.Fatal(err)
	}
	made, err := inside.CreateSchema("users", user, srclient.Json)
	if err != nil || made.ID() != 1 {
		t.Fatalf("CreateSchema in a context = %v, %v; want id 1", made, err)
	}
	used, err := inside.CreateSchema("teams", team, srclient.Json, srclient.Reference{Name: "user.json", Subject: "users", Version: 1})
	if err != nil || used.ID() != 2 || *used.SchemaType() != srclient.Json {
		t.Fatalf("CreateSchema with a reference = %v, %v", used, err)
	}
	inside.ResetCache()
	for _, c := range []struct {
		client *srclient.SchemaRegistryClient
		want   string
	}{{outside, noteAvsc}, {inside, user}} {
		if s, err := c.client.GetSchema(1); err != nil || s.Schema() != c.want {
			t.Errorf("GetSchema(1) = %v, %v; want %s", s, err, c.want)
		}
	}
	uses, err := inside.GetSubjectVersionsById(1)
	if err != nil || len(uses) != 1 || uses[0].Subject != ":.here:users" {
		t.Errorf("GetSubjectVersionsById in a context = %v, %v", uses, err)
	}
	latest, err := inside.GetLatestSchema("teams")
	if err != nil || latest.Schema() != team || len(latest.References()) != 1 {
		t.Errorf("GetLatestSchema in a context = %v, %v", latest, err)
	}
	if fine, err := inside.IsSchemaCompatible("users", `{"type":"string"}`, "latest", srclient.Json); err != nil || fine {
		t.Errorf("IsSchemaCompatible = %v, %v; want false", fine, err)
	}
	if err := inside.DeleteSubject("teams", true); err != nil {
		t.Error(err)
	}
	if versions, err := outside.GetSchemaVersions("users"); err == nil {
		t.Errorf("GetSchemaVersions outside the context = %v, want an error", versions)
	}
}
