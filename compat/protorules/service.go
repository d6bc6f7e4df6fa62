package protorules

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
)

// services compares rpcs that both sides have; the registry ignores them.
func (w *walker) services(readers, writers protoreflect.ServiceDescriptors) {
	for i := range writers.Len() {
		o := writers.Get(i)
		r := readers.ByName(o.Name())
		if r == nil {
			continue
		}
		for j := range o.Methods().Len() {
			om := o.Methods().Get(j)
			if rm := r.Methods().ByName(om.Name()); rm != nil {
				w.rpc(rm, om)
			}
		}
	}
}

func (w *walker) rpc(r, o protoreflect.MethodDescriptor) {
	path := string(o.Parent().Name()) + "." + string(o.Name())
	differ := func(which *rule.Rule, what, is, was string) {
		if is == was {
			return
		}
		w.report(rule.Finding{Rule: which, Path: path, Pointer: "#/" + pointerOf(path), NewNote: is, OldNote: was,
			Message: "rpc " + quoted(path) + " changed " + what + "from " + was + " to " + is,
		}, w.reader.MethodPos(string(r.FullName())), w.writer.MethodPos(string(o.FullName())))
	}
	differ(rpcClientStreaming, "", streaming("client", r.IsStreamingClient()), streaming("client", o.IsStreamingClient()))
	differ(rpcServerStreaming, "", streaming("server", r.IsStreamingServer()), streaming("server", o.IsStreamingServer()))
	differ(rpcRequest, "request type ", string(r.Input().FullName()), string(o.Input().FullName()))
	differ(rpcResponse, "response type ", string(r.Output().FullName()), string(o.Output().FullName()))
	differ(rpcIdempotency, `option "idempotency_level" `, idempotency(r), idempotency(o))
}

func streaming(who string, yes bool) string {
	if yes {
		return who + " streaming"
	}
	return who + " unary"
}

func idempotency(m protoreflect.MethodDescriptor) string {
	if opts, ok := m.Options().(*descriptorpb.MethodOptions); ok {
		return opts.GetIdempotencyLevel().String()
	}
	return descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN.String()
}

// extensions pairs extension fields by the extended type and the number, as Buf
// does.
func (w *walker) extensions() {
	now := map[string]protoreflect.FieldDescriptor{}
	eachExtension(w.reader.File(), func(x protoreflect.FieldDescriptor) { now[extensionKey(x)] = x })
	eachExtension(w.writer.File(), func(o protoreflect.FieldDescriptor) {
		r := now[extensionKey(o)]
		if r == nil {
			return
		}
		path := string(o.FullName())
		pointer := "#/" + pointerOf(localName(o))
		w.types(path, pointer, r, o)
		w.cardinality(path, pointer, r, o)
		w.defaults(path, pointer, r, o)
		for _, f := range w.found {
			if f.Path == path {
				f.ErrorType = "" // the registry ignores extensions
			}
		}
	})
}

func extensionKey(x protoreflect.FieldDescriptor) string {
	return string(x.ContainingMessage().FullName()) + "/" + strconv.Itoa(int(x.Number()))
}

func eachExtension(d interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
}, do func(protoreflect.FieldDescriptor)) {
	for i := range d.Extensions().Len() {
		do(d.Extensions().Get(i))
	}
	for i := range d.Messages().Len() {
		eachExtension(d.Messages().Get(i), do)
	}
}
