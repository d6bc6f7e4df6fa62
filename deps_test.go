// Package wireproof_test holds what is true of the repository as a whole: who
// may import whom, and the budgets of style that can be counted.
package wireproof_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wireproof/wireproof"

// may says what a package may import from this module; "x/..." is everything
// below x. A package may also import its own parent. One without a line may
// import nothing.
var may = map[string]string{
	"lang":              "",
	"event":             "",
	"registry/api":      "",
	"codec/decimal":     "",
	"internal/golden":   "",
	"internal/randavro": "",

	"lang/avro":       "lang",
	"lang/protobuf":   "lang",
	"lang/jsonschema": "lang",
	"lang/all":        "lang lang/...",

	"event/internal/wildcard":     "",
	"event/membus":                "event event/internal/wildcard",
	"event/kafkabus":              "event event/internal/line",
	"event/internal/offsets":      "",
	"event/amqpbus":               "event event/internal/headertext event/internal/line event/internal/offsets",
	"event/eventtest":             "event event/membus",
	"event/dedupe":                "event event/internal/textkey",
	"event/dedupe/redisdedupe":    "event event/dedupe",
	"event/dedupe/dedupetest":     "event",
	"event/internal/record":       "event",
	"event/internal/sqltx":        "",
	"event/internal/textkey":      "",
	"event/inbox":                 "event event/internal/...",
	"event/outbox":                "event event/internal/...",
	"event/outbox/pgwake":         "event event/outbox",
	"event/eventlog":              "event event/internal/...",
	"event/eventlog/sqlstore":     "event/eventlog",
	"event/eventlog/filestore":    "event/eventlog",
	"event/eventlog/eventlogtest": "event event/...",
	"event/sourcing":              "event event/internal/...",
	"event/volatile":              "event",
	"event/internal/line":         "event",
	"event/dlq":                   "event",
	"event/prommetrics":           "event",
	"event/internal/wrap":         "event",
	"event/cloudevents":           "event event/internal/wrap",
	"event/oteltrace":             "event event/internal/wrap",
	"event/claimcheck":            "event event/internal/wrap",
	"event/claimcheck/redisstore": "event/claimcheck",
	"event/internal/headertext":   "event",
	"event/natsbus":               "event event/internal/headertext event/internal/line event/internal/wildcard",
	"event/redisbus":              "event event/internal/line",
	"event/watermillbus":          "event event/internal/offsets",

	"codec/avrowire":   "codec/decimal lang lang/avro",
	"codec/protofast":  "codec/decimal lang",
	"codec":            "codec/... lang lang/avro",
	"codec/hambacodec": "codec/... codec lang lang/avro",

	"compat/rule":          "lang",
	"compat/avrorules":     "compat/rule lang lang/avro",
	"compat/protorules":    "compat/rule compat/validaterules lang lang/protobuf",
	"compat/validaterules": "compat/rule lang lang/protobuf",
	"compat/jsonrules":     "compat/rule lang lang/jsonschema",
	"compat/witness":       "compat/rule lang lang/...",
	"compat":               "compat/... lang lang/...",

	"registry":              "compat compat/rule lang registry/api",
	"registry/client":       "registry/api lang codec",
	"registry/srsource":     "registry/api lang codec",
	"registry/rest":         "registry registry/api lang",
	"registry/memlog":       "registry registry/api lang",
	"registry/sqlitelog":    "registry registry/api lang",
	"registry/pglog":        "registry registry/api lang",
	"registry/kafkalog":     "registry registry/api lang",
	"registry/access":       "registry registry/api",
	"registry/registrytest": "registry registry/... lang lang/all compat",

	"internal/config":   "",
	"internal/topics":   "event event/kafkabus internal/config",
	"internal/catalog":  "internal/config lang lang/...",
	"internal/generate": "internal/catalog internal/config lang lang/...",
	"internal/gate":     "compat compat/... lang lang/... registry/... internal/config internal/catalog",

	"internal/bufconfig": "internal/config",
	"internal/bufgen":    "internal/bufconfig lang lang/protobuf",
	"internal/breaking":  "internal/bufconfig internal/gate compat/rule compat/protorules lang lang/protobuf",

	"internal/registryio": "registry/... codec lang lang/... internal/config internal/catalog compat compat/...",

	"internal/sample":    "codec codec/avrowire lang lang/...",
	"internal/payload":   "codec lang lang/jsonschema lang/protobuf",
	"internal/telemetry": "registry registry/api registry/rest",

	"gen/...":  "codec codec/... event lang gen/...",
	"test/...": "lang test/...",

	"test/faults":    "event event/... test/...",
	"test/nettest":   "event",
	"test/proctest":  "event",
	"test/buforacle": "compat/protorules lang lang/protobuf",
	"examples/...":   "... !cmd/...",
	"cmd/...":        "... !cmd/...",
}

// forbidden gives the reason behind arrows that people try to draw.
var forbidden = []struct{ from, to, why string }{
	{"event/...", "codec/...", "event moves bytes: it must not learn what they mean; generated code joins the two"},
	{"codec/...", "event/...", "codec ties bytes to a schema: it must not learn how they travel"},
	{"codec/...", "lang/protobuf", "a consumer's binary holds no compiler; the outline scan finds the message behind an index"},
	{"codec/...", "registry/...", "a schema source is an interface of codec: a registry is one, a map in a test another"},
	{"lang/avro", "lang/protobuf", "languages do not know one another"},
	{"registry", "lang/avro", "the registry gets its languages from outside"},
	{"registry", "registry/rest", "decisions do not know HTTP"},
	{"...", "cmd/...", "a command is a leaf"},
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Name, Doc                          string
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports,Name,Doc"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pattern == pkg
}

// allowed finds the line for a package: its own, or the longest "x/...".
func allowed(pkg string) (string, bool) {
	if line, ok := may[pkg]; ok {
		return line, true
	}
	best, found := "", false
	for pattern := range may {
		if strings.HasSuffix(pattern, "/...") && matches(pattern, pkg) && len(pattern) > len(best) {
			best, found = pattern, true
		}
	}
	return may[best], found
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		pkg := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if pkg == "" || strings.Contains(pkg, "testdata") || isFixture(pkg) {
			continue
		}
		line, ok := allowed(pkg)
		if !ok {
			t.Errorf("%s has no line in the import table: add one that says what it may know", pkg)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if !ours || to == path.Dir(pkg) || permits(line, to) {
				continue
			}
			t.Errorf("%s must not import %s%s", pkg, to, reason(pkg, to))
		}
	}
}

// isFixture reports whether a package is generated for the generator's tests.
func isFixture(pkg string) bool {
	return strings.HasPrefix(pkg, "internal/generate/")
}

func permits(line, to string) bool {
	ok := false
	for _, pattern := range strings.Fields(line) {
		if not, denied := strings.CutPrefix(pattern, "!"); denied {
			if matches(not, to) {
				return false
			}
		} else if matches(pattern, to) {
			ok = true
		}
	}
	return ok
}

func reason(from, to string) string {
	for _, f := range forbidden {
		if matches(f.from, from) && matches(f.to, to) {
			return ": " + f.why
		}
	}
	return ": arrows only go up the table in deps_test.go"
}

// A service that consumes events links no compiler, no SQL, and none of our
// rules and servers.
func TestConsumerLinksLittle(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "./gen/...", "./event/kafkabus", "./registry/client").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	for _, banned := range []string{
		"github.com/bufbuild/protocompile", "modernc.org/sqlite", "database/sql",
		module + "/lang/protobuf", module + "/compat", module + "/registry", module + "/registry/rest",
		module + "/internal/generate", "github.com/hamba/avro/v2", "github.com/spf13/cobra",
	} {
		if slices.Contains(deps, banned) {
			t.Errorf("a consumer of events links %s", banned)
		}
	}
}

// The core of the runtime needs nothing but the standard library.
func TestEventIsStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./event") {
		for _, imp := range p.Imports {
			if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") {
				t.Errorf("event imports %s; it may import the standard library only", imp)
			}
		}
	}
}
