package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A recorder answers every request with the same body and keeps the last one.
type recorder struct {
	url    string
	answer string
	got    string
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.got = req.Method + " " + req.URL.RequestURI()
		if len(body) > 0 {
			r.got += " " + string(body)
		}
		io.WriteString(w, r.answer)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

// What each method asks for, in the default context and in another one.
func TestRequests(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	text := api.RegisterRequest{Schema: "x"}
	id := 7
	type ask = func(context.Context, *client.Client) error
	for _, c := range []struct {
		ask          ask
		answer       string
		plain, other string
	}{
		{func(ctx context.Context, c *client.Client) error { _, err := c.Subjects(ctx); return err },
			`[]`, "GET /subjects", "GET /subjects?subjectPrefix=%3A.a%3A"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.SubjectsWith(ctx, "or", client.WithDeleted())
			return err
		}, `[]`, "GET /subjects?deleted=true&subjectPrefix=or", "GET /subjects?deleted=true&subjectPrefix=%3A.a%3Aor"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Schemas(ctx, client.AllContexts, client.LatestOnly())
			return err
		}, `[]`, "GET /schemas?latestOnly=true&limit=1000&offset=0&subjectPrefix=%3A%2A%3A", "GET /schemas?latestOnly=true&limit=1000&offset=0&subjectPrefix=%3A%2A%3A"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Versions(ctx, "s/1", client.OnlyDeleted())
			return err
		},
			`[]`, "GET /subjects/s%2F1/versions?deletedOnly=true", "GET /subjects/:.a:s%2F1/versions?deletedOnly=true"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Latest(ctx, ":.b:s"); return err },
			`{}`, "GET /subjects/:.b:s/versions/latest", "GET /subjects/:.b:s/versions/latest"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Version(ctx, "s", 2, client.Format("resolved"))
			return err
		}, `{}`, "GET /subjects/s/versions/2?format=resolved", "GET /subjects/:.a:s/versions/2?format=resolved"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.WithProperties(ctx, "s", map[string]string{"k": "v"})
			return err
		}, `{}`, "GET /subjects/s/metadata?key=k&value=v", "GET /subjects/:.a:s/metadata?key=k&value=v"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.ReferencedBy(ctx, "s", 1); return err },
			`[]`, "GET /subjects/s/versions/1/referencedby", "GET /subjects/:.a:s/versions/1/referencedby"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.ByID(ctx, 3); return err },
			`{}`, "GET /schemas/ids/3", "GET /schemas/ids/3?subject=%3A.a%3A"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.ByGUID(ctx, "g"); return err },
			`{}`, "GET /schemas/guids/g", "GET /schemas/guids/g"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.IDsOf(ctx, "g"); return err },
			`[]`, "GET /schemas/guids/g/ids", "GET /schemas/guids/g/ids"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.UsesOf(ctx, 3); return err },
			`[]`, "GET /schemas/ids/3/versions", "GET /schemas/ids/3/versions?subject=%3A.a%3A"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Find(ctx, "s", text, client.Normalize())
			return err
		},
			`{}`, `POST /subjects/s?normalize=true {"schema":"x"}`, `POST /subjects/:.a:s?normalize=true {"schema":"x"}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Add(ctx, "s", api.RegisterRequest{Version: 2, ID: &id, Schema: "x"}, client.Force())
			return err
		}, `{"id":7}`, `POST /subjects/s/versions?force=true {"version":2,"id":7,"schema":"x"}`, `POST /subjects/:.a:s/versions?force=true {"version":2,"id":7,"schema":"x"}`},
		{func(ctx context.Context, c *client.Client) error {
			_, _, err := c.CheckCompatibility(ctx, "s", text)
			return err
		},
			`{}`, `POST /compatibility/subjects/s/versions?verbose=true {"schema":"x"}`, `POST /compatibility/subjects/:.a:s/versions?verbose=true {"schema":"x"}`},
		{func(ctx context.Context, c *client.Client) error {
			_, _, err := c.CheckVersion(ctx, "s", 2, text)
			return err
		},
			`{}`, `POST /compatibility/subjects/s/versions/2?verbose=true {"schema":"x"}`, `POST /compatibility/subjects/:.a:s/versions/2?verbose=true {"schema":"x"}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Tag(ctx, "s", 2, api.TagRequest{NewVersion: 3})
			return err
		}, `{"id":1}`, `POST /subjects/s/versions/2/tags {"newVersion":3}`, `POST /subjects/:.a:s/versions/2/tags {"newVersion":3}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Delete(ctx, "s", true); return err },
			`[1]`, "DELETE /subjects/s?permanent=true", "DELETE /subjects/:.a:s?permanent=true"},
		{func(ctx context.Context, c *client.Client) error { return c.DeleteVersion(ctx, "s", 2, false) },
			`2`, "DELETE /subjects/s/versions/2", "DELETE /subjects/:.a:s/versions/2"},
	} {
		r.answer = c.answer
		for context, want := range map[string]string{"": c.plain, ".a": c.other, "a": c.other} {
			reg := client.New(r.url, client.Context(context))
			if err := c.ask(t.Context(), reg); err != nil {
				t.Errorf("%s: %v", want, err)
			}
			if r.got != want {
				t.Errorf("context %q: asked %s, want %s", context, r.got, want)
			}
		}
	}
}

// The same for settings, modes, contexts and what the server says of itself.
func TestScopeRequests(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	for _, c := range []struct {
		ask          func(context.Context, *client.Client) error
		plain, other string
	}{
		{func(ctx context.Context, c *client.Client) error { _, err := c.Config(ctx, ""); return err },
			"GET /config", "GET /config/:.a:"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.EffectiveConfig(ctx, "s"); return err },
			"GET /config/s?defaultToGlobal=true", "GET /config/:.a:s?defaultToGlobal=true"},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.SetConfig(ctx, "s", api.ConfigUpdate{Normalize: api.Set(true), Alias: api.Field[string]{Present: true}})
			return err
		}, `PUT /config/s {"alias":null,"normalize":true}`, `PUT /config/:.a:s {"alias":null,"normalize":true}`},
		{func(ctx context.Context, c *client.Client) error { _, err := c.DeleteConfig(ctx, ""); return err },
			"DELETE /config", "DELETE /config/:.a:"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.Mode(ctx, "s"); return err },
			"GET /mode/s", "GET /mode/:.a:s"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.EffectiveMode(ctx, ""); return err },
			"GET /mode?defaultToGlobal=true", "GET /mode/:.a:?defaultToGlobal=true"},
		{func(ctx context.Context, c *client.Client) error { return c.SetMode(ctx, "", "IMPORT", client.Force()) },
			`PUT /mode?force=true {"mode":"IMPORT"}`, `PUT /mode/:.a:?force=true {"mode":"IMPORT"}`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.DeleteMode(ctx, "", client.Recursive())
			return err
		}, "DELETE /mode?recursive=true", "DELETE /mode/:.a:?recursive=true"},
		{func(ctx context.Context, c *client.Client) error { return c.DeleteContext(ctx, "b") },
			"DELETE /contexts/.b", "DELETE /contexts/.b"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.ServerVersion(ctx); return err },
			"GET /v1/metadata/version", "GET /v1/metadata/version"},
		{func(ctx context.Context, c *client.Client) error { _, err := c.ClusterID(ctx); return err },
			"GET /v1/metadata/id", "GET /v1/metadata/id"},
	} {
		r.answer = `{}`
		for context, want := range map[string]string{"": c.plain, ".a": c.other} {
			if err := c.ask(t.Context(), client.New(r.url, client.Context(context))); err != nil {
				t.Errorf("%s: %v", want, err)
			}
			if r.got != want {
				t.Errorf("context %q: asked %s, want %s", context, r.got, want)
			}
		}
	}
	r.answer = `["."]`
	for want, ask := range map[string]func(*client.Client) error{
		"GET /contexts":      func(c *client.Client) error { _, err := c.Contexts(t.Context()); return err },
		"GET /schemas/types": func(c *client.Client) error { _, err := c.Types(t.Context()); return err },
	} {
		if err := ask(client.New(r.url)); err != nil || r.got != want {
			t.Errorf("asked %s, %v, want %s", r.got, err, want)
		}
	}
}

// An unqualified reference is in the context of what refers to it.
func TestReferencesStayInTheirContext(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := map[string]string{
			"/schemas/ids/1?subject=%3A.a%3A":            `{"schema":"top","references":[{"name":"n","subject":"x","version":1}]}`,
			"/subjects/:.a:x/versions/1?deleted=true":    `{"schema":"x of a","references":[{"name":"m","subject":":.b:y","version":2}]}`,
			"/subjects/:.b:y/versions/2?deleted=true":    `{"schema":"y of b","references":[{"name":"o","subject":"z","version":1}]}`,
			"/subjects/:.b:z/versions/1?deleted=true":    `{"schema":"z of b"}`,
			"/subjects/z/versions/1?deleted=true":        `{"schema":"z of the default context"}`,
			"/subjects/:.a:z/versions/1?deleted=true":    `{"schema":"z of a"}`,
			"/subjects/:.:plain/versions/1?deleted=true": `{"schema":"plain","references":[{"name":"o","subject":"z","version":1}]}`,
		}[r.URL.RequestURI()]
		if !ok {
			t.Errorf("asked %s", r.URL.RequestURI())
		}
		io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	c := client.New(srv.URL, client.Context("a"))
	got, err := c.SchemaByID(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if z := got.References[0].Source.References[0].Source.References[0].Source.Text; z != "z of b" {
		t.Errorf("the innermost text is %q, want that of the context of what refers to it", z)
	}
	got, err = c.SourceOf(t.Context(), api.Schema{References: []api.Reference{{Name: "p", Subject: ":.:plain", Version: 1}}})
	if err != nil || got.References[0].Source.References[0].Source.Text != "z of the default context" {
		t.Errorf("from the default context: %+v, %v", got, err)
	}
}
