package registrytest

import (
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// A Server is a registry in memory that speaks HTTP on a local port.
type Server struct {
	// URL is where clients find it.
	URL string
	// Registry is what it serves, to look into without HTTP.
	Registry *registry.Registry

	http *httptest.Server
	once sync.Once
}

// New starts an empty registry with all languages and rules. It is closed when
// the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	return NewWith(t, memlog.New(), registry.Options{})
}

// NewWith is New over a given log, which stays open.
func NewWith(t testing.TB, log registry.Log, opts registry.Options) *Server {
	t.Helper()
	reg, err := registry.Open(t.Context(), log, all.Lenient(), registry.Rules(compat.Default()), opts)
	if err != nil {
		t.Fatalf("start a registry in memory: %v", err)
	}
	s := &Server{Registry: reg, http: httptest.NewServer(rest.New(reg, rest.Options{}))}
	s.URL = s.http.URL
	t.Cleanup(s.Close)
	return s
}

// Close ends the server; requests then fail to connect. It may be called more
// than once.
func (s *Server) Close() {
	s.once.Do(func() {
		s.http.Close()
		s.Registry.Close()
	})
}
