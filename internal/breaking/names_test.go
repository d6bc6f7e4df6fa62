package breaking

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestTopNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "",
		"package a; message M { message N { enum E { X = 0; } } enum F { Y = 0; } oneof o { int32 q = 1; } }": "M",
		"enum E { option allow_alias = true; reserved 9; A = 0 [deprecated = true]; /* B = 1; */ C = -1; }":   "A C E",
		"service S { rpc R(M) returns (N) { option (x) = {a: 1}; } } message T {}":                            "S T",
		"extend google.protobuf.FieldOptions { optional string x = 5; repeated M y = 6 [(z) = 1]; }":          "x y",
		"// message No {}\noption (a) = {message: \"message No {\"}; message Yes {}":                          "Yes",
		"export message M {} local enum E { V = 0; }":                                                         "E M V",
		"message":         "",
		"enum E {":        "E",
		"}}} message M {": "M",
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(topNames([]byte(text)))), " "); got != want {
			t.Errorf("topNames(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzTopNames(f *testing.F) {
	f.Add([]byte("message M { int32 a = 1; } enum E { A = 0; } extend M { int32 b = 9; }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for name := range topNames(text) {
			if !strings.Contains(string(text), name) {
				t.Errorf("%q is not in %q", name, text)
			}
		}
	})
}
