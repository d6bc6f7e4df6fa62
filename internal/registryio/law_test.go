package registryio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// connect returns a client that remembers nothing and does not try again.
func connect(url string) *client.Client {
	return client.New(url, client.Cache(0, 0), client.Refusals(0), client.Retries(0, 0))
}

// A maker fills a registry at random. What the registry refuses is refused: what
// it then holds is what counts.
type maker struct {
	t   *testing.T
	ctx context.Context
	reg *client.Client
	rnd *rand.Rand
}

func (m *maker) pick(from ...string) string { return from[m.rnd.IntN(len(from))] }

func (m *maker) subject() string {
	return m.pick("", "", ":.a:", ":.b:") + m.pick("orders", "refunds/1", "ü", "shop.Money", "deep", "")
}

func (m *maker) request() (string, api.RegisterRequest) {
	subject := m.subject()
	n := m.rnd.IntN(4)
	req := api.RegisterRequest{Schema: fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"f%d","type":"string","default":"é"}]}`, n, m.rnd.IntN(6))}
	if m.rnd.IntN(4) == 0 {
		req.SchemaType = "PROTOBUF"
		req.Schema = fmt.Sprintf("syntax = \"proto3\";\npackage p;\n\nmessage M%d {\n  string ts = 1;\n}\n", m.rnd.IntN(6))
	}
	if m.rnd.IntN(3) == 0 {
		req.Metadata = &api.Metadata{Properties: map[string]string{"owner": m.pick("x", "y"), "ts": "1"}, Sensitive: []string{"owner"}}
	}
	if m.rnd.IntN(4) == 0 {
		req.RuleSet = &api.RuleSet{DomainRules: []api.Rule{{Name: "r", Kind: "CONDITION", Mode: "WRITE", Type: "CEL", Expr: "1 < 2"}}}
	}
	if used, version := m.pick("orders", "shop.Money", ":.a:deep"), 1+m.rnd.IntN(2); m.rnd.IntN(3) == 0 && req.SchemaType == "" {
		found, err := m.reg.Version(m.ctx, used, version)
		name := recordName(found.Schema)
		if err == nil && name != "" && name != fmt.Sprintf("R%d", n) {
			req.References = []api.Reference{{Name: name, Subject: used, Version: version}}
			req.Schema = fmt.Sprintf(`{"type":"record","name":"U%d","fields":[{"name":"u","type":"%s"}]}`, n, name)
		}
	}
	return subject, req
}

func recordName(schema string) string {
	_, rest, ok := strings.Cut(schema, `"name":"`)
	name, _, _ := strings.Cut(rest, `"`)
	if !ok || name == "" {
		return ""
	}
	return name
}

// step does one thing to the registry.
func (m *maker) step() error {
	subject := m.subject()
	switch m.rnd.IntN(14) {
	case 0:
		_, err := m.reg.Delete(m.ctx, subject, m.rnd.IntN(3) == 0)
		return err
	case 1, 2:
		return m.reg.DeleteVersion(m.ctx, subject, 1+m.rnd.IntN(4), m.rnd.IntN(2) == 0)
	case 3:
		scope := m.pick(subject, subject, "", ":.a:", ":.__GLOBAL:")
		change := api.ConfigUpdate{Compatibility: api.Set(m.pick("NONE", "NONE", "FULL"))}
		if m.rnd.IntN(2) == 0 {
			change = api.ConfigUpdate{Normalize: api.Set(true), DefaultMetadata: api.Set(api.Metadata{Properties: map[string]string{"team": "t"}})}
		}
		_, err := m.reg.SetConfig(m.ctx, scope, change)
		return err
	case 4:
		if subject == "" {
			return nil // the server's own: its answer would be that of all contexts, which cannot be told apart
		}
		_, err := m.reg.DeleteConfig(m.ctx, subject)
		return err
	default:
		name, req := m.request()
		_, err := m.reg.Add(m.ctx, name, req)
		return err
	}
}

// fill makes a registry at random; it ends with modes, which would refuse the rest.
func fill(t *testing.T, url string, seed uint64) {
	t.Helper()
	m := &maker{t, t.Context(), connect(url), rand.New(rand.NewPCG(seed, 1))}
	for _, scope := range []string{"", ":.a:", ":.b:"} {
		if err := m.reg.SetLevel(m.ctx, scope, "NONE"); err != nil {
			t.Fatal(err)
		}
	}
	for range 60 {
		if err := m.step(); err != nil && !refused(err) {
			t.Fatal(err)
		}
	}
	if m.rnd.IntN(2) == 0 {
		if _, err := m.reg.SetConfig(m.ctx, "an-alias", api.ConfigUpdate{Alias: api.Set("orders")}); err != nil {
			t.Fatal(err)
		}
	}
	for range m.rnd.IntN(4) {
		scope := m.pick("", ":.a:", ":.b:", m.subject(), ":.__GLOBAL:")
		if err := m.reg.SetMode(m.ctx, scope, m.pick("READONLY", "READWRITE", "IMPORT"), client.Force()); err != nil && !refused(err) {
			t.Fatal(err)
		}
	}
}

func refused(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Code.Status() < 500
}

func export(t *testing.T, reg *client.Client, contexts ...string) *registryio.Dump {
	t.Helper()
	d, err := registryio.Export(t.Context(), reg, contexts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func file(t *testing.T, d *registryio.Dump) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := registryio.Write(&buf, d); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// copyInto imports a dump and fails the test unless that works.
func copyInto(t *testing.T, reg *client.Client, d *registryio.Dump) *registryio.Import {
	t.Helper()
	plan, err := registryio.PlanImport(t.Context(), reg, d, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(t.Context(), reg, nil); err != nil {
		t.Fatal(err)
	}
	return plan
}

// Whatever a registry holds, exporting it and importing the file into an empty one
// gives a registry that answers every GET in the same way.
func TestExportImportIsTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		source, copied := registrytest.New(t), registrytest.New(t)
		fill(t, source.URL, seed)
		from, to := connect(source.URL), connect(copied.URL)
		first := file(t, export(t, from))
		if again := file(t, export(t, from)); !bytes.Equal(first, again) {
			t.Fatalf("seed %d: two exports of one registry differ:\n%s\n%s", seed, first, again)
		}
		read, err := registryio.Read(bytes.NewReader(first))
		if err != nil {
			t.Fatalf("seed %d: %v in\n%s", seed, err, first)
		}
		copyInto(t, to, read)
		if got := file(t, export(t, to)); !bytes.Equal(got, first) {
			t.Errorf("seed %d: the export of the import differs:\n%s", seed, lineDiff(first, got))
		}
		live, err := registryio.VerifyLive(t.Context(), from, to, read, true, nil)
		if err != nil || len(live.Differences) > 0 || live.Compared == 0 {
			t.Errorf("seed %d: of %d answers these differ: %v, %v", seed, live.Compared, live.Differences, err)
		}
		stored, err := registryio.VerifyDump(t.Context(), to, read, nil)
		if err != nil || len(stored.Differences) > 0 {
			t.Errorf("seed %d: %v, %v", seed, stored.Differences, err)
		}
		// There is nothing left to do.
		plan, err := registryio.PlanImport(t.Context(), to, read, false, nil)
		if err != nil || plan.Pending() || plan.Present != len(read.Schemas) {
			t.Errorf("seed %d: a second import has %+v, %v", seed, plan, err)
		}
		source.Close()
		copied.Close()
	}
}

func lineDiff(a, b []byte) string {
	var out strings.Builder
	left, right := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for _, l := range left {
		if !slices.Contains(right, l) {
			fmt.Fprintln(&out, "-", l)
		}
	}
	for _, l := range right {
		if !slices.Contains(left, l) {
			fmt.Fprintln(&out, "+", l)
		}
	}
	return out.String()
}
