package srsource_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/srsource"
)

// A Source fits every seam of codec.
var (
	_ codec.SchemaSource = (*srsource.Source)(nil)
	_ codec.Registry     = (*srsource.Source)(nil)
	_ codec.Registrar    = (*srsource.Source)(nil)
)

const (
	addressText = `{"type":"record","name":"a.Address","fields":[]}`
	orderText   = `{"type":"record","name":"a.Order","fields":[{"name":"ship","type":"a.Address"}]}`
)

func orderSource() lang.Source {
	return lang.Source{Type: lang.Avro, Text: orderText, References: []lang.Reference{
		{Name: "a.Address", Source: &lang.Source{Type: lang.Avro, Text: addressText}},
	}}
}

func TestSchemaByIDResolvesReferences(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	r.add("a.Other", schema{Schema: `"int"`})
	r.add("a.Address", schema{Schema: addressText})
	id := r.add("orders-value", schema{Schema: orderText, References: []reference{{"a.Address", "a.Address", 1}}})
	got, err := r.source(t).SchemaByID(t.Context(), uint32(id))
	if err != nil {
		t.Fatal(err)
	}
	address := lang.Source{Type: lang.Avro, Path: "a.Address v1", Text: addressText}
	want := lang.Source{Type: lang.Avro, Text: orderText, References: []lang.Reference{
		{Name: "a.Address", Subject: "a.Address", Version: 1, Source: &address},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SchemaByID (-want +got):\n%s", diff)
	}
}

// The import path of a Protobuf file is the path of its text.
func TestSchemaByIDOfProtobuf(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	r.add("common", schema{Schema: `message M {}`, SchemaType: "PROTOBUF"})
	id := r.add("p", schema{Schema: `import "common/v1/m.proto";`, SchemaType: "PROTOBUF", References: []reference{{"common/v1/m.proto", "common", 1}}})
	got, err := r.source(t).SchemaByID(t.Context(), uint32(id))
	if err != nil || got.Type != lang.Protobuf || got.References[0].Source.Path != "common/v1/m.proto" {
		t.Errorf("SchemaByID = %+v, %v", got, err)
	}
}

func TestUnknownID(t *testing.T) {
	t.Parallel()
	s := newRegistry().source(t)
	for _, id := range []uint32{0, 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
		if _, err := s.SchemaByID(t.Context(), id); !errors.Is(err, codec.ErrUnknownID) {
			t.Errorf("SchemaByID(%d) = %v, want ErrUnknownID", id, err)
		}
	}
}

// A proxy's 404, a broken answer and a missing referenced version are no answers
// about the id.
func TestOtherFailuresAreNotUnknown(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func() (int, string){
		"proxy":       func() (int, string) { return 404, "<html>not found</html>" },
		"other code":  func() (int, string) { return 404, `{"error_code":404,"message":"HTTP 404 Not Found"}` },
		"broken":      func() (int, string) { return 500, `{"error_code":50001,"message":"store"}` },
		"not allowed": func() (int, string) { return 401, `{"error_code":40101,"message":"no"}` },
	} {
		r := newRegistry()
		r.answer = answer
		s := r.source(t)
		_, err := s.SchemaByID(t.Context(), 1)
		if err == nil || errors.Is(err, codec.ErrUndecodable) {
			t.Errorf("%s: SchemaByID = %v, want an error that is no fault of the data", name, err)
		}
		_, err = s.Lookup(t.Context(), "s", lang.Source{Type: lang.Avro, Text: `"int"`})
		if err == nil || errors.Is(err, codec.ErrNotRegistered) {
			t.Errorf("%s: Lookup = %v, want an error that is not ErrNotRegistered", name, err)
		}
	}
	r := newRegistry()
	r.add("s", schema{Schema: orderText, References: []reference{{"a.Address", "a.Address", 3}}})
	_, err := r.source(t).SchemaByID(t.Context(), 1)
	if err == nil || errors.Is(err, codec.ErrUndecodable) || !strings.Contains(err.Error(), `"a.Address" version 3`) {
		t.Errorf("SchemaByID with a dangling reference = %v, want an error that names it", err)
	}
}

// A registry that refers in circles does not keep a consumer busy for ever.
func TestReferencesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	r.add("s", schema{Schema: orderText, References: []reference{{"a", "s", 1}, {"b", "s", 1}}})
	if _, err := r.source(t).SchemaByID(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "references") {
		t.Errorf("SchemaByID = %v, want an error", err)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	s := r.source(t)
	if _, err := s.Lookup(t.Context(), "orders-value", orderSource()); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("Lookup with nothing there = %v, want ErrNotRegistered", err)
	}
	r.add("a.Address", schema{Schema: addressText})
	if _, err := s.Lookup(t.Context(), "orders-value", orderSource()); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("Lookup with only the reference there = %v, want ErrNotRegistered", err)
	}
	want := r.add("orders-value", schema{Schema: orderText, References: []reference{{"a.Address", "a.Address", 1}}})
	if got, err := s.Lookup(t.Context(), "orders-value", orderSource()); err != nil || got != uint32(want) {
		t.Errorf("Lookup = %d, %v; want %d", got, err, want)
	}
	other := orderSource()
	other.Text += " "
	if _, err := s.Lookup(t.Context(), "orders-value", other); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("Lookup of another text = %v, want ErrNotRegistered", err)
	}
}

// What is registered is the text, with what it refers to before it.
func TestRegister(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	s := r.source(t)
	id, err := s.Register(t.Context(), "orders-value", orderSource())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Lookup(t.Context(), "orders-value", orderSource()); err != nil || again != id {
		t.Errorf("Lookup of what was registered = %d, %v; want %d", again, err, id)
	}
	got, err := s.SchemaByID(t.Context(), id)
	if err != nil || got.Text != orderText || got.References[0].Source.Text != addressText {
		t.Errorf("SchemaByID = %+v, %v", got, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.requests, func(q string) bool { return strings.Contains(q, "associations") }) {
		t.Errorf("requests = %q; only subjects and schemas were to be asked for", r.requests)
	}
}

// srclient joins lines, and a comment to the end of a line would swallow the rest.
func TestCommentsAreRefused(t *testing.T) {
	t.Parallel()
	src := lang.Source{Type: lang.Avro, Text: "// a comment\n\"int\""}
	s := newRegistry().source(t)
	_, errLookup := s.Lookup(t.Context(), "s", src)
	_, errRegister := s.Register(t.Context(), "s", src)
	for _, err := range []error{errLookup, errRegister} {
		if err == nil || errors.Is(err, codec.ErrNotRegistered) || !strings.Contains(err.Error(), "comments") {
			t.Errorf("error = %v, want one about comments", err)
		}
	}
	if _, err := s.Register(t.Context(), "s", lang.Source{Type: lang.Avro, Text: `{"type":"int","doc":"see http://x"}`}); err != nil {
		t.Errorf("Register of a text with slashes in a string = %v", err)
	}
}

func TestReferenceWithoutAText(t *testing.T) {
	t.Parallel()
	src := lang.Source{Type: lang.Avro, Text: orderText, References: []lang.Reference{{Name: "a.Address"}}}
	if _, err := newRegistry().source(t).Lookup(t.Context(), "s", src); err == nil || !strings.Contains(err.Error(), "a.Address") {
		t.Errorf("Lookup = %v, want an error that names the reference", err)
	}
}

// srclient knows no context; a Source returns all the same when ctx ends.
func TestContextEndsARequest(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	r.hold = make(chan struct{})
	s := r.source(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.SchemaByID(ctx, 1)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("SchemaByID = %v, want context.Canceled", err)
	}
	close(r.hold)
}

// Pitfall 8: concurrent first reads are one request, and nothing is raced for.
func TestPitfall08StampedeAndRace(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	id := r.add("s", schema{Schema: orderText})
	r.hold = make(chan struct{})
	cache := codec.NewCache(r.source(t))
	var started, wg sync.WaitGroup
	for range 8 {
		started.Add(1)
		wg.Go(func() {
			started.Done()
			if got, err := cache.SchemaByID(t.Context(), uint32(id)); err != nil || got.Text != orderText {
				t.Errorf("SchemaByID = %+v, %v", got, err)
			}
		})
	}
	started.Wait()
	close(r.hold)
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) != 1 {
		t.Errorf("requests = %q, want one", r.requests)
	}
}
