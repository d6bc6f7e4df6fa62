package gate_test

import (
	"testing"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
)

func edit(start, end int, text string) rule.Edit {
	return rule.Edit{Pos: lang.Pos{Path: "f", Start: start, End: end}, Text: text}
}

func TestApply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		edits []rule.Edit
		want  string
		done  int
	}{
		{nil, "abcdef", 0},
		{[]rule.Edit{edit(6, 6, "!"), edit(0, 0, "?")}, "?abcdef!", 2},
		{[]rule.Edit{edit(2, 4, "X"), edit(1, 3, "Y")}, "aYdef", 1},
		{[]rule.Edit{edit(1, 2, ""), edit(2, 3, "C")}, "aCdef", 2},
	} {
		got, done, err := gate.Apply("abcdef", tc.edits)
		if got != tc.want || done != tc.done || err != nil {
			t.Errorf("Apply(%v) = %q, %d, %v; want %q, %d", tc.edits, got, done, err, tc.want, tc.done)
		}
	}
	if got, _, err := gate.Apply("abc", []rule.Edit{edit(2, 9, "x")}); err == nil || got != "abc" {
		t.Errorf("an edit behind the end gives %q, %v", got, err)
	}
}

func TestEditsOnce(t *testing.T) {
	t.Parallel()
	one := edit(1, 1, "x")
	got := gate.Edits([]gate.Finding{{Edit: &one}, {}, {Edit: &one}})
	if len(got) != 1 || len(got["f"]) != 1 {
		t.Errorf("Edits = %v, want one edit of one file", got)
	}
}
