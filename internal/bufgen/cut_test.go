package bufgen_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/bufgen"
)

// What is left of a file is a schema, also where an excluded type was the only one
// of a oneof or the output of a method.
func TestCutFilesAreSchemas(t *testing.T) {
	t.Parallel()
	got, err := cutGo(t, "exclude_types: [a.Gone, a.S.None]")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"isA_Two", "func (x *A) GetB() string"} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in what is generated:\n%s", want, got)
		}
	}
	if strings.Contains(got, "isA_One") {
		t.Errorf("the oneof without fields is still there")
	}
	if _, err := cutGo(t, "types: [a.S], exclude_types: [a.Gone]"); err != nil {
		t.Error(err)
	}
}

// Names that mean nothing, or what is not there to be asked for, are errors.
func TestTypesThatAreNotThere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ types, want string }{
		{"types: [a.Nothing]", `type "a.Nothing": there is no such message`},
		{"exclude_types: [a.Nothing]", `excluded type "a.Nothing": there is no such`},
		{"types: [a.A.b]", `type "a.A.b": there is no such`},
		{"types: [google.protobuf.Any]", "it is of an imported file"},
		{"types: [a.A], exclude_types: [a]", "it is among the excluded types"},
		{"types: [a], exclude_types: [a]", "it is among the excluded types"},
		{"types: [b]", "b.** means those below it"},
		{`types: ["a.*"]`, "only .** at the end"},
		{"exclude_types: [a.Gone]", "method a.S.None has the output a.Gone, which is excluded"},
	} {
		if _, err := cutGo(t, tt.types); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.types, err, tt.want)
		}
	}
}

// cutGo returns what protoc-gen-go makes of a.proto, cut down.
func cutGo(t *testing.T, types string) (string, error) {
	t.Helper()
	dir := written(t, map[string]string{
		"buf.yaml": "version: v2\n",
		"a.proto": `syntax = "proto3";
package a;
import "google/protobuf/any.proto";
option go_package = "example.com/a";
message Gone { google.protobuf.Any any = 1; }
message A { oneof one { Gone gone = 1; } oneof two { string b = 2; string c = 3; } }
service S { rpc Some(A) returns (A); rpc None(A) returns (Gone); }
`,
		"b/c/c.proto": "syntax = \"proto3\";\npackage b.c;\noption go_package = \"example.com/b/c\";\nmessage C {}\n",
	})
	gen, err := bufconfig.ParseGen("buf.gen.yaml", fmt.Sprintf("version: v2\nplugins:\n  - {local: protoc-gen-go, out: gen, opt: paths=source_relative, %s}\n", types))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufgen.Run(t.Context(), bufgen.Options{Gen: gen, Dir: dir, Stderr: io.Discard}); err != nil {
		return "", err
	}
	return files(t, dir)["gen/a.pb.go"], nil
}
