package jsonschema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// Codes of mistakes that make a schema unusable.
const (
	CodeNotSchema = "JSON_SCHEMA_NOT_ONE"   // neither an object nor true or false
	CodeInvalid   = "JSON_SCHEMA_INVALID"   // the metaschema forbids it
	CodeRef       = "JSON_SCHEMA_REF"       // a reference leads nowhere
	CodeRefLoop   = "JSON_SCHEMA_REF_LOOP"  // a reference leads only to itself
	CodeID        = "JSON_SCHEMA_ID"        // a schema's name is no address
	CodePattern   = "JSON_SCHEMA_PATTERN"   // no regular expression
	CodeTooMany   = "JSON_SCHEMA_LIMIT"     // too many schemas, references or texts
	CodeNumber    = "JSON_SCHEMA_NUMBER"    // a number too long to calculate with
	CodeDocument  = "JSON_SCHEMA_DOCUMENT"  // a document does not fit the schema
	CodeUnchecked = "JSON_SCHEMA_UNCHECKED" // a document cannot be held against the schema
)

const (
	// maxSchemas is how many schemas one text and what it refers to may hold.
	maxSchemas = 50_000
	// maxResources is how many of them may have an address of their own, and
	// maxAddress how many bytes such an address may have.
	maxResources = 5000
	maxAddress   = 2000
	// maxDigits bounds the digits of a number and its exponent: 1e1000000000 is
	// short, and fills the memory of whoever calculates with it.
	maxDigits = 1000
	// maxPattern is the longest regular expression in bytes, and
	// maxPatternSteps how many steps it may compile to.
	maxPattern      = 16 << 10
	maxPatternSteps = 20_000
	// maxMistakes is how many mistakes of one kind are reported.
	maxMistakes = 20
)

func mistake(pos lang.Pos, code, format string, args ...any) error {
	return lang.ErrorList{{Pos: pos, Code: code, Msg: fmt.Sprintf(format, args...)}}
}

// checkNumbers refuses numbers that take more memory than their text.
func checkNumbers(v *lang.Value) error {
	switch v.Kind {
	case lang.Number:
		mantissa, exponent, _ := strings.Cut(strings.ToLower(v.Str), "e")
		n := 0
		if exponent != "" {
			var err error
			if n, err = strconv.Atoi(exponent); err != nil {
				n = maxDigits + 1
			}
		}
		if len(mantissa) > maxDigits || n > maxDigits || n < -maxDigits {
			return mistake(v.Pos, CodeNumber, "found the number %s, expected one of at most %d digits", short(v.Str), maxDigits)
		}
	case lang.Array:
		for _, item := range v.Items {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	case lang.Object:
		for _, m := range v.Members {
			if err := checkNumbers(m.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// short cuts a text that an author chose to what fits into a message.
func quote(s string) string { return strconv.Quote(short(s)) }

func short(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "..."
}

func kindName(v *lang.Value) string {
	switch v.Kind {
	case lang.Bool:
		return "a boolean"
	case lang.Number:
		return "a number"
	case lang.String:
		return "a string"
	case lang.Array:
		return "an array"
	case lang.Object:
		return "an object"
	}
	return "null"
}
