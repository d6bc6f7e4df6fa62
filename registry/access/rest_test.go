package access_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/access"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// canary is part of every password of these tests.
const canary = "canary-7d1f"

// A protected is a registry behind a guard, with an audit log.
type protected struct {
	*httptest.Server
	audit *access.Audit
	lines *bytes.Buffer // complete once audit is closed
}

func newProtected(t *testing.T, cfg access.Config, users ...string) *protected {
	t.Helper()
	var file strings.Builder
	for _, u := range users {
		name, groups, _ := strings.Cut(u, ":")
		hash, err := bcrypt.GenerateFromPassword([]byte(canary+name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&file, "%s:%s:%s\n", name, hash, groups)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Basic = &access.Basic{File: path}
	guard, err := access.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &protected{lines: &bytes.Buffer{}}
	p.audit = access.NewAudit(p.lines, func(err error) { t.Error(err) })
	reg, err := registry.Open(t.Context(), memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{OnWrite: p.audit.Write})
	if err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(guard.Wrap(rest.New(reg, rest.Options{Access: guard}), rest.Public))
	t.Cleanup(func() {
		p.Close()
		reg.Close()
		p.audit.Close(t.Context())
	})
	return p
}

// ask sends a request as a user; an empty one sends no credentials.
func (p *protected) ask(t *testing.T, user, method, path, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, canary+user)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

const (
	aString = `{"schema":"\"string\""}`
	uses    = `{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"s.S\"}]}","references":[{"name":"s.S","subject":"%s","version":1}]}`
)

// team is a server with users of every kind.
func team(t *testing.T) *protected {
	p := newProtected(t, access.Config{
		Realm:     "registry",
		Anonymous: &access.Anonymous{Groups: []string{"public"}},
		Grants: []access.Grant{
			{Who: []string{"user:root"}, May: []string{"*"}, Subjects: []string{"*"}, Contexts: []string{"*"}},
			{Who: []string{"group:readers"}, May: []string{"read"}, Subjects: []string{"orders.*"}},
			{Who: []string{"user:writer"}, May: []string{"read", "write"}, Subjects: []string{"orders.*"}},
			{Who: []string{"user:cleaner"}, May: []string{"delete"}, Subjects: []string{"orders.*"}},
			{Who: []string{"user:config"}, May: []string{"read", "configure"}, Subjects: []string{"orders.*"}},
			{Who: []string{"user:lead"}, May: []string{"*"}, Subjects: []string{"*"}, Contexts: []string{".team"}},
			{Who: []string{"group:public"}, May: []string{"read"}, Subjects: []string{"open"}},
		},
	}, "root", "reader:x,readers", "writer", "cleaner", "config", "lead", "nobody")
	for _, s := range []string{"orders.a", "orders.b", "secret", "open", ":.team:orders.a", ":.team:t"} {
		if status, answer := p.ask(t, "root", "POST", "/subjects/"+s+"/versions", aString); status != 200 {
			t.Fatalf("%s: %d %s", s, status, answer)
		}
	}
	named := `{"schema":"{\"type\":\"record\",\"name\":\"S\",\"namespace\":\"s\",\"fields\":[]}"}`
	for _, s := range []string{"orders.named", "hidden"} {
		if status, answer := p.ask(t, "root", "POST", "/subjects/"+s+"/versions", named); status != 200 {
			t.Fatalf("%s: %d %s", s, status, answer)
		}
	}
	return p
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	p := team(t)
	for _, c := range []struct {
		user, method, path, body string
		want                     int
	}{
		// Reading, and what only looks like writing.
		{"reader", "GET", "/subjects/orders.a/versions/1", "", 200},
		{"reader", "GET", "/subjects/orders.a/versions", "", 200},
		{"reader", "POST", "/subjects/orders.a", aString, 200},
		{"reader", "POST", "/compatibility/subjects/orders.a/versions/latest", aString, 200},
		{"reader", "GET", "/config/orders.a?defaultToGlobal=true", "", 200},
		{"reader", "GET", "/mode/orders.a?defaultToGlobal=true", "", 200},
		{"reader", "GET", "/config", "", 200},
		{"reader", "GET", "/mode", "", 200},
		{"reader", "GET", "/schemas/types", "", 200},
		{"reader", "GET", "/schemas/ids/1", "", 200},
		{"reader", "GET", "/", "", 200},
		{"reader", "POST", "/subjects/orders.b", fmt.Sprintf(uses, "orders.named"), 404},
		// What readers may not see, whether it is there or not.
		{"reader", "GET", "/subjects/secret/versions/1", "", 403},
		{"reader", "GET", "/subjects/not-there/versions/1", "", 403},
		{"reader", "GET", "/subjects/secret/versions", "", 403},
		{"reader", "POST", "/subjects/secret", aString, 403},
		{"reader", "POST", "/compatibility/subjects/secret/versions", aString, 403},
		{"reader", "GET", "/subjects/secret/versions/1/referencedby", "", 403},
		{"reader", "GET", "/subjects/:.team:orders.a/versions/1", "", 403},
		{"reader", "GET", "/contexts/.team/subjects/orders.a/versions/1", "", 403},
		{"reader", "GET", "/config/secret?defaultToGlobal=true", "", 403},
		{"reader", "GET", "/mode/:.team:", "", 403},
		{"reader", "POST", "/subjects/orders.a", fmt.Sprintf(uses, "hidden"), 403},
		{"reader", "POST", "/compatibility/subjects/orders.a/versions", fmt.Sprintf(uses, "hidden"), 403},
		{"reader", "POST", "/subjects/orders.a", fmt.Sprintf(uses, ":.team:t"), 403},
		// Changes need their verb.
		{"reader", "POST", "/subjects/orders.a/versions", aString, 403},
		{"reader", "DELETE", "/subjects/orders.a", "", 403},
		{"reader", "DELETE", "/subjects/orders.a/versions/1", "", 403},
		{"reader", "PUT", "/config/orders.a", `{"compatibility":"NONE"}`, 403},
		{"reader", "PUT", "/config", `{"compatibility":"NONE"}`, 403},
		{"reader", "PUT", "/mode", `{"mode":"READONLY"}`, 403},
		{"reader", "DELETE", "/mode/orders.a", "", 403},
		{"reader", "DELETE", "/contexts/.team", "", 403},
		{"writer", "POST", "/subjects/orders.a/versions", aString, 200},
		{"writer", "POST", "/subjects/orders.a/versions?force=true", aString, 403},
		{"writer", "POST", "/subjects/orders.a/versions", `{"schema":"\"int\"","id":77,"version":1}`, 403},
		{"writer", "POST", "/subjects/orders.c/versions", fmt.Sprintf(uses, "hidden"), 403},
		{"writer", "POST", "/subjects/orders.c/versions", fmt.Sprintf(uses, "orders.named"), 200},
		{"writer", "POST", "/subjects/secret/versions", aString, 403},
		{"writer", "POST", "/subjects/:.team:orders.a/versions", aString, 403},
		{"writer", "DELETE", "/subjects/orders.a", "", 403},
		{"config", "PUT", "/config/orders.a", `{"compatibility":"NONE"}`, 200},
		{"config", "PUT", "/config", `{"compatibility":"NONE"}`, 403},
		{"config", "PUT", "/config/:.__GLOBAL:", `{"compatibility":"NONE"}`, 403},
		{"config", "PUT", "/mode/orders.a", `{"mode":"READONLY"}`, 403},
		{"cleaner", "GET", "/subjects/orders.b/versions/1", "", 403},
		{"cleaner", "DELETE", "/subjects/orders.b", "", 200},
		{"cleaner", "DELETE", "/subjects/secret", "", 403},
		{"lead", "PUT", "/mode/:.team:", `{"mode":"READONLY"}`, 200},
		{"lead", "DELETE", "/mode/:.team:", "", 200},
		{"lead", "PUT", "/config", `{"compatibility":"NONE"}`, 403},
		{"lead", "GET", "/subjects/secret/versions", "", 403},
		{"nobody", "GET", "/subjects/orders.a/versions", "", 403},
		{"nobody", "GET", "/config", "", 403},
		{"", "GET", "/subjects/open/versions/1", "", 200},
		{"", "GET", "/subjects/orders.a/versions/1", "", 403},
		{"", "GET", "/schemas/ids/1", "", 200}, // open has it too
		{"", "GET", "/schemas/ids/2", "", 403},
		{"", "GET", "/associations/subjects/secret", "", 404},
		{"", "GET", "/dek-registry/v1/keks", "", 404},
		{"root", "PUT", "/config", `{"compatibility":"BACKWARD"}`, 200},
		{"root", "PUT", "/mode/secret", `{"mode":"READONLY"}`, 200},
	} {
		status, answer := p.ask(t, c.user, c.method, c.path, c.body)
		if status != c.want {
			t.Errorf("%s: %s %s = %d %s, want %d", c.user, c.method, c.path, status, answer, c.want)
		}
		if status == 403 && answer != `{"error_code":403,"message":"Forbidden"}` {
			t.Errorf("%s: %s %s says %s", c.user, c.method, c.path, answer)
		}
	}
}

func TestListsShowWhatMayBeRead(t *testing.T) {
	t.Parallel()
	p := team(t)
	for _, c := range []struct{ user, path, want string }{
		{"reader", "/subjects", `["orders.a","orders.b","orders.named"]`},
		{"reader", "/subjects?subjectPrefix=:*:", `["orders.a","orders.b","orders.named"]`},
		{"reader", "/subjects?subjectPrefix=:.team:", `[]`},
		{"reader", "/contexts", `["."]`},
		{"lead", "/contexts", `[".",".team"]`},
		{"lead", "/subjects?subjectPrefix=:.team:", `[":.team:orders.a",":.team:t"]`},
		{"", "/subjects", `["open"]`},
		{"nobody", "/subjects", `[]`},
		{"nobody", "/contexts", `[]`},
		{"reader", "/schemas/ids/1/subjects", `["orders.a","orders.b"]`},
		{"reader", "/schemas/ids/1/versions", `[{"subject":"orders.a","version":1},{"subject":"orders.b","version":1}]`},
		{"", "/schemas/ids/1/subjects", `["open"]`},
		{"root", "/contexts", `[".",".team"]`},
	} {
		if status, answer := p.ask(t, c.user, "GET", c.path, ""); status != 200 || answer != c.want {
			t.Errorf("%s: GET %s = %d %s, want %s", c.user, c.path, status, answer, c.want)
		}
	}
	for user, want := range map[string]int{"reader": 3, "": 1, "nobody": 0, "root": 6} {
		status, answer := p.ask(t, user, "GET", "/schemas", "")
		var all []struct{ Subject string }
		if err := json.Unmarshal([]byte(answer), &all); err != nil || status != 200 || len(all) != want {
			t.Errorf("%s: GET /schemas = %d %s, want %d", user, status, answer, want)
		}
	}
}

// What another context holds under a name is not there for who may not read it,
// and an id that several subjects share names none that is hidden.
func TestOtherContextsAreNotThere(t *testing.T) {
	t.Parallel()
	p := team(t)
	guid := func(subject, schema string) string {
		t.Helper()
		_, answer := p.ask(t, "root", "POST", "/subjects/"+subject+"/versions", schema)
		var v struct{ GUID string }
		if err := json.Unmarshal([]byte(answer), &v); err != nil || v.GUID == "" {
			t.Fatalf("%s: %s, %v", subject, answer, err)
		}
		return v.GUID
	}
	const aDouble = `{"schema":"\"double\""}`
	guid(":.team:orders.z", aString)
	both := guid("secret2", aDouble)
	guid(":.team:own", aDouble)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/subjects/orders.%s/versions/1", ""}, {"POST", "/subjects/orders.%s", aString},
		{"POST", "/subjects/orders.%s", `{"schema":"\"long\""}`}, {"GET", "/subjects/orders.%s/metadata", ""},
		{"POST", "/subjects/orders.%s", fmt.Sprintf(uses, "orders.named")},
	} {
		there, one := p.ask(t, "reader", c.method, fmt.Sprintf(c.path, "z"), c.body)
		missing, other := p.ask(t, "reader", c.method, fmt.Sprintf(c.path, "y"), c.body)
		if there != missing || strings.ReplaceAll(one, "orders.z", "orders.y") != other {
			t.Errorf("%s %s: %d %s where it is hidden, %d %s where there is none", c.method, c.path, there, one, missing, other)
		}
	}
	if _, answer := p.ask(t, "reader", "POST", "/subjects/orders.a", fmt.Sprintf(uses, "orders.named")); strings.Contains(answer, ".team") {
		t.Errorf("an error names another context: %s", answer)
	}
	if status, answer := p.ask(t, "reader", "GET", "/schemas/ids/1?subject=orders.z", ""); status != 200 || strings.Contains(answer, "open") {
		t.Errorf("an id names a hidden subject: %d %s", status, answer)
	}
	if status, answer := p.ask(t, "lead", "GET", "/schemas/guids/"+both, ""); status != 200 {
		t.Errorf("a GUID that may be read in one of two contexts: %d %s", status, answer)
	}
	if status, answer := p.ask(t, "lead", "GET", "/schemas/guids/"+both+"/ids", ""); status != 200 || answer != `[{"context":".team","id":2}]` {
		t.Errorf("the ids of that GUID: %d %s", status, answer)
	}
}

// Every change and every attempt is in the audit log, with who tried it, and no
// password is there, in an answer or in an error.
func TestAuditOfAServer(t *testing.T) {
	t.Parallel()
	p := newProtected(t, access.Config{Grants: []access.Grant{
		{Who: []string{"user:alice"}, May: []string{"*"}, Subjects: []string{"*"}, Contexts: []string{"*"}},
	}}, "alice")
	for _, c := range [][4]string{
		{"alice", "POST", "/subjects/s/versions", aString},
		{"alice", "POST", "/subjects/s/versions", `{"schema":"\"int\""}`},
		{"alice", "PUT", "/config/s", `{"compatibility":"NONE"}`},
		{"alice", "PUT", "/mode/s", `{"mode":"READONLY"}`},
		{"alice", "POST", "/subjects/s/versions", `{"schema":"\"int\""}`},
		{"alice", "DELETE", "/mode/s", ""},
		{"alice", "DELETE", "/subjects/s/versions/1", ""},
		{"mallory", "DELETE", "/subjects/s", ""},
	} {
		if _, answer := p.ask(t, c[0], c[1], c[2], c[3]); strings.Contains(answer, canary) {
			t.Errorf("%v: a password is in the answer %s", c, answer)
		}
	}
	if err := p.audit.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Who, How, Remote, Action, Subject, Before, After, Result string
		RequestID                                                string `json:"request_id"`
		Version, ID                                              int
		ErrorCode                                                int `json:"error_code"`
	}
	var got []line
	for dec := json.NewDecoder(bytes.NewReader(p.lines.Bytes())); dec.More(); {
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Who != "alice" || l.How != "basic" || l.Remote != "127.0.0.1" || l.RequestID == "" || l.Subject != "s" {
			t.Errorf("line %+v", l)
		}
		got = append(got, l)
	}
	if len(got) != 7 {
		t.Fatalf("%d lines, want 7:\n%s", len(got), p.lines)
	}
	first, refused := got[0], got[1]
	if first.Result != "ok" || first.Before != "" || first.After == "" || first.Version != 1 || first.ID != 1 {
		t.Errorf("the first registration: %+v", first)
	}
	if refused.Result != "refused" || refused.ErrorCode != 40901 || refused.Before != first.After || refused.After != "" && refused.After != first.After {
		t.Errorf("the refused registration: %+v", refused)
	}
	if got[4].Result != "refused" || got[4].ErrorCode != 42205 {
		t.Errorf("the registration in read-only mode: %+v", got[4])
	}
	for _, secret := range []string{canary, base64.StdEncoding.EncodeToString([]byte("alice:" + canary + "alice"))} {
		if strings.Contains(p.lines.String(), secret) {
			t.Error("a secret is in the audit log")
		}
	}
}
