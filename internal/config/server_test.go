package config_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/config"
)

// writeFile writes a settings file and returns its path.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registry.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, src config.ServerSource) *config.Server {
	t.Helper()
	s, err := config.LoadServer(src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setting returns the value and the origin of a key as they are shown.
func setting(s *config.Server, key string) (value, origin string) {
	for _, x := range s.Settings() {
		if x.Key == key {
			return x.Value, x.Origin
		}
	}
	return "", ""
}

// Flags beat the environment, which beats the file, which beats the defaults.
func TestServerPrecedence(t *testing.T) {
	t.Parallel()
	const own, confluent = "WIREPROOF_SERVE_COMPATIBILITY=FULL", "SCHEMA_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL=forward"
	path := writeFile(t, "version: 1\ncompatibility: NONE\n")
	flag := []config.Setting{{Key: "compatibility", Value: "full_transitive", Origin: "--compatibility"}}
	for _, tt := range []struct {
		name          string
		src           config.ServerSource
		value, origin string
	}{
		{"default", config.ServerSource{}, "BACKWARD", "default"},
		{"file", config.ServerSource{Path: path}, "NONE", path + ":2"},
		{"Confluent's variable", config.ServerSource{Path: path, Env: []string{confluent}}, "FORWARD", "$SCHEMA_REGISTRY_SCHEMA_COMPATIBILITY_LEVEL"},
		{"our variable", config.ServerSource{Path: path, Env: []string{own, confluent}}, "FULL", "$WIREPROOF_SERVE_COMPATIBILITY"},
		{"flag", config.ServerSource{Path: path, Env: []string{own, confluent}, Flags: flag}, "FULL_TRANSITIVE", "--compatibility"},
		{"empty variable", config.ServerSource{Path: path, Env: []string{"WIREPROOF_SERVE_COMPATIBILITY="}}, "NONE", path + ":2"},
		{"flag over default", config.ServerSource{Flags: flag}, "FULL_TRANSITIVE", "--compatibility"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value, origin := setting(load(t, tt.src), "compatibility")
			if value != tt.value || origin != tt.origin {
				t.Errorf("compatibility = %s from %s, want %s from %s", value, origin, tt.value, tt.origin)
			}
		})
	}
}

const fullServer = `version: 1
listen: 0.0.0.0:8081
store:
  kind: postgres
  postgres: { url_file: secrets/url, schema: reg }
limits: { body: 8MiB, time: 30s, references: 10 }
tls: { cert: tls/cert.pem, key: /etc/key.pem, client_ca: ca.pem, min_version: 1.3 }
auth:
  basic: { file: users }
  mtls: { groups: { robot: [writers, readers] } }
  anonymous: {}
  grants:
    - { who: ["*"], may: [read], subjects: ["*"] }
    - who: [group:writers]
      may: [read, write]
      subjects: [orders-*]
      contexts: [".eu"]
  rate_limit: { per_second: 2.5 }
traces: { endpoint: "http://127.0.0.1:4318", sample: 0.25 }
shutdown: { delay: 5s }
`

func TestServerFile(t *testing.T) {
	t.Parallel()
	path := writeFile(t, fullServer)
	s := load(t, config.ServerSource{Path: path})
	dir := filepath.Dir(path)
	want := config.Auth{
		Basic:     &config.BasicAuth{File: filepath.Join(dir, "users")},
		MTLS:      &config.MTLSAuth{Groups: map[string][]string{"robot": {"writers", "readers"}}},
		Anonymous: &config.AnonymousAuth{},
		Grants: []config.Grant{
			{Who: []string{"*"}, May: []string{"read"}, Subjects: []string{"*"}},
			{Who: []string{"group:writers"}, May: []string{"read", "write"}, Subjects: []string{"orders-*"}, Contexts: []string{".eu"}},
		},
		RateLimit: &config.RateLimit{PerSecond: 2.5},
	}
	if diff := cmp.Diff(want, s.Auth); diff != "" {
		t.Errorf("auth (-want +got):\n%s", diff)
	}
	if s.Store.Postgres.URLFile != filepath.Join(dir, "secrets/url") || s.TLS.Cert != filepath.Join(dir, "tls/cert.pem") || s.TLS.Key != "/etc/key.pem" {
		t.Errorf("paths = %s, %s, %s, want them relative to the file", s.Store.Postgres.URLFile, s.TLS.Cert, s.TLS.Key)
	}
	if s.Limits.Body != 8<<20 || time.Duration(s.Limits.Time) != 30*time.Second || s.Limits.Closure != 8<<20 || s.TLS.MinVersion != "1.3" {
		t.Errorf("limits = %+v, TLS %s", s.Limits, s.TLS.MinVersion)
	}
	if time.Duration(s.Shutdown.Delay) != 5*time.Second || time.Duration(s.Shutdown.Grace) != 10*time.Second {
		t.Errorf("shutdown = %+v, want the default beside what the file says", s.Shutdown)
	}
	if _, origin := setting(s, "auth.anonymous"); origin != path+":11" {
		t.Errorf("origin of auth.anonymous = %s, want line 11", origin)
	}
}

// Each mistake in the file is named with its place and what was expected.
func TestServerFileMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "lisen: x\n", `registry.yaml:1:1: unknown key "lisen", did you mean "listen"?`},
		{"unknown nested key", "store:\n  sqlite: { dirr: x }\n", `registry.yaml:2:13: unknown key "store.sqlite.dirr", did you mean "dir"?`},
		{"unknown key of auth", "auth: { basic: { fiel: x } }\n", `did you mean "file"?`},
		{"wrong value", "store: { kind: postgre }\n", `store.kind is "postgre", did you mean "postgres"?`},
		{"number where an enum is", "tls: { min_version: 1.4 }\n", `tls.min_version is "1.4"`},
		{"duration", "shutdown: { grace: 10 }\n", `shutdown.grace is "10"; expected a duration such as 10s`},
		{"negative duration", "shutdown: { grace: -1s }\n", "expected a duration"},
		{"size", "limits:\n  body: lots\n", `registry.yaml:2:9: limits.body is "lots"; expected a number of bytes such as 4MiB`},
		{"zero", "limits: { text: 0 }\n", "limits.text is 0; expected more"},
		{"huge size", "limits: { body: 999999999999GiB }\n", "expected a number of bytes"},
		{"part", "traces: { sample: 2 }\n", "traces.sample is 2; expected 0 to 1"},
		{"list where a number is", "limits: { body: [1] }\n", "limits.body is a list; expected a number of bytes"},
		{"address", "listen: '8081'\n", `registry.yaml:1:9: listen is "8081"; expected host:port`},
		{"port", "listen: 'x:99999'\n", `listen has port "99999"; expected a number from 0 to 65535`},
		{"same address twice", "listen: 'x:1'\nadmin: { listen: 'x:1' }\n", "registry.yaml:2:18: admin.listen is"},
		{"half of a certificate", "tls: { cert: a.pem }\n", "tls.cert and tls.key belong together"},
		{"mTLS without authority", "auth: { mtls: {} }\n", "auth.mtls needs tls.client_ca"},
		{"basic without file", "auth: { basic: {} }\n", "auth.basic has no file"},
		{"bearer without issuer", "auth: { bearer: {} }\n", "auth.bearer has no issuer"},
		{"kafka without brokers", "store: { kind: kafka }\n", "store.kafka.brokers is empty"},
		{"wrong version", "version: 2\n", "version is 2; this program reads version 1"},
		{"two documents", "a: 1\n---\nb: 1\n", "expected one YAML document"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.LoadServer(config.ServerSource{Path: writeFile(t, tt.text)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("LoadServer error = %v, want it to contain %q", err, tt.want)
			}
		})
	}
	_, err := config.LoadServer(config.ServerSource{Path: filepath.Join(t.TempDir(), "none.yaml")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want that there is no file", err)
	}
}

// A secret in the place of the name of one is not repeated.
func TestServerSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	const secret = "postgres://ann:canary@db/x"
	for _, src := range []config.ServerSource{
		{Path: writeFile(t, "store:\n  postgres: { url_env: '"+secret+"' }\n")},
		{Path: writeFile(t, "advertise: http://ann:canary@h:1\n")},
		{Path: writeFile(t, "traces: { endpoint: 'http://ann:canary@h:1' }\n")},
		{Env: []string{"WIREPROOF_SERVE_STORE_POSTGRES_URL_ENV=" + secret}},
		{Env: []string{"WIREPROOF_SERVE_ADVERTISE=http://ann:canary@h:1"}},
		{Flags: []config.Setting{{Key: "store.kafka.password_env", Value: "canary!", Origin: "--set"}}},
		{Flags: []config.Setting{{Key: "auth.bearer", Value: "{issuer: x, jwks_url: 'http://ann:canary@h/'}", Origin: "--set"}}},
	} {
		_, err := config.LoadServer(src)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("error = %v, want one without the secret", err)
		}
	}
	s := load(t, config.ServerSource{Env: []string{"WIREPROOF_SERVE_STORE_POSTGRES_SCHEMA=https://ann:canary@h/x"}})
	if value, _ := setting(s, "store.postgres.schema"); strings.Contains(value, "canary") {
		t.Errorf("Settings shows %s", value)
	}
}

// Every setting can be given by its variable and by --set, and says so.
func TestEverySettingHasAVariable(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"version": "1", "listen": "127.0.0.1:1", "admin.listen": "127.0.0.1:2", "advertise": "http://h:1", "traces.endpoint": "http://h:2", "traces.sample": "0.5",
		"store.open_timeout": "2s", "store.kafka.brokers": "a:1,b:2", "auth.trusted_proxies": "10.0.0.0/8,::1",
		"auth.grants": `[{who: ["*"], may: [read], subjects: ["*"]}]`, "auth.mtls.groups": "{ann: [x]}", "auth.mtls": "{name: dns}",
		"auth.basic": "{file: /x}", "auth.bearer": "{issuer: x}", "auth.anonymous": "{groups: [g]}", "auth.rate_limit": "{per_second: 1}", "auth.bearer.jwks_url": "http://h/",
	}
	var env []string
	var flags []config.Setting
	all := config.ServerVariables()
	for _, v := range all {
		value, ok := values[v.Key]
		switch {
		case ok:
		case v.Values != nil:
			value = v.Values[len(v.Values)-1]
		case v.Default == "true" || v.Default == "false":
			value = map[string]string{"true": "false", "false": "true"}[v.Default]
		case strings.HasPrefix(v.Key, "limits.") || strings.HasPrefix(v.Key, "auth.rate_limit."):
			value = "7"
		default:
			value = "word"
		}
		if v.Key == "limits.time" || strings.HasPrefix(v.Key, "shutdown.") || v.Key == "auth.bearer.leeway" {
			value = "7s"
		}
		if v.Doc == "" {
			t.Errorf("%s has no doc", v.Key)
		}
		env = append(env, v.Name+"="+value)
		flags = append(flags, config.Setting{Key: v.Key, Value: value, Origin: "--set"})
	}
	byEnv, byFlag := load(t, config.ServerSource{Env: env}), load(t, config.ServerSource{Flags: flags})
	for _, v := range all {
		if got := byEnv.Origin(v.Key); got != "$"+v.Name {
			t.Errorf("%s comes from %s, want $%s", v.Key, got, v.Name)
		}
	}
	strip := func(s *config.Server) (out []config.Setting) {
		for _, x := range s.Settings() {
			out = append(out, config.Setting{Key: x.Key, Value: x.Value})
		}
		return out
	}
	if diff := cmp.Diff(strip(byEnv), strip(byFlag)); diff != "" {
		t.Errorf("environment and flags differ (-env +flag):\n%s", diff)
	}
	if !slices.Equal(byEnv.Store.Kafka.Brokers, []string{"a:1", "b:2"}) || byEnv.Auth.Grants[0].May[0] != "read" || byEnv.Auth.MTLS.Groups["ann"][0] != "x" {
		t.Errorf("lists = %v, %v, %v", byEnv.Store.Kafka.Brokers, byEnv.Auth.Grants, byEnv.Auth.MTLS)
	}
}

func TestServerVariableMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ env, want string }{
		{"WIREPROOF_SERVE_LISTENN=x", "$WIREPROOF_SERVE_LISTENN: there is no such setting, did you mean \"WIREPROOF_SERVE_LISTEN\"?"},
		{"WIREPROOF_SERVE_SHUTDOWN_GRACE=soon", `$WIREPROOF_SERVE_SHUTDOWN_GRACE: shutdown.grace is "soon"; expected a duration`},
		{"WIREPROOF_SERVE_AUTH_GRANTS=[{whom: x}]", `unknown key`},
		{"WIREPROOF_SERVE_AUTH_GRANTS=[", "auth.grants is not as expected"},
		{"WIREPROOF_SERVE_LISTEN=8081", `$WIREPROOF_SERVE_LISTEN: listen is "8081"; expected host:port`},
		{"WIREPROOF_SERVE_MODE_MUTABILITY=maybe", "expected true or false"},
		{"WIREPROOF_SERVE_STORE_KIND=mysql", "expected sqlite, memory, postgres, kafka"},
		{"WIREPROOF_SERVE_TRACES_SAMPLE=NaN", "expected a number"},
	} {
		_, err := config.LoadServer(config.ServerSource{Env: []string{tt.env}})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want it to contain %q", tt.env, err, tt.want)
		}
	}
	// Kubernetes sets these for a service of this name.
	load(t, config.ServerSource{Env: []string{"WIREPROOF_SERVE_SERVICE_HOST=10.0.0.1", "WIREPROOF_SERVE_PORT=tcp://10.0.0.1:8081", "WIREPROOF_SERVE_PORT_8081_TCP_ADDR=10.0.0.1"}})
	if _, err := config.LoadServer(config.ServerSource{Flags: []config.Setting{{Key: "listn", Value: "x", Origin: "--set"}}}); err == nil || !strings.Contains(err.Error(), `--set: unknown setting "listn", did you mean "listen"?`) {
		t.Errorf("error = %v, want a suggestion", err)
	}
}

func TestServerSchemaKnowsEveryKey(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(config.ServerJSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, v := range config.ServerVariables() {
		at := schema
		for part := range strings.SplitSeq(v.Key, ".") {
			next, ok := at["properties"].(map[string]any)[part].(map[string]any)
			if !ok {
				t.Fatalf("the schema has no %s; it has %v", v.Key, slices.Sorted(maps.Keys(at)))
			}
			at = next
		}
	}
}

// Either there are settings or an error, and what the file says is what is shown.
func FuzzLoadServer(f *testing.F) {
	f.Add(fullServer)
	f.Add("auth: { grants: [[]], mtls: { groups: { a: [1] } } }")
	f.Add("limits: { body: 0x10, time: 1h1m }")
	f.Add("? a\n: b")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := config.LoadServer(config.ServerSource{Path: path})
		if (s == nil) == (err == nil) {
			t.Fatalf("LoadServer(%q) = %v, %v: exactly one is expected", text, s, err)
		}
		if s != nil && len(s.Settings()) == 0 {
			t.Fatalf("LoadServer(%q) shows nothing", text)
		}
	})
}

// A list of text is written with commas, or in brackets as in a file.
func TestServerLists(t *testing.T) {
	t.Parallel()
	const want = "[10.0.0.1, 10.0.0.2]"
	for _, text := range []string{"10.0.0.1,10.0.0.2", " 10.0.0.1 , 10.0.0.2,", "[10.0.0.1, 10.0.0.2]", `["10.0.0.1", '10.0.0.2']`} {
		got, _ := setting(load(t, config.ServerSource{Flags: []config.Setting{{Key: "auth.trusted_proxies", Value: text, Origin: "--set"}}}), "auth.trusted_proxies")
		if got != want {
			t.Errorf("%s is the list %s, want %s", text, got, want)
		}
	}
}
