package protobuf

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The compiler gives options as unknown fields; reading their bytes again gives
// them their names. Most elements have none, so the descriptor around them is left
// alone.

// rereadOptions gives the options of a file and of everything in it their names.
func rereadOptions(f *descriptorpb.FileDescriptorProto) error {
	r := new(rereader)
	reread(r, &f.Options, f.Options != nil)
	r.messages(f.GetMessageType())
	r.enums(f.GetEnumType())
	r.fields(f.GetExtension())
	for _, s := range f.GetService() {
		reread(r, &s.Options, s.Options != nil)
		for _, m := range s.GetMethod() {
			reread(r, &m.Options, m.Options != nil)
		}
	}
	return r.err
}

// A rereader keeps the first error.
type rereader struct{ err error }

// reread replaces options by what their bytes say.
func reread[M proto.Message](r *rereader, options *M, has bool) {
	if !has || r.err != nil {
		return
	}
	wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(*options)
	if err != nil {
		r.err = err
		return
	}
	fresh, _ := (*options).ProtoReflect().New().Interface().(M)
	r.err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(wire, fresh)
	*options = fresh
}

func (r *rereader) messages(ms []*descriptorpb.DescriptorProto) {
	for _, m := range ms {
		reread(r, &m.Options, m.Options != nil)
		r.fields(m.GetField())
		r.fields(m.GetExtension())
		for _, o := range m.GetOneofDecl() {
			reread(r, &o.Options, o.Options != nil)
		}
		for _, x := range m.GetExtensionRange() {
			reread(r, &x.Options, x.Options != nil)
		}
		r.enums(m.GetEnumType())
		r.messages(m.GetNestedType())
	}
}

func (r *rereader) fields(fs []*descriptorpb.FieldDescriptorProto) {
	for _, f := range fs {
		reread(r, &f.Options, f.Options != nil)
	}
}

func (r *rereader) enums(es []*descriptorpb.EnumDescriptorProto) {
	for _, e := range es {
		reread(r, &e.Options, e.Options != nil)
		for _, v := range e.GetValue() {
			reread(r, &v.Options, v.Options != nil)
		}
	}
}
