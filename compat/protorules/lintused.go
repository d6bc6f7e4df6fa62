package protorules

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// lintUsed reports an import from which, or from whose public imports, nothing is
// used: no type, no extended message and no option.
func lintUsed(l *linter, r *rule.Rule, f *protobuf.ImageFile, d protoreflect.FileImport, i int) {
	if d.IsPublic {
		return
	}
	u := &usage{image: l.image, files: map[string]bool{}}
	u.file(f.Descriptor)
	if !u.reaches(d.FileDescriptor, map[string]bool{}) {
		l.report(r, nil, inFile(f, fileDependencies, int32(i)), "Import %q is unused.", d.Path())
	}
}

// A usage collects the files that a file uses.
type usage struct {
	image *protobuf.Image
	files map[string]bool
}

func (u *usage) reaches(d protoreflect.FileDescriptor, seen map[string]bool) bool {
	if u.files[d.Path()] {
		return true
	}
	seen[d.Path()] = true
	for i := range d.Imports().Len() {
		if next := d.Imports().Get(i); next.IsPublic && !seen[next.Path()] && u.reaches(next.FileDescriptor, seen) {
			return true
		}
	}
	return false
}

func (u *usage) use(d protoreflect.Descriptor) { u.files[d.ParentFile().Path()] = true }

func (u *usage) file(d protoreflect.FileDescriptor) {
	u.options(d)
	u.container(d)
	for i := range d.Services().Len() {
		s := d.Services().Get(i)
		u.options(s)
		for j := range s.Methods().Len() {
			m := s.Methods().Get(j)
			u.options(m)
			u.use(m.Input())
			u.use(m.Output())
		}
	}
}

func (u *usage) container(c container) {
	for i := range c.Enums().Len() {
		e := c.Enums().Get(i)
		u.options(e)
		for j := range e.Values().Len() {
			u.options(e.Values().Get(j))
		}
	}
	for i := range c.Extensions().Len() {
		u.use(c.Extensions().Get(i).ContainingMessage())
		u.field(c.Extensions().Get(i))
	}
	for i := range c.Messages().Len() {
		m := c.Messages().Get(i)
		u.options(m)
		for j := range m.Fields().Len() {
			u.field(m.Fields().Get(j))
		}
		for j := range m.Oneofs().Len() {
			u.options(m.Oneofs().Get(j))
		}
		for j := range m.ExtensionRanges().Len() {
			u.message(m.ExtensionRangeOptions(j).ProtoReflect())
		}
		u.container(m)
	}
}

func (u *usage) field(f protoreflect.FieldDescriptor) {
	u.options(f)
	if f.Message() != nil {
		u.use(f.Message())
	}
	if f.Enum() != nil {
		u.use(f.Enum())
	}
}

func (u *usage) options(d protoreflect.Descriptor) { u.message(d.Options().ProtoReflect()) }

// message collects the files of the extensions in options.
func (u *usage) message(m protoreflect.Message) {
	if !m.IsValid() {
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsExtension() {
			u.extension(m.Descriptor().FullName(), f.Number())
		}
		if f.Message() != nil && !f.IsList() && !f.IsMap() {
			u.message(v.Message())
		}
		return true
	})
	for unknown := m.GetUnknown(); len(unknown) > 0; {
		number, typ, n := protowire.ConsumeTag(unknown)
		if n < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(number, typ, unknown[n:])
		if size < 0 {
			return
		}
		u.extension(m.Descriptor().FullName(), number)
		unknown = unknown[n+size:]
	}
}

func (u *usage) extension(of protoreflect.FullName, number protoreflect.FieldNumber) {
	if x := u.image.Extension(of, number); x != nil {
		u.use(x)
	}
}
