package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

const v1JSON = "application/vnd.schemaregistry.v1+json"

func TestContentTypes(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	for _, c := range []struct {
		accept string
		want   string // "" means 406
	}{
		{"", v1JSON},
		{"*/*", v1JSON},
		{"application/*", v1JSON},
		{"application/json", "application/json"},
		{"application/vnd.schemaregistry+json", "application/vnd.schemaregistry+json"},
		{"application/json, application/vnd.schemaregistry.v1+json", v1JSON},
		{"application/json, application/vnd.schemaregistry.v1+json;q=0.3", "application/json"},
		{"text/html, */*;q=0.1", v1JSON},
		{"APPLICATION/JSON", "application/json"},
		{"*/*, application/vnd.schemaregistry.v1+json;q=0", "application/vnd.schemaregistry+json"},
		// What Confluent's client for Java sends.
		{"application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json; q=0.9, application/json; q=0.5", v1JSON},
		{"application/vnd.schemaregistry+json;q=0.5,application/json;q=0.5", "application/vnd.schemaregistry+json"},
		{"application/vnd.schemaregistry.v2+json", ""},
		{"text/html", ""},
		{"application/json;q=0", ""},
	} {
		header := http.Header{}
		if c.accept != "" {
			header.Set("Accept", c.accept)
		}
		got := send(t, srv, http.MethodGet, "/subjects", "", header)
		switch {
		case c.want == "" && got.status != http.StatusNotAcceptable:
			t.Errorf("Accept %q: status %d, want 406", c.accept, got.status)
		case c.want != "" && (got.status != http.StatusOK || got.header.Get("Content-Type") != c.want):
			t.Errorf("Accept %q: %d %q, want 200 %q", c.accept, got.status, got.header.Get("Content-Type"), c.want)
		}
	}
	for contentType, want := range map[string]int{
		"":                                    200,
		v1JSON:                                200,
		"application/vnd.schemaregistry+json": 200,
		"application/json; charset=utf-8":     200,
		"application/octet-stream":            200,
		"text/plain":                          415,
		"application/x-www-form-urlencoded":   415,
		"/;=":                                 415,
	} {
		header := http.Header{}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		if got := send(t, srv, http.MethodPost, "/subjects/a/versions", `{"schema":"\"int\""}`, header); got.status != want {
			t.Errorf("Content-Type %q: status %d, want %d", contentType, got.status, want)
		}
	}
}

func TestHeadAndAllow(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	get := send(t, srv, http.MethodGet, "/config", "", nil)
	head := send(t, srv, http.MethodHead, "/config", "", nil)
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) {
		t.Errorf("HEAD /config = %d, body %q, length %s, want 200, no body and length %d",
			head.status, head.body, head.header.Get("Content-Length"), len(get.body))
	}
	if got := send(t, srv, http.MethodHead, "/subjects/none/versions", "", nil); got.status != 404 {
		t.Errorf("HEAD of a missing subject = %d, want 404", got.status)
	}
	if got := send(t, srv, http.MethodPut, "/subjects/s/versions/1", "", nil); got.status != 405 || got.header.Get("Allow") != "GET, DELETE, HEAD" {
		t.Errorf("PUT of a version = %d, Allow %q, want 405 and GET, DELETE, HEAD", got.status, got.header.Get("Allow"))
	}
	if got := send(t, srv, http.MethodGet, "/", "", http.Header{"X-Request-Id": {"mine"}}); got.header.Get("X-Request-ID") != "mine" {
		t.Errorf("X-Request-ID %q came back as %q", "mine", got.header.Get("X-Request-ID"))
	}
	uuid := regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
	seen := map[string]bool{}
	for range 100 {
		id := send(t, srv, http.MethodGet, "/", "", nil).header.Get("X-Request-ID")
		if !uuid.MatchString(id) || seen[id] {
			t.Fatalf("X-Request-ID %q of a request without one, want a UUID of its own", id)
		}
		seen[id] = true
	}
}

// Old clients and health checks speak HTTP/1.0: no chunks, and the end of the
// connection after the answer unless they ask for more.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	const body = `{"schema":"\"int\""}`
	for _, c := range []struct{ request, want string }{
		{"GET / HTTP/1.0\r\n\r\n", "{}"},
		{"GET /config HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n", `{"compatibilityLevel":"BACKWARD"}`},
		{fmt.Sprintf("POST /subjects/a/versions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body),
			`{"id":1,"version":1,"guid":"ef524ea1-b91e-7317-3d93-8ade36c1db32","schemaType":"AVRO","schema":"\"int\""}`},
		{"HEAD /subjects/a/versions HTTP/1.0\r\n\r\n", ""},
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		conn.Close()
		head, got, _ := strings.Cut(string(answer), "\r\n\r\n")
		if err != nil || !strings.HasPrefix(head, "HTTP/1.0 200 OK\r\n") || !strings.Contains(head, "\r\nContent-Length: ") || got != c.want {
			t.Errorf("%q: %q, %v, want 200 and %s", c.request, answer, err, c.want)
		}
	}
}

func packed(t testing.TB, text string) string {
	t.Helper()
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	if _, err := io.WriteString(zip, text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestBodies(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	srv := newServer(t, rest.Options{MaxBody: limit})
	zipped := http.Header{"Content-Encoding": {"gzip"}}
	long := `{"schema":"\"int\"","x":"` + strings.Repeat("a", limit) + `"}`
	for _, c := range []struct {
		name, body string
		header     http.Header
		want       int
	}{
		{"packed", packed(t, `{"schema":"\"int\""}`), zipped, 200},
		{"too long", long, nil, 413},
		{"a bomb: short, but long when unpacked", packed(t, long), zipped, 413},
		{"packed and long even so", strings.Repeat("x", limit+1), zipped, 400},
		{"not packed, but said to be", `{"schema":"\"int\""}`, zipped, 400},
		{"packed nothing", "", zipped, 422},
		{"cut off", packed(t, `{"schema":"\"int\""}`)[:20], zipped, 400},
		{"packed in a way nobody knows", "x", http.Header{"Content-Encoding": {"br"}}, 415},
		{"deep", `{"schema":"\"int\"","x":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`, nil, 200},
	} {
		if got := send(t, srv, http.MethodPost, "/subjects/a/versions", c.body, c.header); got.status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got.status, got.body, c.want)
		}
	}
	big := newServer(t, rest.Options{})
	text := `"` + strings.Repeat(" ", 1<<20) + `"`
	if got := send(t, big, http.MethodPost, "/subjects/a/versions", `{"schema":"\`+text[:len(text)-1]+`\""}`, nil); !strings.Contains(got.body, "42209") {
		t.Errorf("a schema over the limit = %d %.200s, want 42209", got.status, got.body)
	}
}

func TestLongAnswersArePacked(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	doc := strings.Repeat("documentation ", 200)
	send(t, srv, http.MethodPost, "/subjects/a/versions", fmt.Sprintf(`{"schema":"{\"type\":\"record\",\"name\":\"R\",\"doc\":\"%s\",\"fields\":[]}"}`, doc), nil)
	got := send(t, srv, http.MethodGet, "/subjects/a/versions/1", "", http.Header{"Accept-Encoding": {"gzip"}})
	if got.header.Get("Content-Encoding") != "gzip" || len(got.body) >= len(doc) {
		t.Fatalf("encoding %q, %d bytes, want gzip and fewer than %d", got.header.Get("Content-Encoding"), len(got.body), len(doc))
	}
	zip, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(zip); err != nil || !strings.Contains(string(text), doc) {
		t.Errorf("unpacked: %.100s, %v", text, err)
	}
	plain := send(t, srv, http.MethodGet, "/subjects/a/versions/1", "", http.Header{"Accept-Encoding": {"gzip;q=0"}})
	if plain.header.Get("Content-Encoding") != "" {
		t.Error("an answer is packed for a client that cannot unpack it")
	}
}

// Check and insert are one decision: of clients that register schemas which
// exclude each other at the same time, exactly one wins.
func TestRegisterRace(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	for round := range 20 {
		path := fmt.Sprintf("/subjects/s%d/versions", round)
		var won, refused atomic.Int32
		var wg sync.WaitGroup
		for client := range 4 {
			wg.Go(func() {
				body := fmt.Sprintf(`{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f%d\",\"type\":\"int\"}]}"}`, client)
				switch got := send(t, srv, http.MethodPost, path, body, nil); got.status {
				case 200:
					won.Add(1)
				case 409:
					refused.Add(1)
				default:
					t.Errorf("%d %s, want 200 or 409", got.status, got.body)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || refused.Load() != 3 {
			t.Fatalf("round %d: %d won and %d were refused, want 1 and 3", round, won.Load(), refused.Load())
		}
		if got := send(t, srv, http.MethodGet, path, "", nil); got.body != "[1]" {
			t.Fatalf("round %d: versions %s, want [1]", round, got.body)
		}
	}
}

// A server that shares a log says with whom.
func TestClusterID(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{KafkaCluster: "k", Group: "eu"})
	got := send(t, srv, http.MethodGet, "/v1/metadata/id", "", nil)
	if want := `{"scope":{"path":[],"clusters":{"kafka-cluster":"k","schema-registry-cluster":"eu"}}}`; got.body != want {
		t.Errorf("GET /v1/metadata/id = %s, want %s", got.body, want)
	}
}

func TestLegacyConflict(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{LegacyConflict: true})
	send(t, srv, http.MethodPost, "/subjects/a/versions", `{"schema":"\"int\""}`, nil)
	got := send(t, srv, http.MethodPost, "/subjects/a/versions", `{"schema":"\"string\""}`, nil)
	if got.status != 409 || !strings.HasPrefix(got.body, `{"error_code":409,`) {
		t.Errorf("%d %s, want 409 with error code 409", got.status, got.body)
	}
}

// brokenLog reads as empty and takes nothing.
type brokenLog struct{}

func (brokenLog) ReadFrom(context.Context, registry.Offset) ([]registry.Record, registry.Offset, error) {
	return nil, 0, nil
}

func (brokenLog) Append(context.Context, registry.Offset, []registry.Record) (registry.Offset, error) {
	return 0, errors.New("the disk is full")
}

func TestStoreFailure(t *testing.T) {
	t.Parallel()
	reg, err := registry.Open(t.Context(), brokenLog{}, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Value
	srv := httptest.NewServer(rest.New(reg, rest.Options{OnError: func(_ *http.Request, err error) { told.Store(err) }}))
	t.Cleanup(srv.Close)
	got := send(t, srv, http.MethodPost, "/subjects/a/versions", `{"schema":"\"int\""}`, nil)
	if got.status != 500 || !strings.Contains(got.body, `"error_code":50001`) || !strings.Contains(got.body, "the disk is full") {
		t.Errorf("%d %s, want 500, code 50001 and the reason", got.status, got.body)
	}
	if told.Load() == nil {
		t.Error("OnError was not told")
	}
	// What was refused was not half done.
	if got := send(t, srv, http.MethodGet, "/subjects", "", nil); got.body != "[]" {
		t.Errorf("subjects %s after a failed write, want none", got.body)
	}
	reg.Close()
	if got := send(t, srv, http.MethodPost, "/subjects/a/versions", `{"schema":"\"int\""}`, nil); got.status != 503 {
		t.Errorf("a write after Close = %d, want 503", got.status)
	}
}

// A slowLog does not answer in time once it is told so.
type slowLog struct {
	registry.Log
	slow atomic.Bool
}

func (l *slowLog) Append(ctx context.Context, after registry.Offset, records []registry.Record) (registry.Offset, error) {
	if l.slow.Load() {
		return 0, context.DeadlineExceeded
	}
	return l.Log.Append(ctx, after, records)
}

// What was not done in time is named as the protocol names it.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	log := &slowLog{Log: memlog.New()}
	reg, err := registry.Open(t.Context(), log, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	srv := httptest.NewServer(rest.New(reg, rest.Options{}))
	t.Cleanup(srv.Close)
	send(t, srv, http.MethodPost, "/subjects/a/versions", `{"schema":"\"int\""}`, nil)
	log.slow.Store(true)
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/subjects/a/versions", `{"schema":"\"long\""}`, "Register operation timed out"},
		{"DELETE", "/subjects/a", "", "Delete subject operation timed out"},
		{"DELETE", "/subjects/a/versions/1", "", "Delete Schema Version operation timed out"},
		{"PUT", "/mode/a", `{"mode":"READONLY"}`, "Update mode operation timed out"},
	} {
		got := send(t, srv, c.method, c.path, c.body, nil)
		if want := fmt.Sprintf(`{"error_code":50002,"message":"%s"}`, c.want); got.status != 500 || got.body != want {
			t.Errorf("%s %s = %d %s, want 500 %s", c.method, c.path, got.status, got.body, want)
		}
	}
}

// FuzzBodies states that no body makes the server answer with a status of its
// own failure, and that every answer but a bare schema is JSON of the protocol.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"schema":"\"int\""}`, `{"schema":""}`, `{}`, `[]`, `null`, `{"schema":"syntax = \"proto3\"; message M {}","schemaType":"PROTOBUF"}`,
		`{"schema":"\"R\"","references":[{"name":"R","subject":"a","version":-1}]}`, `{"schema":"\"int\"","version":-2147483648,"id":-1}`,
		`{"compatibility":"FULL","normalize":null}`, `{"schema":"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":\"A\"}]}","metadata":{"properties":{"confluent:version":"x"}}}`,
		"\xff\xfe", `{"schema":"\ud800"}`, `{"schema":` + strings.Repeat(`[`, 100),
	} {
		f.Add(seed)
	}
	handler := newServer(f, rest.Options{}).Config.Handler
	f.Fuzz(func(t *testing.T, body string) {
		for _, to := range []struct{ method, path string }{
			{http.MethodPost, "/subjects/a/versions"},
			{http.MethodPost, "/subjects/a"},
			{http.MethodPost, "/compatibility/subjects/a/versions?verbose=true"},
			{http.MethodPut, "/config/a"},
		} {
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), to.method, to.path, strings.NewReader(body)))
			if got.Code >= 500 || !strings.HasPrefix(got.Body.String(), "{") {
				t.Errorf("%s %s %q = %d %s", to.method, to.path, body, got.Code, got.Body)
			}
		}
	})
}

// FuzzPaths states that whatever stands in a path or a query is answered in the
// protocol's own form and without a failure of the server, that HEAD says what GET
// says, and that a slash at the end means nothing.
func FuzzPaths(f *testing.F) {
	for _, rt := range rest.Routes() {
		path := strings.NewReplacer("{subject}", "a%2Fb", "{version}", "latest", "{id}", "1", "{guid}", "ef524ea1b91e73173d938ade36c1db32", "{context}", ".c").Replace(rt[1])
		f.Add(path, "")
		f.Add("/contexts/.c"+path, "subject=a&deleted=TRUE&offset=1&limit=x")
	}
	for _, seed := range [][2]string{
		{"/subjects/%00/versions", "deletedAsNegative=true"}, {"/subjects/:.:a/versions/-1", "format=resolved&findTags=*"}, {"//", "a;b=%"}, {"/contexts/:.:/mode/", ""},
		{"/schemas/ids/1", "subject=:.c:&fetchMaxId=true&referenceFormat=qualified"}, {"/schemas", "subjectPrefix=:*:&aliases=true&latestOnly=true&lifecycle=NONE"}, {"/config/:.__GLOBAL:", "defaultToGlobal=true"},
	} {
		f.Add(seed[0], seed[1])
	}
	srv := newServer(f, rest.Options{})
	for _, subject := range []string{"a", "a%2Fb", ":.c:a", ":.c:b"} {
		send(f, srv, http.MethodPost, "/subjects/"+subject+"/versions", `{"schema":"\"int\"","metadata":{"properties":{"k":"v"}}}`, nil)
	}
	send(f, srv, http.MethodPut, "/config/nick", `{"alias":"a"}`, nil)
	handler := srv.Config.Handler
	ask := func(t *testing.T, method string, u url.URL) *httptest.ResponseRecorder {
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, (&http.Request{Method: method, URL: &u, Header: http.Header{}, Body: http.NoBody}).WithContext(t.Context()))
		return got
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		u, err := url.ParseRequestURI("/" + strings.TrimLeft(path, "/"))
		if err != nil {
			return
		}
		u.RawQuery = query
		got, head := ask(t, http.MethodGet, *u), ask(t, http.MethodHead, *u)
		if got.Code >= 500 || got.Code >= 400 && !strings.HasPrefix(got.Body.String(), `{"error_code":`) {
			t.Errorf("GET %s = %d %s", u, got.Code, got.Body)
		}
		if head.Code != got.Code || head.Body.Len() > 0 || head.Header().Get("Content-Length") != got.Header().Get("Content-Length") {
			t.Errorf("HEAD %s = %d, GET %d", u, head.Code, got.Code)
		}
		u.Path += "/"
		if u.RawPath != "" {
			u.RawPath += "/"
		}
		if slash := ask(t, http.MethodGet, *u); slash.Code != got.Code || slash.Body.String() != got.Body.String() {
			t.Errorf("GET %s = %d %s, without the slash %d %s", u, slash.Code, slash.Body, got.Code, got.Body)
		}
	})
}

// Clients without a compiler, such as Confluent's for Python, read Protobuf
// schemas as descriptors.
func TestSerializedFormat(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	send(t, srv, http.MethodPost, "/subjects/p/versions", `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; package p; import \"google/protobuf/timestamp.proto\"; message M { google.protobuf.Timestamp at = 1; }"}`, nil)
	for _, path := range []string{"/schemas/ids/1/schema", "/subjects/p/versions/1/schema"} {
		got := send(t, srv, http.MethodGet, path+"?format=serialized", "", nil)
		data, err := base64.StdEncoding.DecodeString(got.body)
		if err != nil {
			t.Fatalf("%s: %s is not base64: %v", path, got.body, err)
		}
		var file descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(data, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if file.GetPackage() != "p" || file.GetMessageType()[0].GetName() != "M" || file.GetDependency()[0] != "google/protobuf/timestamp.proto" {
			t.Errorf("%s: descriptor %v", path, &file)
		}
	}
}

// Clients without a text of the schema register a descriptor in base64. It is the
// schema that its text is.
func TestRegisterDescriptor(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	text := `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\";\npackage p;\nimport \"google/protobuf/timestamp.proto\";\nmessage M { google.protobuf.Timestamp at = 1; map<string, int64> n = 2; }"}`
	first := send(t, srv, http.MethodPost, "/subjects/p/versions", text, nil)
	serialized := send(t, srv, http.MethodGet, "/subjects/p/versions/1/schema?format=serialized", "", nil)
	descriptor := `{"schemaType":"PROTOBUF","schema":"` + serialized.body + `"}`
	for _, to := range []struct{ path, body string }{
		{"/subjects/p/versions", descriptor}, {"/subjects/p", descriptor}, {"/subjects/p", text},
	} {
		got := send(t, srv, http.MethodPost, to.path, to.body, nil)
		if got.status != http.StatusOK || !strings.Contains(got.body, `"version":1`) || !strings.Contains(got.body, `"id":1`) {
			t.Errorf("POST %s = %d %s, want the version of %s", to.path, got.status, got.body, first.body)
		}
	}
	if got := send(t, srv, http.MethodGet, "/subjects/p/versions", "", nil); got.body != "[1]" {
		t.Errorf("versions = %s, want [1]", got.body)
	}
}

func TestIgnoreExtensionsFormat(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	send(t, srv, http.MethodPost, "/subjects/p/versions", `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; import \"google/protobuf/descriptor.proto\"; extend google.protobuf.FieldOptions { string note = 50001; } message M { string a = 1 [(note) = \"x\", deprecated = true]; }"}`, nil)
	got := send(t, srv, http.MethodGet, "/schemas/ids/1/schema?format=ignore_extensions", "", nil)
	if strings.Contains(got.body, "(note)") || !strings.Contains(got.body, "deprecated = true") {
		t.Errorf("schema = %s, want it without the custom option alone", got.body)
	}
}

// The description has one form, which whoever fetches it gets.
func TestDescriptionWhateverTheClientAccepts(t *testing.T) {
	t.Parallel()
	srv := newServer(t, rest.Options{})
	for _, accept := range []string{"", "application/yaml", "text/html", "application/json"} {
		got := send(t, srv, http.MethodGet, "/openapi.yaml", "", http.Header{"Accept": {accept}})
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/yaml" || !strings.HasPrefix(got.body, "openapi:") {
			t.Errorf("Accept %q: %d %s %.20q, want the description", accept, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
}
