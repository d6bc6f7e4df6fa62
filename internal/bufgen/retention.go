package bufgen

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// atRuntime returns a file without the options that are of the source only: the
// file itself if it has none, else a copy.
func atRuntime(f *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	if eachOptions(f.ProtoReflect(), nil, func(m protoreflect.Message, _ []int32) bool { return len(ofSource(m)) == 0 }) {
		return f
	}
	f, _ = proto.Clone(f).(*descriptorpb.FileDescriptorProto)
	var gone [][]int32
	eachOptions(f.ProtoReflect(), nil, func(m protoreflect.Message, path []int32) bool {
		fields := ofSource(m)
		if len(fields) == 0 {
			return true
		}
		m.SetUnknown(nil)
		for _, field := range fields {
			m.Clear(field)
			gone = append(gone, append(slices.Clone(path), int32(field.Number())))
		}
		if isEmpty(m) {
			gone = append(gone, slices.Clone(path))
		}
		return true
	})
	dropEmptyOptions(f.ProtoReflect(), gone)
	if len(f.GetSourceCodeInfo().GetLocation()) == 0 {
		return f
	}
	info := &descriptorpb.SourceCodeInfo{}
	for _, l := range f.SourceCodeInfo.Location {
		if !slices.ContainsFunc(gone, func(path []int32) bool {
			return len(path) <= len(l.GetPath()) && slices.Equal(path, l.GetPath()[:len(path)])
		}) {
			info.Location = append(info.Location, l)
		}
	}
	f.SourceCodeInfo = info
	return f
}

// ofSource returns the fields of options that are there and are not kept at
// runtime.
func ofSource(m protoreflect.Message) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	m.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		opts, ok := field.Options().(*descriptorpb.FieldOptions)
		if ok && opts.GetRetention() == descriptorpb.FieldOptions_RETENTION_SOURCE {
			out = append(out, field)
		}
		return true
	})
	return out
}

func isEmpty(m protoreflect.Message) bool {
	empty := true
	m.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
		empty = false
		return false
	})
	return empty
}

// eachOptions calls do with the options of a descriptor and of everything in it,
// and their source path, until do returns false. It reports whether that did not
// happen.
func eachOptions(d protoreflect.Message, path []int32, do func(m protoreflect.Message, path []int32) bool) bool {
	more := true
	d.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		at := append(slices.Clip(path), int32(field.Number()))
		switch {
		case field.Message() == nil || field.Name() == "source_code_info":
		case field.Name() == "options":
			more = do(value.Message(), at)
		case field.IsList():
			for i := range value.List().Len() {
				more = more && eachOptions(value.List().Get(i).Message(), append(slices.Clip(at), int32(i)), do)
			}
		}
		return more
	})
	return more
}

// dropEmptyOptions removes the options of which nothing is left; gone has their
// source paths.
func dropEmptyOptions(file protoreflect.Message, gone [][]int32) {
	for _, path := range gone {
		d := file
		for len(path) > 1 {
			field := d.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(path[0]))
			if field == nil || !field.IsList() {
				break
			}
			d, path = d.Get(field).List().Get(int(path[1])).Message(), path[2:]
		}
		if len(path) != 1 {
			continue // the path of an option
		}
		if field := d.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(path[0])); field != nil && field.Name() == "options" {
			d.Clear(field)
		}
	}
}
