package breaking_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wireproof/wireproof/internal/breaking"
)

// randomTree makes a folder of schemas that import one another, some in the package
// of others.
func randomTree(rng *rand.Rand) map[string]string {
	files := map[string]string{"buf.yaml": "version: v2\nbreaking:\n  use: [FILE, PACKAGE, WIRE_JSON, WIRE]\n"}
	var paths []string
	for i := range 12 {
		pkg := fmt.Sprintf("p%d.v1", i%5)
		var b strings.Builder
		fmt.Fprintf(&b, "syntax = \"proto3\";\n// File %d.\npackage %s;\n", i, pkg)
		var types []string
		for _, j := range rng.Perm(i)[:min(i, 2)] {
			fmt.Fprintf(&b, "import %s\"%s\";\n", []string{"", "public "}[rng.IntN(2)], paths[j])
			types = append(types, fmt.Sprintf("p%d.v1.M%d", j%5, j), fmt.Sprintf("p%d.v1.E%d", j%5, j))
		}
		fmt.Fprintf(&b, "enum E%d {\n  E%d_A = 0;\n  E%d_B = 1;\n}\nmessage M%d {\n", i, i, i, i)
		for n, typ := range append(types, "string", "int32", "bytes", fmt.Sprintf("E%d", i)) {
			fmt.Fprintf(&b, "  %s f%d = %d;\n", typ, n, n+1)
		}
		fmt.Fprintf(&b, "  message N { bool b = 1; }\n  oneof o { int64 x = 20; string y = 21; }\n  reserved 30 to 40;\n}\n")
		fmt.Fprintf(&b, "service S%d {\n  rpc R(M%d) returns (M%d);\n}\n", i, i, i)
		path := fmt.Sprintf("p%d/v1/f%d.proto", i%5, i)
		paths = append(paths, path)
		files[path] = b.String()
	}
	return files
}

// mutations change the text of a file. Some make it wrong.
var mutations = []func(text string) string{
	func(s string) string { return strings.Replace(s, " = 20;", " = 22;", 1) },
	func(s string) string { return strings.Replace(s, "int32", "int64", 1) },
	func(s string) string { return strings.Replace(s, "string f", "repeated string f", 1) },
	func(s string) string { return strings.Replace(s, "message N { bool b = 1; }", "", 1) },
	func(s string) string { return strings.Replace(s, "_B = 1", "_C = 1", 1) },
	func(s string) string { return strings.Replace(s, "30 to 40", "30 to 35", 1) },
	func(s string) string { return strings.Replace(s, "returns (M", "returns (stream M", 1) },
	func(s string) string { return s[:strings.Index(s, "service ")] },
	func(s string) string { return s + "message Added {}\n" },
	// In one of the packages there is such a name already, in another file.
	func(s string) string { return s + "message M5 {}\n" },
	func(s string) string { return s + "enum Again { AGAIN = 0; E6_B = 1; }\n" },
	func(s string) string { return s + "service S7 {}\n" },
	func(s string) string { return strings.ReplaceAll(s, "// File", "// Comment of file") },
	func(s string) string {
		return strings.Replace(s, "proto3\";", "proto3\";\noption java_package = \"x\";", 1)
	},
	func(s string) string { return strings.Replace(s, "package p", "package q.p", 1) },
	func(s string) string { return strings.Replace(s, "message M", "message Moved", 1) },
	func(s string) string { return strings.Replace(s, "enum E", "message Wrong {", 1) },
}

func mutate(rng *rand.Rand, files map[string]string) map[string]string {
	out := maps.Clone(files)
	paths := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(p string) bool { return p == "buf.yaml" })
	for range 1 + rng.IntN(3) {
		path := paths[rng.IntN(len(paths))]
		text, ok := out[path]
		switch n := rng.IntN(len(mutations) + 3); {
		case !ok:
		case n < len(mutations):
			if i := strings.Index(text, "service "); i >= 0 || n != 7 {
				out[path] = mutations[n](text)
			}
		case n == len(mutations):
			delete(out, path)
		case n == len(mutations)+1: // moved to another file
			delete(out, path)
			out[strings.Replace(path, "/f", "/moved", 1)] = text
		default:
			out["p9/v1/new.proto"] = "syntax = \"proto3\"; package p9.v1; import \"" + path + "\";"
		}
	}
	return out
}

func writeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t testing.TB, o breaking.Options, against string) *breaking.Result {
	t.Helper()
	var err error
	if o.Input, err = breaking.ParseInput(".", o.Dir); err != nil {
		t.Fatal(err)
	}
	if o.Against, err = breaking.ParseInput(against, o.Dir); err != nil {
		t.Fatal(err)
	}
	r, err := breaking.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Compiling what changed, or that in parts, finds what compiling everything finds.
func TestClosureIsEnough(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	less, findings, mistakes := 0, 0, 0
	for i := range 40 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		old := randomTree(rng)
		older, newer := writeTree(t, old), writeTree(t, mutate(rng, old))
		want := run(t, breaking.Options{Dir: newer, Full: true, BatchSize: 1 << 30}, older)
		closure := run(t, breaking.Options{Dir: newer}, older)
		parts := run(t, breaking.Options{Dir: newer, BatchSize: 1}, older)
		for name, got := range map[string]*breaking.Result{"what changed": closure, "what changed in parts": parts} {
			if diff := cmp.Diff(want.Annotations, got.Annotations, cmpopts.IgnoreFields(breaking.Annotation{}, "Finding")); diff != "" {
				t.Fatalf("seed %d, pair %d: compiling %s differs from compiling everything:\n%s", seed, i, name, diff)
			}
		}
		if closure.Compiled < want.Compiled {
			less++
		}
		for _, a := range want.Annotations {
			if a.Type == "COMPILE" {
				mistakes++
			} else {
				findings++
			}
		}
	}
	t.Logf("less was compiled for %d pairs; %d findings, %d mistakes", less, findings, mistakes)
	if less == 0 || findings == 0 || mistakes == 0 {
		t.Error("the pairs are too much alike")
	}
}
