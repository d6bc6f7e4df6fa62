package witness

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/compat/rule"
)

const (
	anyName    = "google.protobuf.Any"
	anyURL     = "type.googleapis.com/"
	anyTypeURL = 1
	anyValue   = 2
)

// renamed shows that the package of the reader has another name. Nothing in the bytes
// of a message names its package, except an Any, which names the message that it
// holds in full.
func (e *protoEngine) renamed() *rule.Witness {
	readers := e.readers()
	for _, held := range e.pairs {
		if held.r == nil || held.w.ParentFile() != e.writer {
			continue
		}
		for _, p := range e.pairs {
			for i := 0; p.r != nil && i < p.w.Fields().Len(); i++ {
				wf := p.w.Fields().Get(i)
				rf := p.r.Fields().ByNumber(wf.Number())
				if !e.steps.take(1) {
					return nil
				}
				if isAny(wf) && rf != nil && isAny(rf) && rf.IsList() == wf.IsList() {
					return e.holdingAny(p, wf, held.w, readers)
				}
			}
		}
		return nil
	}
	return nil
}

func isAny(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && !fd.IsMap() && fd.Message().FullName() == anyName
}

// readers holds the messages that the reader can look up by name.
func (e *protoEngine) readers() *protoregistry.Types {
	types := &protoregistry.Types{}
	for _, p := range e.pairs {
		if p.r != nil && e.steps.take(1) {
			_ = types.RegisterMessage(dynamicpb.NewMessageType(p.r)) // again is no harm
		}
	}
	return types
}

// holdingAny has a message in an Any, and nothing else.
func (e *protoEngine) holdingAny(p messagePair, wf protoreflect.FieldDescriptor, held protoreflect.MessageDescriptor, readers *protoregistry.Types) *rule.Witness {
	m, ok := newMessage(p.w, protoDepth, &e.steps)
	inner, ok2 := newMessage(held, protoDepth, &e.steps)
	if !ok || !ok2 {
		return nil
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(inner)
	if err != nil {
		return nil
	}
	box := dynamicpb.NewMessage(wf.Message())
	box.Set(wf.Message().Fields().ByNumber(anyTypeURL), protoreflect.ValueOfString(anyURL+string(held.FullName())))
	box.Set(wf.Message().Fields().ByNumber(anyValue), protoreflect.ValueOfBytes(value))
	if wf.IsList() {
		m.Mutable(wf).List().Append(protoreflect.ValueOfMessage(box))
	} else {
		m.Set(wf, protoreflect.ValueOfMessage(box))
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil || len(data) > maxBytes || proto.Unmarshal(data, dynamicpb.NewMessage(p.r)) != nil {
		return nil
	}
	if _, err := readers.FindMessageByURL(anyURL + string(held.FullName())); err == nil {
		return nil
	}
	writers := &protoregistry.Types{}
	if err := writers.RegisterMessage(dynamicpb.NewMessageType(held)); err != nil {
		return nil
	}
	text, ok := compact(protojson.MarshalOptions{AllowPartial: true, Resolver: writers}.Marshal(m))
	if !ok {
		return nil
	}
	return &rule.Witness{JSON: text, Data: data, Comment: "of type " + string(p.w.FullName()),
		Err: fmt.Sprintf("field %d holds a %s, and the reader has no message of that name", wf.Number(), held.FullName())}
}
