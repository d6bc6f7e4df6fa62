package generate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// An AvroFile is a schema file for which Go is generated.
type AvroFile struct {
	// Source is the file with its references resolved; its path is relative to
	// the schema root.
	Source     lang.Source
	Package    string // Go package name
	ImportPath string // of the package
	Dir        string // folder of the output, relative to its root
}

// Avro generates types and codecs for files, which hold among them everything
// that they refer to: a record that several files use becomes one Go type, in
// the package of the file that defines it. The result is in the order of paths
// and depends on nothing but files.
func Avro(files []AvroFile) ([]File, error) {
	g := &avroGen{types: map[string]*avroNamed{}, units: map[string]*avroUnit{}, idents: map[string]string{}}
	files = slices.SortedFunc(slices.Values(files), func(a, b AvroFile) int { return cmp.Compare(a.Source.Path, b.Source.Path) })
	documented := map[string]bool{}
	for _, f := range files {
		u, err := g.add(f)
		if err != nil {
			return nil, err
		}
		u.packageDoc = !documented[f.ImportPath]
		documented[f.ImportPath] = true
	}
	out := make([]File, 0, len(files))
	for _, f := range files {
		data, err := g.units[f.Source.Path].generate()
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(path.Base(f.Source.Path), path.Ext(f.Source.Path)) + ".avro.go"
		out = append(out, File{Path: path.Join(f.Dir, goFileName(name)), Data: data})
	}
	return out, nil
}

// AvroTypeName returns the Go name of a record, enum or fixed.
func AvroTypeName(t *avro.Type) string {
	return GoName(t.Name[strings.LastIndexByte(t.Name, '.')+1:])
}

// AvroKeyExpr returns a Go expression for the key of an event: the bytes of the
// given field of the value that the expression recv stands for, with the
// packages that it needs. A field of a type that makes no key is an error.
func AvroKeyExpr(s *avro.Schema, field, recv string) (expr string, imports []string, err error) {
	if s.Root.Kind != avro.Record {
		return "", nil, fmt.Errorf("%s is no record, so it has no field for the key", s.Root.Pos)
	}
	f := s.Root.Field(field)
	if f == nil {
		names := make([]string, len(s.Root.Fields))
		for i, f := range s.Root.Fields {
			names[i] = f.Name
		}
		return "", nil, fmt.Errorf("key %q is no field of %s, which has %s", field, s.Root.Name, strings.Join(names, ", "))
	}
	value := recv + "." + GoName(f.Name)
	t := f.Type
	switch {
	case t.Kind == avro.String:
		return "[]byte(" + value + ")", nil, nil
	case t.Kind == avro.Bytes && t.Logical == avro.NoLogical:
		// A copy that is not nil, for a nil key is no key.
		return "append([]byte{}, " + value + "...)", nil, nil
	case t.Kind == avro.Fixed && t.Logical != avro.Decimal:
		return "append([]byte{}, " + value + "[:]...)", nil, nil
	case t.Kind == avro.Int && t.Logical == avro.NoLogical:
		return "binary.BigEndian.AppendUint32(nil, uint32(" + value + "))", []string{"encoding/binary"}, nil
	case t.Kind == avro.Long && t.Logical == avro.NoLogical:
		return "binary.BigEndian.AppendUint64(nil, uint64(" + value + "))", []string{"encoding/binary"}, nil
	}
	return "", nil, fmt.Errorf("%s: field %q makes no key: expected a string, uuid, bytes, fixed, int or long", f.TypePos, field)
}

// avroGen is what the files of one run share.
type avroGen struct {
	types  map[string]*avroNamed // by full name
	units  map[string]*avroUnit  // by path of the source
	idents map[string]string     // import path and Go name → what it stands for
}

// An avroNamed is a record, enum or fixed with its place in Go.
type avroNamed struct {
	t    *avro.Type
	unit *avroUnit
	name string
}

// add parses a file and gives its types their Go names.
func (g *avroGen) add(f AvroFile) (*avroUnit, error) {
	if g.units[f.Source.Path] != nil {
		return nil, fmt.Errorf("%s is listed twice", f.Source.Path)
	}
	s, err := avro.Parse(f.Source)
	if err != nil {
		return nil, err
	}
	u := &avroUnit{AvroFile: f, g: g, schema: s}
	u.imports = map[string]string{}
	g.units[f.Source.Path] = u
	for _, t := range s.Named {
		if other := g.types[t.Name]; other != nil {
			return nil, fmt.Errorf("%s: %s is defined at %s too; define it once and refer to it", t.NamePos, t.Name, other.t.NamePos)
		}
		n := &avroNamed{t: t, unit: u, name: AvroTypeName(t)}
		g.types[t.Name] = n
		if err := u.claim(n.name, t.Name, t.NamePos); err != nil {
			return nil, err
		}
		if t.Kind == avro.Record {
			if err := checkByValue(t); err != nil {
				return nil, err
			}
		}
	}
	root := s.Root
	u.rootName = GoName(strings.TrimSuffix(path.Base(f.Source.Path), path.Ext(f.Source.Path)))
	// The root may also be a type of another file, or a list of types.
	if slices.Contains(s.Named, root) {
		u.rootName = AvroTypeName(root)
		u.isEvent = root.Kind == avro.Record
	}
	lower := unexported(u.rootName)
	names := []string{u.rootName + "Schema", lower + "Schema", lower + "SchemaText"}
	if u.isEvent {
		names = append(names, u.rootName+"Type", lower+"Type")
	}
	for _, name := range names {
		if err := u.claim(name, "the schema of "+f.Source.Path, root.NamePos); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// claim takes a Go name of the package for what, and fails if it is taken.
func (u *avroUnit) claim(name, what string, pos lang.Pos) error {
	id := u.ImportPath + "." + name
	if other, ok := u.g.idents[id]; ok && other != what {
		return fmt.Errorf("%s: %s and %s would both be %s in Go package %s; rename one of them", pos, other, what, name, u.Package)
	}
	u.g.idents[id] = what
	return nil
}

// checkByValue refuses a record that contains itself with nothing between that
// could be absent: no finite value has that type.
func checkByValue(root *avro.Type) error {
	seen := map[*avro.Type]bool{}
	var visit func(t *avro.Type) error
	visit = func(t *avro.Type) error {
		for t.Kind == avro.Union && len(t.Branches) == 1 {
			t = t.Branches[0]
		}
		if t.Kind != avro.Record {
			return nil
		}
		if t == root && len(seen) > 0 {
			return fmt.Errorf("%s: every value of record %s would contain another one; put a null, an array or a map between", root.NamePos, root.Name)
		}
		if seen[t] {
			return nil // a cycle without root is reported for a record on it
		}
		seen[t] = true
		for _, f := range t.Fields {
			if err := visit(f.Type); err != nil {
				return err
			}
		}
		return nil
	}
	return visit(root)
}

// enough is where counting the least size of a type stops: records can nest so
// that it doubles with every level.
const enough = 1 << 20

// minSize returns a number of bytes that no encoding of t is shorter than.
func minSize(t *avro.Type) int { return minSizeIn(t, map[*avro.Type]int{}) }

func minSizeIn(t *avro.Type, known map[*avro.Type]int) int {
	switch t.Kind {
	case avro.Null:
		return 0
	case avro.Float:
		return 4
	case avro.Double:
		return 8
	case avro.Fixed:
		return min(t.Size, enough)
	case avro.Record:
		n, ok := known[t]
		if !ok {
			known[t] = 0 // in a branch of a union below; any lower bound will do
			for _, f := range t.Fields {
				n = min(n+minSizeIn(f.Type, known), enough)
			}
			known[t] = n
		}
		return n
	case avro.Union:
		least := -1
		for _, b := range t.Branches {
			if n := minSizeIn(b, known); least < 0 || n < least {
				least = n
			}
		}
		return 1 + max(least, 0)
	}
	return 1
}

// recursive reports whether values of record t may contain values of t.
func recursive(t *avro.Type) bool {
	seen := map[*avro.Type]bool{}
	var reaches func(x *avro.Type) bool
	reaches = func(x *avro.Type) bool {
		switch x.Kind {
		case avro.Record:
			if x == t && len(seen) > 0 {
				return true
			}
			if seen[x] {
				return false
			}
			seen[x] = true
			for _, f := range x.Fields {
				if reaches(f.Type) {
					return true
				}
			}
		case avro.Array, avro.Map:
			return reaches(x.Items)
		case avro.Union:
			return slices.ContainsFunc(x.Branches, reaches)
		}
		return false
	}
	return reaches(t)
}
