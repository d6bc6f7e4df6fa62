package protorules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// tree makes files of about 230 lines each, in packages of ten files.
func tree(files int, change func(file int, text string) string) map[string]string {
	out := map[string]string{}
	for i := range files {
		var b strings.Builder
		fmt.Fprintf(&b, "syntax = \"proto3\";\npackage tree.p%d;\nimport \"google/protobuf/timestamp.proto\";\n", i/10)
		fmt.Fprintf(&b, "option go_package = \"example.com/tree/p%d\";\noption java_package = \"com.example.p%d\";\n", i/10, i/10)
		for m := range 6 {
			fmt.Fprintf(&b, "// M is a message.\nmessage M%dx%d {\n", i, m)
			for f := range 10 {
				fmt.Fprintf(&b, "  // Field of a message, which says what it is for,\n  // and what is to be known about it.\n  string field_%d = %d;\n", f, f+1)
			}
			fmt.Fprintf(&b, "  google.protobuf.Timestamp at = 11;\n  map<string, E%d> by = 12;\n  oneof pick { int64 a = 13; bytes b = 14; }\n}\n", i)
		}
		fmt.Fprintf(&b, "enum E%d {\n  E%d_NONE = 0;\n  E%d_ONE = 1;\n}\n", i, i, i)
		path := fmt.Sprintf("tree/p%d/f%d.proto", i/10, i)
		out[path] = change(i, b.String())
	}
	return out
}

// BenchmarkBreaking is the walk alone, over images of 7,000 files (-short: 700) of
// which one in a hundred lost a field; and where every file has changed, since
// those that did not are not walked.
func BenchmarkBreaking(b *testing.B) {
	files := 7000
	if testing.Short() {
		files = 700
	}
	older := compileTexts(b, tree(files, func(_ int, text string) string { return text }))
	lost := func(i int, text string) string {
		if i%100 == 0 {
			return strings.Replace(text, "  string field_3 = 4;\n", "", 1)
		}
		return text
	}
	few := compileTexts(b, tree(files, lost))
	every := compileTexts(b, tree(files, func(i int, text string) string { return lost(i, text) + "\n" }))
	for _, changed := range []struct {
		name  string
		newer *protobuf.Image
	}{{"few", few}, {"every", every}} {
		for _, category := range []string{"FILE", "WIRE_JSON"} {
			b.Run(changed.name+"/"+category, func(b *testing.B) {
				set := only(b, "v2", category)
				b.ReportAllocs()
				for b.Loop() {
					if found := protorules.Breaking(changed.newer, older, set); len(found) == 0 {
						b.Fatal("nothing found")
					}
				}
			})
		}
	}
}
