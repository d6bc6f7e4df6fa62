package golden

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCutWants(t *testing.T) {
	t.Parallel()
	text, wants, err := CutWants("a", "{\n  \"x\": 1, // want A_B `one` C\n  // a comment\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"x\": 1,\n  // a comment\n}\n"; text != want {
		t.Error(cmp.Diff(want, text))
	}
	if len(wants) != 2 || wants[0].ID != "A_B" || wants[0].Line != 2 || wants[0].Pattern.String() != "one" || wants[1].ID != "C" || wants[1].Pattern != nil {
		t.Errorf("CutWants = %+v", wants)
	}
}

func TestCutWantsRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x // want", "x // want lower", "x // want A `(`"} {
		if _, _, err := CutWants("a", text); err == nil {
			t.Errorf("CutWants(%q) reports no mistake", text)
		}
	}
}

func TestCompareWants(t *testing.T) {
	t.Parallel()
	_, wants, err := CutWants("a", "x // want A `m.n`\ny // want B")
	if err != nil {
		t.Fatal(err)
	}
	found := []Found{
		{At: []At{{"b", 9}, {"a", 1}}, ID: "A", Message: "a man"},
		{At: []At{{"a", 2}}, ID: "A", Message: "men"},
	}
	got := compareWants(wants, found)
	if len(got) != 2 {
		t.Fatalf("compareWants = %q, want two: a finding without a marker and a marker without a finding", got)
	}
}
