package registryio_test

import (
	"testing"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// What any live version refers to is deleted after it, not only what the latest
// versions refer to: the registry would refuse, and each further plan would stop at
// the same place.
func TestPlanDeletesWhatRefersFirst(t *testing.T) {
	t.Parallel()
	reg, ctx := client.New(registrytest.New(t).URL), t.Context()
	if err := reg.SetLevel(ctx, "", "NONE"); err != nil {
		t.Fatal(err)
	}
	const inner, other = `{"type":"fixed","name":"Inner","size":1}`, `{"type":"fixed","name":"Inner","size":2}`
	outer := api.RegisterRequest{
		Schema:     `{"type":"record","name":"Outer","fields":[{"name":"i","type":"Inner"}]}`,
		References: []api.Reference{{Name: "Inner", Subject: "a-inner", Version: 1}},
	}
	for _, step := range []struct {
		subject string
		req     api.RegisterRequest
	}{
		{"a-inner", api.RegisterRequest{Schema: inner}},
		{"b-old", outer},
		{"b-old", api.RegisterRequest{Schema: `"int"`}},
		{"c-new", outer},
		{"a-inner", api.RegisterRequest{Schema: other}},
	} {
		if _, err := reg.Add(ctx, step.subject, step.req); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := registryio.MakePlan(ctx, reg, "", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(ctx, reg, func(registryio.Step) {}); err != nil {
		t.Errorf("the plan deletes %v in this order: %v", plan.Deletes, err)
	}
}
