package registrytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// A test of a program that talks to a registry starts one of its own.
func ExampleNew() {
	t := new(fakeT) // a *testing.T in a test
	defer t.end()

	srv := registrytest.New(t)
	reg := client.New(srv.URL)
	id, err := reg.Register(t.Context(), "orders-value", lang.Source{Type: lang.Avro, Text: `{"type":"string"}`})
	fmt.Println(id, err)
	_, err = reg.Register(t.Context(), "orders-value", lang.Source{Type: lang.Avro, Text: `{"type":"int"}`})
	fmt.Println(errors.Is(err, api.IncompatibleSchema))
	// Output:
	// 1 <nil>
	// true
}

// fakeT stands in for the test that an example does not have.
type fakeT struct {
	testing.TB
	cleanup []func()
}

func (*fakeT) Helper()                     {}
func (*fakeT) Context() context.Context    { return context.Background() }
func (t *fakeT) Cleanup(f func())          { t.cleanup = append(t.cleanup, f) }
func (t *fakeT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (t *fakeT) end() {
	for _, f := range t.cleanup {
		f()
	}
}

func TestServerCloses(t *testing.T) {
	t.Parallel()
	srv := registrytest.New(t)
	other := registrytest.New(t)
	if _, err := client.New(srv.URL).Register(t.Context(), "a", lang.Source{Type: lang.Avro, Text: `"int"`}); err != nil {
		t.Fatal(err)
	}
	if got, err := client.New(other.URL).Subjects(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("another server has subjects %q, %v, want none", got, err)
	}
	srv.Close()
	srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("a closed server answers")
	}
}
