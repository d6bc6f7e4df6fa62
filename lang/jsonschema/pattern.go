package jsonschema

import (
	"errors"
	"regexp"
	"regexp/syntax"
)

// errForeign says that a regular expression may be one elsewhere.
var errForeign = errors.New("only ECMAScript or Java can tell")

// checkPattern reports what is wrong with a regular expression. It returns
// errForeign for what Go does not know and others do: lookaround, back
// references, possessive repeats, escapes of their own.
func checkPattern(p string) error {
	_, err := checkPatternSteps(p)
	return err
}

// checkPatternSteps also returns the size of the expression.
func checkPatternSteps(p string) (int, error) {
	if len(p) > maxPattern {
		return 0, errors.New("it is too long")
	}
	tree, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) && foreign(bad.Code) {
			return 0, errForeign
		}
		return 0, err
	}
	n := steps(tree)
	if n > maxPatternSteps {
		return 0, errors.New("it repeats too much")
	}
	return n, nil
}

func foreign(code syntax.ErrorCode) bool {
	switch code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidEscape, syntax.ErrInvalidRepeatOp, syntax.ErrInvalidRepeatSize,
		syntax.ErrInvalidNamedCapture, syntax.ErrInvalidCharClass:
		return true
	}
	return false
}

// steps estimates the size of the compiled expression.
func steps(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, maxPatternSteps+1)
}

// Compile returns the regular expression of a schema. It finds p anywhere in a
// text. The error says that Go has no such expression.
func Compile(p string) (*regexp.Regexp, error) {
	if err := checkPattern(p); err != nil {
		return nil, err
	}
	return regexp.Compile(p)
}
