package protorules_test

import (
	"io/fs"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func lintImage(t *testing.T, texts map[string]string) *protobuf.Image {
	t.Helper()
	var targets []string
	for name := range texts {
		targets = append(targets, name)
	}
	slices.Sort(targets)
	im, err := protobuf.CompileImage(t.Context(), targets, func(path string) (string, error) {
		if text, ok := texts[path]; ok {
			return text, nil
		}
		return "", fs.ErrNotExist
	}, protobuf.ImageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func lintFired(im *protobuf.Image, o protorules.LintOptions) map[string]bool {
	all := protorules.LintSet{}
	for _, r := range protorules.LintRules() {
		all[r.ID] = true
	}
	fired := map[string]bool{}
	for _, f := range protorules.Lint(im, all, o) {
		fired[f.Rule.ID] = true
	}
	return fired
}

// The fixture fires every rule but those that it names; a tidy workspace fires
// none. That places and words are Buf's is compared in test/buforacle.
func TestLintRulesFire(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/lint/all.txtar")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"descriptor.proto": "syntax = \"proto3\"; message M { string _Descriptor = 1; }",
		"csharp/a.proto": "syntax = \"proto3\"; package q; option csharp_namespace = \"A\"; option java_package = \"A\"; option ruby_package = \"A\"; option swift_prefix = \"A\";",
		"csharp/b.proto": "syntax = \"proto3\"; package q;",
		// An option by its number alone, so that it needs no file of others.
		"own/validate.proto": `syntax = "proto2"; package own; import "google/protobuf/descriptor.proto";
message R { optional S string = 14; message S { optional uint64 min_len = 2; optional uint64 max_len = 3; } }
extend google.protobuf.FieldOptions { optional R field = 1159; }
message C { optional string s = 1 [(field).string.min_len = 2, (field).string.max_len = 1]; }`}
	for _, f := range archive.Files {
		texts[f.Name] = string(f.Data)
	}
	fired := lintFired(lintImage(t, texts), protorules.LintOptions{})
	for _, r := range protorules.LintRules() {
		if !fired[r.ID] {
			t.Errorf("%s does not fire", r.ID)
		}
	}
	tidy := map[string]string{"o/v1/o.proto": `syntax = "proto3";
package o.v1;
// A state.
enum State {
  // Not set.
  STATE_UNSPECIFIED = 0;
}
// A request.
message GetRequest {
  // The state.
  State state = 1;
}
// A response.
message GetResponse {}
// A service.
service OService {
  // Gets.
  rpc Get(GetRequest) returns (GetResponse);
}
`}
	if fired := lintFired(lintImage(t, tidy), protorules.LintOptions{}); len(fired) > 0 {
		t.Errorf("a tidy file fires %v", fired)
	}
	other := protorules.LintOptions{EnumZeroValueSuffix: "_NONE", ServiceSuffix: "API"}
	if fired := lintFired(lintImage(t, tidy), other); len(fired) != 2 || !fired["ENUM_ZERO_VALUE_SUFFIX"] || !fired["SERVICE_SUFFIX"] {
		t.Errorf("with other suffixes: %v", fired)
	}
}

func TestLintEmptyMessages(t *testing.T) {
	t.Parallel()
	im := lintImage(t, map[string]string{"a.proto": `syntax = "proto3";
import "google/protobuf/empty.proto";
service S {
  rpc A(google.protobuf.Empty) returns (google.protobuf.Empty);
  rpc B(google.protobuf.Empty) returns (google.protobuf.Empty);
}
`})
	count := func(o protorules.LintOptions) int {
		return len(protorules.Lint(im, protorules.LintSet{"RPC_REQUEST_RESPONSE_UNIQUE": true}, o))
	}
	both := protorules.LintOptions{RPCAllowGoogleProtobufEmptyRequests: true, RPCAllowGoogleProtobufEmptyResponses: true}
	for want, o := range map[int]protorules.LintOptions{4: {}, 2: {RPCAllowSameRequestResponse: true}, 0: both} {
		if got := count(o); got != want {
			t.Errorf("%+v: %d findings, want %d", o, got, want)
		}
	}
}

func TestSelectLint(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"v1beta1": 30, "v1": 33, "v2": 35} {
		set, err := protorules.SelectLint(version, nil, nil)
		if err != nil || len(set) != want {
			t.Errorf("%s: %d rules and %v, want %d", version, len(set), err, want)
		}
	}
	set, err := protorules.SelectLint("v2", []string{"MINIMAL", "COMMENT_ENUM"}, []string{"PACKAGE_DEFINED"})
	if err != nil || len(set) != 5 || set["PACKAGE_DEFINED"] || !set["COMMENT_ENUM"] {
		t.Errorf("%v, %v", set, err)
	}
	if _, err := protorules.SelectLint("v2", []string{"FIELD_NO_DESCRIPTOR"}, nil); err == nil {
		t.Error("v2 knows FIELD_NO_DESCRIPTOR")
	}
	for _, use := range []string{"PACKAGE_DEFINED", "IMPORT_NO_WEAK"} {
		if set, err := protorules.SelectLint("v2", []string{use}, []string{"PACKAGE_DEFINED"}); err == nil {
			t.Errorf("%s without PACKAGE_DEFINED: %v, want an error", use, set)
		}
	}
}
