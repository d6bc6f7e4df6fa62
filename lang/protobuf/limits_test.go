package protobuf

import (
	"slices"
	"strings"
	"testing"
)

// Every element repeats the names around it, so a text of two megabytes could
// stand for gigabytes of names.
func TestLongNamesAreRefused(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	var fields strings.Builder
	for i := range 5000 {
		fields.WriteString("int32 f" + strings.Repeat("a", i%7) + string(rune('a'+i%26)) + " = 1;\n")
	}
	for name, text := range map[string]string{
		"message": `syntax = "proto3"; message ` + long + " {" + fields.String() + "}",
		"nested":  `syntax = "proto3"; message A` + long + " { message B" + long + " {" + fields.String() + "} }",
		"package": `syntax = "proto3"; package ` + long + "." + long + "; message A {" + fields.String() + "}",
		"enum":    `syntax = "proto3"; package ` + long + "; enum E { Z = 0; " + strings.Repeat("A = 1; ", 5000) + "}",
	} {
		if got := codes(second(Parse(sourceOf(text)))); !slices.Equal(got, []string{"PROTO_LIMIT_NAMES"}) {
			t.Errorf("%s: codes %v", name, got)
		}
	}
	ok := `syntax = "proto3"; package ` + strings.Repeat("pkg.", 20) + "v1; message A { message B { " + strings.Repeat("message C {} ", 1) + "int32 x = 1; } }"
	if _, err := Parse(sourceOf(ok)); err != nil {
		t.Error(err)
	}
}
