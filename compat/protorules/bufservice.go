package protorules

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
)

func rpcGone(w *bufWalk, r *rule.Rule, p servicePair) {
	for i := range p.old.Methods().Len() {
		old := p.old.Methods().Get(i)
		if p.new.Methods().ByName(old.Name()) == nil {
			w.report(r, old, whole(w.newer, p.new), whole(w.older, old), "no rpc "+string(old.Name()), "was declared",
				`Previously present RPC %q on service %q was deleted.`, old.Name(), p.new.Name())
		}
	}
}

// reportMethod is report about a pair of rpcs; steps lead to what changed, and
// none to the rpc itself.
func (w *bufWalk) reportMethod(r *rule.Rule, p methodPair, steps []int32, is, was, format string, args ...any) {
	w.report(r, p.old, anchorAt(w.newer, p.new).part(steps...).anchor, anchorAt(w.older, p.old).part(steps...).anchor,
		is, was, "RPC %q on service %q "+format, append([]any{p.new.Name(), p.new.Parent().Name()}, args...)...)
}

// sameStreaming returns the check for one of the two directions.
func sameStreaming(who string, streams func(protoreflect.MethodDescriptor) bool) func(*bufWalk, *rule.Rule, methodPair) {
	word := func(m protoreflect.MethodDescriptor) string {
		if streams(m) {
			return who + " streaming"
		}
		return who + " unary"
	}
	return func(w *bufWalk, r *rule.Rule, p methodPair) {
		if is, was := word(p.new), word(p.old); is != was {
			w.reportMethod(r, p, nil, is, was, "changed from %s to %s.", was, is)
		}
	}
}

// sameMessageOf returns the check for one of the two messages of an rpc.
func sameMessageOf(what string, step int32, message func(protoreflect.MethodDescriptor) protoreflect.MessageDescriptor) func(*bufWalk, *rule.Rule, methodPair) {
	return func(w *bufWalk, r *rule.Rule, p methodPair) {
		if is, was := message(p.new).FullName(), message(p.old).FullName(); is != was {
			w.reportMethod(r, p, []int32{step}, string(is), string(was), "changed "+what+" type from %q to %q.", was, is)
		}
	}
}

func sameIdempotency(w *bufWalk, r *rule.Rule, p methodPair) {
	level := func(m protoreflect.MethodDescriptor) string {
		options, _ := m.Options().(*descriptorpb.MethodOptions)
		return options.GetIdempotencyLevel().String()
	}
	if is, was := level(p.new), level(p.old); is != was {
		w.reportMethod(r, p, []int32{methodOptions, optionIdempotency}, is, was, `changed option "idempotency_level" from %q to %q.`, was, is)
	}
}
