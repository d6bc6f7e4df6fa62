package protorules_test

import (
	"fmt"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func narrowSchema(t *testing.T, field string) *protobuf.Schema {
	t.Helper()
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "a.proto", Text: "syntax = \"proto3\"; package p.q; message M { message N { " + field + " n = 1; } }"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNarrowed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		older, newer   string
		readers, elder bool
	}{
		{"int64", "int32", true, false},
		{"int32", "int64", false, true},
		{"uint32", "int32", true, true},
		{"uint32", "int64", false, true},
		{"bool", "int32", false, true},
		{"sint64", "sint32", true, false},
		{"fixed32", "sfixed32", true, true},
		{"int32", "sint64", false, false}, // other bytes: a rule of types speaks
		{"int32", "string", false, false},
		{"int32", "int32", false, false},
		{"map<int64, uint32>", "map<int32, uint32>", true, false},
		{"map<string, int64>", "map<string, int32>", true, false},
		{"repeated int64", "repeated int32", true, false},
	} {
		older, newer := narrowSchema(t, tc.older), narrowSchema(t, tc.newer)
		for dir, want := range map[rule.Breaks]bool{rule.Readers: tc.readers, rule.OldReaders: tc.elder} {
			found := protorules.Narrowed(newer, older, dir)
			if (len(found) > 0) != want {
				t.Errorf("%s to %s, direction %d: %d findings, want some: %v", tc.older, tc.newer, dir, len(found), want)
			}
			for _, f := range found {
				if f.Rule.ID != "PROTO_INTEGER_NARROWED" || f.Path != "M.N.n" || !f.New.IsValid() || !f.Old.IsValid() {
					t.Errorf("%s", fmt.Sprintf("%s to %s: %+v", tc.older, tc.newer, f))
				}
			}
		}
	}
}
