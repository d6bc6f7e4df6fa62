package generate

import (
	"fmt"
	"strconv"

	"github.com/wireproof/wireproof/lang/avro"
)

// enum prints the type of an enum. Its numbers are the places of the symbols in
// the schema, so the zero value is the first symbol; a number beyond them is
// kept and printed, and only encoding it is an error.
func (u *avroUnit) enum(t *avro.Type) error {
	name := AvroTypeName(t)
	lower := unexported(name)
	if err := u.claim(lower+"Symbols", "the symbols of "+t.Name, t.NamePos); err != nil {
		return err
	}
	u.doc(t, name)
	u.printf("type %s int32\n\n// The symbols of %s.\nconst (\n", name, name)
	for i, s := range t.Symbols {
		constant := name + GoName(s.Name)
		if err := u.claim(constant, "symbol "+s.Name+" of "+t.Name, s.Pos); err != nil {
			return err
		}
		if i == 0 {
			u.printf("\t%s %s = iota\n", constant, name)
			continue
		}
		u.printf("\t%s\n", constant)
	}
	u.printf(")\n\nvar %sSymbols = [...]string{", lower)
	for i, s := range t.Symbols {
		if i > 0 {
			u.printf(", ")
		}
		u.printf("%q", s.Name)
	}
	u.printf("}\n\n")
	if len(t.Symbols) == 0 {
		return fmt.Errorf("%s: enum %s has no symbols", t.NamePos, t.Name)
	}
	fm, sc := u.pkg("fmt", "fmt"), u.pkg("strconv", "strconv")
	u.printf(`// String returns the symbol, or %[4]s for a number that has none.
func (x %[1]s) String() string {
	if uint32(x) < uint32(len(%[2]sSymbols)) {
		return %[2]sSymbols[x]
	}
	return "%[1]s(" + %[3]s.Itoa(int(x)) + ")"
}

// MarshalText returns the symbol.
func (x %[1]s) MarshalText() ([]byte, error) {
	if uint32(x) < uint32(len(%[2]sSymbols)) {
		return []byte(%[2]sSymbols[x]), nil
	}
	return nil, %[5]s.Errorf("%%s is no symbol of %[6]s", x)
}

// UnmarshalText accepts the symbols of the schema.
func (x *%[1]s) UnmarshalText(text []byte) error {
	for i, s := range %[2]sSymbols {
		if s == string(text) {
			*x = %[1]s(i)
			return nil
		}
	}
	return %[5]s.Errorf("%%q is no symbol of %[6]s", text)
}

`, name, lower, sc, name+"("+strconv.Itoa(len(t.Symbols))+")", fm, t.Name)
	return nil
}
