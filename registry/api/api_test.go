package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/wireproof/wireproof/registry/api"
)

func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[api.Code]bool{}
	for _, row := range api.Table() {
		if seen[row.Code] {
			t.Errorf("code %d is in the table twice", int(row.Code))
		}
		seen[row.Code] = true
		if s := row.Code.Status(); s < 400 || s > 599 {
			t.Errorf("code %d has status %d, want an error", int(row.Code), s)
		}
		if row.Doc == "" || row.Format == "" {
			t.Errorf("code %d has no message or no explanation", int(row.Code))
		}
	}
}

func TestErrorIs(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := fmt.Errorf("while testing: %w", api.SubjectNotFound.Because(cause, "orders"))
	for _, target := range []error{api.SubjectNotFound, &api.Error{Code: 40401}, cause} {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %v", err, target)
		}
	}
	for _, target := range []error{api.VersionNotFound, &api.Error{Code: 40402}, errors.New("cause")} {
		if errors.Is(err, target) {
			t.Errorf("%v is %v", err, target)
		}
	}
	var wire api.Error
	if err := json.Unmarshal([]byte(`{"error_code":409,"message":"old server"}`), &wire); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(&wire, api.IncompatibleSchema) {
		t.Error("code 409 of an old server is not an incompatible schema")
	}
}

func TestErrorText(t *testing.T) {
	verb := "a%s" // a name may look like a verb
	t.Parallel()
	for _, c := range []struct {
		err  *api.Error
		want string
	}{
		{api.SubjectNotFound.With(verb), "Subject 'a%s' not found."},
		{api.VersionNotFound.With(-1), "Version -1 not found."},
		{api.SchemaNotFound.With(""), "Schema not found"},
		{api.SchemaNotFound.With(" 7"), "Schema 7 not found"},
		{api.SubjectSoftDeleted.With("s"), "Subject 's' was soft deleted.Set permanent=true to delete permanently"},
		{api.SubjectNotDeleted.With("s"), "Subject 's' was not deleted first before being permanently deleted"},
		{api.VersionSoftDeleted.With("s", 2), "Subject 's' Version 2 was soft deleted.Set permanent=true to delete permanently"},
		{api.VersionNotDeleted.With("s", 2), "Subject 's' Version 2 was not deleted first before being permanently deleted"},
		{api.SubjectLevelNotSet.With("s"), "Subject 's' does not have subject-level compatibility configured"},
		{api.SubjectModeNotSet.With("s"), "Subject 's' does not have subject-level mode configured"},
		{api.IncompatibleSchema.With("s", "a, b"), `Schema being registered is incompatible with an earlier schema for subject "s", details: [a, b]`},
		{api.InvalidVersion.With("x"), `The specified version 'x' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`},
		{api.InvalidCompatibility.With(), "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"},
		{api.InvalidMode.With(), "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD."},
		{api.InvalidSubject.With("s"), "The specified subject 's' is not a valid."},
		{api.SchemaTooLarge.With(), "Register operation failed because schema is too large"},
		{api.ContextNotEmpty.With(".c"), "The specified context '.c' is not empty."},
		{api.ForwardFailed.With("register schema"), "Error while forwarding register schema request to the leader"},
		{api.NoLeader.With(), "Leader not known."},
		{api.ReferenceExists.With("s", 2), "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=s,version=2}."},
		{api.Code(49999).With("other"), "other"},
	} {
		if c.err.Message != c.want {
			t.Errorf("message %q, want %q", c.err.Message, c.want)
		}
	}
}

func TestConfigUpdate(t *testing.T) {
	t.Parallel()
	full, yes := "FULL", true
	start := api.Config{CompatibilityLevel: &full, Normalize: &yes}
	for body, want := range map[string]string{
		`{}`:                       `{"normalize":true,"compatibility":"FULL"}`,
		`{"compatibility":null}`:   `{"normalize":true}`,
		`{"compatibility":"NONE"}`: `{"normalize":true,"compatibility":"NONE"}`,
		`{"normalize":false}`:      `{"normalize":false,"compatibility":"FULL"}`,
		`{"normalize":null,"compatibility":null,"future":"ignored"}`: `{}`,
	} {
		var u api.ConfigUpdate
		if err := json.Unmarshal([]byte(body), &u); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(start.Merge(u).Echo())
		if err != nil || string(got) != want {
			t.Errorf("%s gives %s, %v, want %s", body, got, err, want)
		}
	}
	if start.Level() != "FULL" || !*start.Normalize {
		t.Error("Merge changed its receiver")
	}
}

func TestEmptyFields(t *testing.T) {
	t.Parallel()
	no, zero, none := false, int64(0), []string{}
	for want, v := range map[string]any{
		`{"id":1}`:                              api.RegisterResponse{ID: 1},
		`{"schema":"x","ts":0,"deleted":false}`: api.SchemaString{Schema: "x", Time: &zero, Deleted: &no},
		`{"is_compatible":false}`:               api.CompatibilityResponse{},
		`{"is_compatible":false,"messages":[]}`: api.CompatibilityResponse{Messages: &none},
		`{}`:                                    api.Config{},
		`{"error_code":40403,"message":"Schema not found"}`: api.SchemaNotFound.With(""),
	} {
		got, err := json.Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("%T is written as %s, %v, want %s", v, got, err, want)
		}
	}
}
