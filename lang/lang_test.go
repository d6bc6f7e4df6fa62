package lang_test

import (
	"errors"
	"io"
	"testing"

	"github.com/wireproof/wireproof/lang"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	pos := lang.Pos{Path: "a.avsc", Line: 3, Col: 7}
	list := lang.ErrorList{
		{Pos: pos, Code: "X_ONE", Msg: "found a, expected b"},
		{Code: "X_TWO", Msg: "no place", Err: io.ErrUnexpectedEOF},
	}
	const want = "a.avsc:3:7: X_ONE: found a, expected b\nX_TWO: no place"
	if err := list.Err(); err == nil || err.Error() != want {
		t.Errorf("Err() = %v, want %s", err, want)
	}
	if !errors.Is(list.Err(), io.ErrUnexpectedEOF) {
		t.Error("errors.Is does not reach the cause of a mistake")
	}
	if err := (lang.ErrorList{}).Err(); err != nil {
		t.Errorf("Err() of an empty list = %v", err)
	}
	if pos := (lang.Pos{Path: "p"}); pos.IsValid() || pos.String() != "p" {
		t.Errorf("Pos without a line = %s", pos)
	}
}
