package srsource_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riferrei/srclient"

	"github.com/wireproof/wireproof/registry/srsource"
)

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type schema struct {
	Schema     string      `json:"schema"`
	SchemaType string      `json:"schemaType,omitempty"`
	References []reference `json:"references,omitempty"`
}

// A registry speaks the part of the protocol that a Source uses.
type registry struct {
	mu       sync.Mutex           // guards the fields below
	schemas  []schema             // id 1 first
	subjects map[string][]int     // ids, version 1 first
	requests []string             // method and path
	hold     chan struct{}        // if set, requests wait until it is closed
	answer   func() (int, string) // if set, what every request gets
}

func newRegistry() *registry { return &registry{subjects: map[string][]int{}} }

// source serves r and returns a Source on it.
func (r *registry) source(t *testing.T) *srsource.Source {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	client := srclient.NewSchemaRegistryClient(server.URL)
	client.SetTimeout(30 * time.Second)
	return srsource.New(client)
}

// add puts a schema into a subject, and returns its id.
func (r *registry) add(subject string, s schema) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.put(subject, s)
}

func (r *registry) put(subject string, s schema) int {
	id := 1 + slices.IndexFunc(r.schemas, s.equal)
	if id == 0 {
		r.schemas = append(r.schemas, s)
		id = len(r.schemas)
	}
	if !slices.Contains(r.subjects[subject], id) {
		r.subjects[subject] = append(r.subjects[subject], id)
	}
	return id
}

func (s schema) equal(o schema) bool {
	return s.Schema == o.Schema && s.SchemaType == o.SchemaType && slices.Equal(s.References, o.References)
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q.Method+" "+q.URL.Path)
	if hold := r.hold; hold != nil {
		r.mu.Unlock()
		<-hold
		r.mu.Lock()
	}
	if r.answer != nil {
		status, body := r.answer()
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return
	}
	status, body := r.serve(q)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func failure(code int) (int, any) {
	return code / 100, map[string]any{"error_code": code, "message": "not here"}
}

func (r *registry) serve(q *http.Request) (int, any) {
	parts := strings.Split(strings.Trim(q.URL.EscapedPath(), "/"), "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "%2F", "/")
	}
	var body schema
	if q.Method == http.MethodPost {
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			return failure(42201)
		}
	}
	switch {
	case parts[0] == "schemas" && len(parts) == 3:
		id, _ := strconv.Atoi(parts[2])
		if id < 1 || id > len(r.schemas) {
			return failure(40403)
		}
		return 200, r.schemas[id-1]
	case q.Method == http.MethodPost && len(parts) == 3:
		return 200, map[string]int{"id": r.put(parts[1], body)}
	case q.Method == http.MethodPost:
		return r.lookup(parts[1], body)
	case len(parts) == 4:
		ids := r.subjects[parts[1]]
		v, _ := strconv.Atoi(parts[3])
		if v < 1 || v > len(ids) {
			return failure(40402)
		}
		return 200, r.version(parts[1], v)
	}
	return failure(40400)
}

func (r *registry) lookup(subject string, s schema) (int, any) {
	ids := r.subjects[subject]
	if len(ids) == 0 {
		return failure(40401)
	}
	for i, id := range ids {
		if r.schemas[id-1].equal(s) {
			return 200, r.version(subject, i+1)
		}
	}
	return failure(40403)
}

func (r *registry) version(subject string, v int) any {
	id := r.subjects[subject][v-1]
	s := r.schemas[id-1]
	return map[string]any{
		"subject": subject, "version": v, "id": id,
		"schema": s.Schema, "schemaType": s.SchemaType, "references": s.References,
	}
}
