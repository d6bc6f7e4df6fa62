package gate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/compat/rule"
)

// Edits returns the certain edits of the findings, by file, without duplicates.
func Edits(findings []Finding) map[string][]rule.Edit {
	out := map[string][]rule.Edit{}
	for _, f := range findings {
		if f.Edit != nil && !slices.Contains(out[f.Edit.Pos.Path], *f.Edit) {
			out[f.Edit.Pos.Path] = append(out[f.Edit.Pos.Path], *f.Edit)
		}
	}
	return out
}

// Apply makes the edits in text. Of two that overlap the first is made; how many
// were made is returned. An edit outside of the text is an error: then it is
// another text than the one that was checked.
func Apply(text string, edits []rule.Edit) (string, int, error) {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b rule.Edit) int {
		return cmp.Or(cmp.Compare(a.Pos.Start, b.Pos.Start), cmp.Compare(a.Pos.End, b.Pos.End))
	})
	out, at, done := "", 0, 0
	for _, e := range edits {
		if e.Pos.Start < 0 || e.Pos.Start > e.Pos.End || e.Pos.End > len(text) {
			return text, 0, fmt.Errorf("%s: edit of bytes %d to %d in %d bytes; the file is not the one that was checked", e.Pos.Path, e.Pos.Start, e.Pos.End, len(text))
		}
		if e.Pos.Start < at {
			continue
		}
		out += text[at:e.Pos.Start] + e.Text
		at = e.Pos.End
		done++
	}
	return out + text[at:], done, nil
}
