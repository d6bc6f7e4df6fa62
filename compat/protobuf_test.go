package compat_test

import (
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func proto(t *testing.T, body string) lang.Schema {
	t.Helper()
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "p.proto", Text: "syntax = \"proto3\";\npackage p;\n" + body})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestProtobuf holds which of the two verdicts counts where: the registry has a
// direction and no opinion on reserved numbers; Buf has the opposite.
func TestProtobuf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		older, newer string
		gate         map[compat.Level]bool // compatible for Check
		registry     map[compat.Level]bool // and for First
	}{
		{
			"the same", "message M { int32 a = 1; }", "message M { int32 a = 1; }",
			map[compat.Level]bool{compat.Backward: true, compat.Forward: true, compat.Full: true},
			map[compat.Level]bool{compat.Backward: true, compat.Forward: true, compat.Full: true},
		},
		{
			"field added", "message M { int32 a = 1; }", "message M { int32 a = 1; int32 b = 2; }",
			map[compat.Level]bool{compat.Backward: true, compat.Forward: true, compat.Full: true},
			map[compat.Level]bool{compat.Backward: true, compat.Forward: true, compat.Full: true},
		},
		{
			"type changed", "message M { int32 a = 1; }", "message M { string a = 1; }",
			map[compat.Level]bool{compat.None: true, compat.Backward: false, compat.Forward: false, compat.Full: false},
			map[compat.Level]bool{compat.None: true, compat.Backward: false, compat.Forward: false, compat.Full: false},
		},
		{
			"message added", "message M {}", "message M {} message N {}",
			map[compat.Level]bool{compat.Backward: true, compat.Forward: false, compat.Full: false},
			map[compat.Level]bool{compat.Backward: true, compat.Forward: false, compat.Full: false},
		},
		{
			"number freed", "message M { int32 a = 1; int32 b = 2; }", "message M { int32 a = 1; }",
			map[compat.Level]bool{compat.None: true, compat.Backward: false, compat.Forward: false, compat.Full: false},
			map[compat.Level]bool{compat.Backward: true, compat.Forward: true, compat.Full: true},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := compat.Default()
			newer, history := proto(t, tt.newer), []compat.Version{{Number: 1, Schema: proto(t, tt.older)}}
			for level, want := range tt.gate {
				report := c.Check(level, newer, history)
				if report.Compatible != want {
					t.Errorf("Check(%s).Compatible = %v, want %v", level, report.Compatible, want)
				}
				for _, f := range report.Findings {
					if f.Breaks&(rule.Readers|rule.OldReaders)&^level.Forbids() != 0 {
						t.Errorf("Check(%s): %s breaks %d, which the level does not protect", level, f.Rule.ID, f.Breaks)
					}
				}
			}
			for level, want := range tt.registry {
				if _, found := c.First(level, newer, history); (len(found) == 0) != want {
					t.Errorf("First(%s) = %d findings, want compatible %v", level, len(found), want)
				}
			}
		})
	}
}
