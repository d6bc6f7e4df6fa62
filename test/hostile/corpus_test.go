package hostile_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/rest"
)

// An attack is a request that must be refused.
type attack struct {
	name   string
	method string // empty means POST
	path   string // empty means that of a registration
	header http.Header
	body   func() io.Reader
	want   int // the status
}

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

func many(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f(i))
	}
	return b.String()
}

func nest(n int, open, inner, end string) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// bodies are attacks on what reads a request.
func bodies() []attack {
	packed := func(what io.Reader) func() io.Reader {
		var b bytes.Buffer
		zip, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		io.Copy(zip, what) // a bytes.Buffer takes everything
		zip.Close()
		return func() io.Reader { return bytes.NewReader(b.Bytes()) }
	}
	gz := http.Header{"Content-Encoding": {"gzip"}}
	deep := nest(100_000, "[", "", "]")
	return []attack{
		{name: "100,000 arrays", body: text(deep), want: 400},
		{name: "100,000 objects", body: text(nest(100_000, `{"a":`, "1", "}")), want: 400},
		{name: "100,000 arrays as schema", body: text(`{"schema":` + deep + `}`), want: 400},
		{name: "100,000 arrays as metadata", body: text(`{"schema":"\"int\"","metadata":` + deep + `}`), want: 400},
		{name: "100,000 arrays in an unknown field", body: text(`{"schema":"\"int\"","x":` + deep + `}`), want: 400},
		{name: "400 KB of braces", body: text(strings.Repeat("{", 400_000)), want: 400},
		{name: "400 KB of quotes", body: text(strings.Repeat(`"`, 400_000)), want: 400},
		{name: "nothing", body: text(""), want: 422},
		{name: "4 MB of spaces", body: text(strings.Repeat(" ", 4<<20)), want: 422},
		{name: "zero bytes", body: text(strings.Repeat("\x00", 1000)), want: 400},
		{name: "control characters", body: text("{\"schema\":\"\x01\x02\"}"), want: 400},
		{name: "UTF-16", body: text("\xff\xfe{\x00}\x00"), want: 400},
		{name: "huge number", body: text(`{"schema":"\"int\"","version":` + strings.Repeat("9", 100_000) + `}`), want: 400},
		{name: "no UTF-8", body: text("{\"schema\":\"{\\\"type\\\":\\\"int\\\",\\\"doc\\\":\\\"\xff\\\"}\"}"), want: 400},
		{name: "number above 32 bits", body: text(`{"schema":"\"int\"","id":4294967297}`), want: 400},
		{name: "names in another case", body: text(`{"SCHEMA":"\"int\"","\u0053chema":"\"int\"","ſchema":"\"int\""}`), want: 422},
		{name: "200,000 escaped names", body: text(`{` + strings.Repeat(`"\u0053chema":1,`, 200_000) + `"x":1}`), want: 422},
		{name: "huge exponent", body: text(`{"schema":"\"int\"","version":1e999999999}`), want: 400},
		{name: "5 MB body", body: text(`{"schema":"` + strings.Repeat("a", 5_000_000) + `"}`), want: 413},
		{name: "endless body", body: func() io.Reader { return io.MultiReader(strings.NewReader(`{"schema":"`), letters{}) }, want: 413},
		{name: "gzip bomb", header: gz, body: packed(io.LimitReader(letters{}, 200<<20)), want: 413},
		{name: "gzip of gzip", header: gz, body: packed(packed(io.LimitReader(letters{}, 10<<20))()), want: 400},
		{name: "gzip said twice", header: http.Header{"Content-Encoding": {"gzip, gzip"}}, body: text("{}"), want: 415},
		{name: "gzip that is none", header: gz, body: text("{}"), want: 400},
		{name: "gzip cut short", header: gz, body: func() io.Reader {
			return io.LimitReader(packed(strings.NewReader(`{"schema":"`+strings.Repeat("xyz", 1000)))(), 30)
		}, want: 400},
		{name: "other encoding", header: http.Header{"Content-Encoding": {"br"}}, body: text("{}"), want: 415},
		{name: "multipart", header: http.Header{"Content-Type": {"multipart/form-data; boundary=" + strings.Repeat("x", 5000)}}, body: text("{}"), want: 415},
		{name: "many media ranges", header: http.Header{"Accept": {strings.Repeat("a/b;q=0.1,", 5000)}}, body: text(`{"schema":"\"int\""}`), want: 406},
		{name: "long header", header: http.Header{"X-Request-Id": {strings.Repeat("x", 100_000)}}, body: text("{}"), want: 431},
		{name: "many headers", header: http.Header{"X-A": strings.Split(strings.Repeat("a,", 50_000), ",")}, body: text("{}"), want: 431},
	}
}

// letters never ends.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// names are attacks on what reads a path.
func names() []attack {
	schema := text(`{"schema":"\"int\""}`)
	register := func(subject string) string { return "/subjects/" + subject + "/versions" }
	return []attack{
		{name: "5 MB subject", path: register(strings.Repeat("a", 5_000_000)), body: schema, want: 431},
		{name: "zero byte", path: register("a%00b"), body: schema, want: 422},
		{name: "newline", path: register("a%0Ab"), body: schema, want: 422},
		{name: "escape", path: register("a%1B%5B31m"), body: schema, want: 422},
		{name: "delete character", path: register("a%7F"), body: schema, want: 422},
		{name: "C1 control", path: register("a%C2%85b"), body: schema, want: 422},
		{name: "no UTF-8", path: register("a%C3%28"), body: schema, want: 422},
		{name: "overlong slash", path: register("a%C0%AF"), body: schema, want: 422},
		{name: "empty", path: register(""), body: schema, want: 404},
		{name: "context of all contexts", path: register("%3A.__GLOBAL%3A"), body: schema, want: 422},
		{name: "3 KB subject", path: register(strings.Repeat("a", 3000)), body: schema, want: 422},
		{name: "3 KB context", path: "/contexts/." + strings.Repeat("a", 3000) + "/subjects/s/versions", body: schema, want: 422},
		{name: "global name", path: register("__GLOBAL"), body: schema, want: 422},
		{name: "parent folder", path: "/subjects/../../versions", body: schema, want: 404},
		{name: "parent folder, encoded", path: "/subjects/%2e%2e/%2e%2e/etc/passwd", body: schema, want: 404},
		{name: "file below", method: "GET", path: "/subjects/..%2F..%2F..%2Fetc%2Fpasswd/versions", want: 404},
		{name: "twice encoded", method: "GET", path: "/subjects/..%252F..%252Fetc%252Fpasswd/versions", want: 404},
		{name: "backslash", method: "GET", path: "/subjects/..%5C..%5Cwindows/versions/1", want: 404},
		{name: "many segments", method: "GET", path: "/subjects" + strings.Repeat("/a", 15_000), want: 404},
		{name: "huge version", method: "GET", path: "/subjects/a/versions/99999999999999999999", want: 422},
		{name: "negative version", method: "GET", path: "/subjects/a/versions/-2", want: 422},
		{name: "huge id", method: "GET", path: "/schemas/ids/99999999999999999999", want: 404},
		{name: "id with zero byte", method: "GET", path: "/schemas/ids/1%00", want: 404},
		{name: "no GUID", method: "GET", path: "/schemas/guids/" + strings.Repeat("f", 10_000), want: 404},
		{name: "context with a colon", path: "/contexts/:.a:b/subjects/s/versions", body: schema, want: 400},
		{name: "context with zero byte", path: "/contexts/.a%00/subjects/s/versions", body: schema, want: 422},
		{name: "context in context", path: "/contexts/.a/contexts/.b/subjects/s/versions", body: schema, want: 404},
		{name: "other method", method: "PATCH", path: "/subjects/a", want: 405},
		{name: "TRACE", method: "TRACE", path: "/subjects", want: 405},
		{name: "overflowing page", method: "GET", path: "/subjects?offset=99999999999999999999", want: 404},
		{name: "query with half an escape", method: "GET", path: "/subjects?subjectPrefix=%2", want: 400},
		{name: "20,000 parameters", method: "GET", path: "/subjects?" + strings.Repeat("a&", 20_000), want: 400},
		{name: "many parameters", method: "GET", path: "/subjects/a/metadata?" + strings.Repeat("key=a&value=b&", 3000), want: 404},
	}
}

// attack sends an attack, which must be refused.
func (s *server) attack(t testing.TB, a attack) {
	t.Helper()
	method, path := a.method, a.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/subjects/victim/versions"
	}
	var body io.Reader
	if a.body != nil {
		body = a.body()
	}
	got := s.send(t, method, path, a.header, body)
	if method == "PATCH" || method == "TRACE" { // the protocol has no body there
		if got.status != a.want {
			t.Errorf("%s: %d, want %d", a.name, got.status, a.want)
		}
		return
	}
	if err := got.refused(); err != nil || got.status != a.want {
		t.Errorf("%s: %d %.300s (%d bytes), want %d: %v", a.name, got.status, got.body, len(got.body), a.want, err)
	}
}

// A refused attack leaves nothing: neither state nor memory, and the server goes
// on serving.
func TestCorpus(t *testing.T) {
	s := newServer(t, rest.Options{})
	list := append(append(bodies(), names()...), schemas(t)...)
	s.attack(t, list[0]) // what is made once is made now
	// What is garbage already is not to count: the texts of the attacks alone would
	// let as much of it lie about.
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	before, stop := heap(), peak()
	for _, a := range list {
		s.attack(t, a)
	}
	most := stop()
	t.Logf("heap before %d KiB, most %d KiB", before>>10, most>>10)
	if most > before+80<<20 {
		t.Errorf("the heap grew by %d MiB meanwhile, want at most 80", (most-before)>>20)
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("the heap is %d MiB larger than before, want at most 16", (after-before)>>20)
	}
	if got := s.send(t, http.MethodGet, "/subjects?deleted=true", nil, nil); string(got.body) != "[]" {
		t.Errorf("refused attacks left subjects: %.300s", got.body)
	}
	if got := s.post(t, "/subjects/honest/versions", `{"schema":"\"int\""}`); got.status != 200 || !strings.Contains(string(got.body), `"id":1`) {
		t.Errorf("an honest request afterwards: %d %s, want id 1", got.status, got.body)
	}
}
