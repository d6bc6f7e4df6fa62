package bufgen

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// rewrite returns a copy of a file with what is kept of it, importing what that
// uses.
func (c *cut) rewrite(f *descriptorpb.FileDescriptorProto, uses map[string]bool) *descriptorpb.FileDescriptorProto {
	f, _ = proto.Clone(f).(*descriptorpb.FileDescriptorProto)
	w := &rewriter{cut: c, moves: &move{}}
	w.options(f) // first, while its paths are those of the source
	w.imports(f, uses)
	f.MessageType = w.messages(f.GetPackage(), nil, 4, f.MessageType)
	f.EnumType = w.enums(f.GetPackage(), nil, 5, f.EnumType)
	f.Service = kept(w, nil, 6, f.Service, func(s *descriptorpb.ServiceDescriptorProto, at []int32) bool {
		name := bare(f.GetPackage() + "." + s.GetName())
		s.Method = kept(w, at, 2, s.Method, func(m *descriptorpb.MethodDescriptorProto, _ []int32) bool {
			return w.keeps(bare(name + "." + m.GetName()))
		})
		return w.keeps(bare(f.GetPackage() + "." + s.GetName()))
	})
	f.Extension = w.extensions(f.GetPackage(), nil, 7, f.Extension)
	if info := f.GetSourceCodeInfo(); info != nil {
		forgetUnused(info)
		locations := info.Location[:0]
		for _, l := range info.Location {
			if w.moves.apply(l) {
				locations = append(locations, l)
			}
		}
		info.Location = locations
	}
	return f
}

// forgetUnused takes out which imports nothing uses, for they are gone.
func forgetUnused(info *descriptorpb.SourceCodeInfo) {
	m := info.ProtoReflect()
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if !field.IsExtension() || field.Message() == nil || field.IsList() {
			return true
		}
		if unused := field.Message().Fields().ByName("unused_dependency"); unused != nil {
			value.Message().Clear(unused)
			if isEmpty(value.Message()) {
				m.Clear(field)
			}
		}
		return true
	})
}

// A rewriter takes out of one file what is not kept.
type rewriter struct {
	*cut
	moves *move
}

// A move says what became of a part of a source path: it is gone, or its last
// number is another one.
type move struct {
	gone   bool
	mute   bool // its comments are gone
	to     *int32
	inside map[int32]*move
}

// at returns the move of a path.
func (m *move) at(path []int32) *move {
	for _, n := range path {
		if m.inside[n] == nil {
			if m.inside == nil {
				m.inside = map[int32]*move{}
			}
			m.inside[n] = &move{}
		}
		m = m.inside[n]
	}
	return m
}

// apply moves a place, and reports whether it is still there.
func (m *move) apply(l *descriptorpb.SourceCodeInfo_Location) bool {
	for i, n := range l.Path {
		if m = m.inside[n]; m == nil {
			return true
		}
		if m.gone {
			return false
		}
		if m.to != nil {
			l.Path[i] = *m.to
		}
	}
	if m.mute {
		l.LeadingComments, l.TrailingComments, l.LeadingDetachedComments = nil, nil, nil
	}
	return true
}

// kept returns the elements of a list that want wants; they are the field with that
// number of what is at the path. want may change what it is given.
func kept[T any](w *rewriter, path []int32, number int32, list []T, want func(e T, at []int32) bool) []T {
	var out []T
	for i, e := range list {
		at := append(slices.Clip(path), number, int32(i))
		if !want(e, at) {
			w.moves.at(at).gone = true
			continue
		}
		if len(out) != i {
			w.moves.at(at).to = proto.Int32(int32(len(out)))
		}
		out = append(out, e)
	}
	if len(list) > 0 && len(out) == 0 {
		w.moves.at(append(slices.Clip(path), number)).gone = true // statements such as extend, too
	}
	return out
}

// imports leaves the imports that are used, and adds those that came through
// another file.
func (w *rewriter) imports(f *descriptorpb.FileDescriptorProto, uses map[string]bool) {
	have := map[string]bool{}
	keep := func(name string, _ []int32) bool {
		have[name] = true
		return uses[name]
	}
	f.Dependency = kept(w, nil, 3, f.Dependency, keep)
	f.OptionDependency, f.PublicDependency, f.WeakDependency = nil, nil, nil
	for _, number := range []int32{10, 11, 15} {
		w.moves.at([]int32{number}).gone = true
	}
	for _, other := range w.im.files {
		if name := other.GetName(); uses[name] && !have[name] {
			f.Dependency = append(f.Dependency, name)
		}
	}
}

func (w *rewriter) messages(scope string, path []int32, number int32, list []*descriptorpb.DescriptorProto) []*descriptorpb.DescriptorProto {
	return kept(w, path, number, list, func(m *descriptorpb.DescriptorProto, at []int32) bool {
		if !w.keeps(bare(scope + "." + m.GetName())) {
			return false
		}
		name := bare(scope + "." + m.GetName())
		m.NestedType = w.messages(name, at, 3, m.NestedType)
		m.EnumType = w.enums(name, at, 4, m.EnumType)
		m.Extension = w.extensions(name, at, 6, m.Extension)
		if w.parts[w.elements[name]] != around {
			w.fields(m, at)
			return true
		}
		w.moves.at(at).mute = len(m.Field)+len(m.ExtensionRange)+len(m.ReservedRange)+len(m.ReservedName) > 0
		m.Field, m.OneofDecl, m.ExtensionRange, m.ReservedRange, m.ReservedName = nil, nil, nil, nil, nil
		for _, number := range []int32{2, 5, 8, 9, 10} {
			w.moves.at(append(slices.Clip(at), number)).gone = true
		}
		return true
	})
}

// fields takes out the fields whose types are excluded, and the oneofs that have no
// fields then.
func (w *rewriter) fields(m *descriptorpb.DescriptorProto, at []int32) {
	m.Field = kept(w, at, 2, m.Field, func(f *descriptorpb.FieldDescriptorProto, _ []int32) bool { return !w.isExcluded(f.GetTypeName()) })
	used := map[int32]bool{}
	for _, f := range m.Field {
		if f.OneofIndex != nil {
			used[f.GetOneofIndex()] = true
		}
	}
	index, next := int32(-1), int32(0)
	to := map[int32]int32{}
	m.OneofDecl = kept(w, at, 8, m.OneofDecl, func(*descriptorpb.OneofDescriptorProto, []int32) bool {
		index++
		if used[index] {
			to[index] = next
			next++
		}
		return used[index]
	})
	for _, f := range m.Field {
		if f.OneofIndex != nil {
			f.OneofIndex = proto.Int32(to[f.GetOneofIndex()])
		}
	}
}

func (w *rewriter) enums(scope string, path []int32, number int32, list []*descriptorpb.EnumDescriptorProto) []*descriptorpb.EnumDescriptorProto {
	return kept(w, path, number, list, func(e *descriptorpb.EnumDescriptorProto, _ []int32) bool {
		return w.keeps(bare(scope + "." + e.GetName()))
	})
}

func (w *rewriter) extensions(scope string, path []int32, number int32, list []*descriptorpb.FieldDescriptorProto) []*descriptorpb.FieldDescriptorProto {
	return kept(w, path, number, list, func(x *descriptorpb.FieldDescriptorProto, _ []int32) bool {
		return w.keeps(bare(scope + "." + x.GetName()))
	})
}

// options takes the options out whose extensions are not kept.
func (w *rewriter) options(f *descriptorpb.FileDescriptorProto) {
	var gone [][]int32
	eachOptions(f.ProtoReflect(), nil, func(m protoreflect.Message, path []int32) bool {
		m.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			e := w.elements[string(field.FullName())]
			if field.IsExtension() && e != nil && !w.keeps(e.name) {
				m.Clear(field)
				w.moves.at(append(slices.Clone(path), int32(field.Number()))).gone = true
				if isEmpty(m) {
					w.moves.at(path).gone = true
					gone = append(gone, slices.Clone(path))
				}
			}
			return true
		})
		return true
	})
	dropEmptyOptions(f.ProtoReflect(), gone)
}
