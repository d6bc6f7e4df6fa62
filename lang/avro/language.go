package avro

import (
	"errors"

	"github.com/wireproof/wireproof/lang"
)

// Language returns Avro as a language.
func Language() lang.Language { return language{Parse} }

// Lenient returns Avro as a language that parses with [ParseLenient]: what a
// registry needs, which has schemas from elsewhere.
func Lenient() lang.Language { return language{ParseLenient} }

type language struct {
	parse func(lang.Source) (*Schema, error)
}

func (language) Type() lang.Type { return lang.Avro }

func (l language) Parse(src lang.Source) (lang.Schema, error) {
	s, err := l.parse(src)
	if err != nil {
		return nil, err // not s: an interface that holds a nil pointer is not nil
	}
	return s, nil
}

// Names returns the full names of the types that the text of src defines, in the
// order of the text, and of the types that it uses and does not define, in the
// order of first use. The references of src are not looked at. A mistake other
// than an unknown name is an error as in [Parse].
func Names(src lang.Source) (defined, used []string, err error) {
	src.References = nil
	s, used, err := parse(src, manner{open: true})
	if err != nil {
		return nil, nil, err
	}
	for _, t := range s.Named {
		defined = append(defined, t.Name)
	}
	return defined, used, nil
}

// IsUnknownName reports whether every mistake of err, which [Parse] returned, is
// a type that nobody defines: a text that may be right once its references are
// at hand.
func IsUnknownName(err error) bool {
	var list lang.ErrorList
	if !errors.As(err, &list) {
		return false
	}
	for _, e := range list {
		if e.Code != CodeNameUnknown {
			return false
		}
	}
	return true
}
