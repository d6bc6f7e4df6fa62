package witness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// A protoEngine crosses Protobuf messages.
type protoEngine struct {
	reader, writer protoreflect.FileDescriptor
	steps          budget
	cut            bool              // some places were left out: the walk was too long, or no message of bounded size has them
	pardoned       map[lossKind]bool // what prove lets pass
	pairs          []messagePair
	edges          []protoEdge
	next           int // the first pair whose edges are not all known
	nextField      int // its first field whose are not
	byName         map[string]messagePair
}

// A messagePair is a message on both sides. The reader's is nil where it has none.
type messagePair struct {
	w, r protoreflect.MessageDescriptor
}

type protoEdge struct {
	pair messagePair
	set  func(*dynamicpb.Message)
}

func newProtoEngine(reader, writer *protobuf.Schema) *protoEngine {
	e := &protoEngine{reader: reader.File(), writer: writer.File(), steps: budget{indexSteps}, byName: map[string]messagePair{},
		pardoned: map[lossKind]bool{absent: true, unnamed: true}}
	e.collect(e.writer.Messages(), e.reader.Messages())
	e.reach()
	e.cut = e.steps.left <= 0
	return e
}

// collect pairs the messages of both files by their name without the package.
func (e *protoEngine) collect(w, r protoreflect.MessageDescriptors) {
	for i := range w.Len() {
		md := w.Get(i)
		if md.IsMapEntry() || !e.steps.take(1) {
			continue
		}
		p := messagePair{w: md}
		var below protoreflect.MessageDescriptors
		if r != nil {
			if p.r = r.ByName(md.Name()); p.r != nil {
				below = p.r.Messages()
			}
		}
		e.add(p)
		e.collect(md.Messages(), below)
	}
}

func (e *protoEngine) add(p messagePair) {
	name := nestedName(p.w)
	if _, ok := e.byName[name]; !ok {
		e.byName[name] = p
		e.pairs = append(e.pairs, p)
	}
}

// reach pairs the messages of other files that fields lead to.
func (e *protoEngine) reach() {
	for i := 0; i < len(e.pairs); i++ {
		p := e.pairs[i]
		if p.r == nil {
			continue
		}
		for j := range p.w.Fields().Len() {
			wf := p.w.Fields().Get(j)
			rf := p.r.Fields().ByNumber(wf.Number())
			if !e.steps.take(1) {
				return
			}
			if wf.IsMap() && rf != nil && rf.IsMap() {
				wf, rf = wf.MapValue(), rf.MapValue()
			}
			if rf != nil && wf.Message() != nil && rf.Message() != nil && !wf.IsMap() && !rf.IsMap() {
				e.add(messagePair{wf.Message(), rf.Message()})
			}
		}
	}
}

// nestedName is the full name without the package.
func nestedName(d protoreflect.Descriptor) string {
	pkg := string(d.ParentFile().Package())
	if pkg == "" {
		return string(d.FullName())
	}
	return strings.TrimPrefix(string(d.FullName()), pkg+".")
}

// An element is what a finding is about: a message, and where it is a field the
// number.
type element struct {
	pair   messagePair
	number protoreflect.FieldNumber // 0: the message as a whole
}

// elements finds what a finding is about by its path; of an enum, the fields that
// have its values.
func (e *protoEngine) elements(f *rule.Finding) []element {
	path := f.Path
	if p, ok := e.byName[path]; ok {
		return []element{{p, 0}}
	}
	for _, suffix := range []string{".key", ".value", ""} {
		owner, name, ok := cutLast(strings.TrimSuffix(path, suffix))
		p, known := e.byName[owner]
		if !ok || !known {
			continue
		}
		for _, md := range []protoreflect.MessageDescriptor{p.w, p.r} {
			if md == nil {
				continue
			}
			if fd := md.Fields().ByName(protoreflect.Name(name)); fd != nil {
				return []element{{p, fd.Number()}}
			}
			if md.Oneofs().ByName(protoreflect.Name(name)) != nil {
				return []element{{p, 0}}
			}
		}
	}
	return e.users(path)
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// users returns the fields of an enum, which the path names with or without one of
// its values.
func (e *protoEngine) users(path string) []element {
	const most = 8
	owner, _, _ := cutLast(path)
	var out []element
	for _, p := range e.pairs {
		for i := range p.w.Fields().Len() {
			fd := p.w.Fields().Get(i)
			if !e.steps.take(1) || len(out) >= most {
				return out
			}
			enum := fd.Enum()
			if fd.IsMap() {
				enum = fd.MapValue().Enum()
			}
			if enum != nil && (nestedName(enum) == path || nestedName(enum) == owner) {
				out = append(out, element{p, fd.Number()})
			}
		}
	}
	return out
}

func (e *protoEngine) spent() bool { return e.cut || e.steps.left <= 0 }

func (e *protoEngine) build(f *rule.Finding, asJSON bool) *rule.Witness {
	e.steps.left = buildSteps
	if f.Rule.ID == "FILE_SAME_PACKAGE" {
		return e.renamed()
	}
	var best *rule.Witness
	more := 8 // messages that are tried after the first that shows it
	for _, at := range e.elements(f) {
		if at.pair.r == nil {
			return e.missing(at.pair)
		}
		for _, m := range e.messages(at) {
			if w := e.try(m, at, f, asJSON); w != nil && (best == nil || len(w.Data) < len(best.Data)) {
				best = w
			}
			if best != nil {
				if more--; more == 0 {
					return best
				}
			}
		}
	}
	return best
}

// missing shows a message that the reader has not.
func (e *protoEngine) missing(p messagePair) *rule.Witness {
	m, ok := newMessage(p.w, protoDepth, &e.steps)
	if !ok || e.reader.Messages().ByName(p.w.Name()) != nil && p.w.Parent() == p.w.ParentFile() {
		return nil
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	text, ok := show(m)
	if err != nil || !ok {
		return nil
	}
	return &rule.Witness{JSON: text, Data: data, Err: fmt.Sprintf("the reader has no message %s", nestedName(p.w)), Comment: "of type " + string(p.w.FullName())}
}

// messages returns what to try for an element.
func (e *protoEngine) messages(at element) []*dynamicpb.Message {
	const most = 400
	var out []*dynamicpb.Message
	add := func(sets ...func(*dynamicpb.Message)) {
		m, ok := newMessage(at.pair.w, protoDepth, &e.steps)
		if e.cut = e.cut || !ok; ok && len(out) < most {
			for _, set := range sets {
				set(m)
			}
			out = append(out, m)
		}
	}
	add()
	if wf := at.pair.w.Fields().ByNumber(at.number); at.number != 0 && wf != nil {
		rf := at.pair.r.Fields().ByNumber(at.number)
		for _, set := range e.fieldValues(wf, rf, 3) {
			add(set)
			if rf != nil && realOneof(rf) != nil {
				for _, other := range e.beside(at.pair, realOneof(rf), at.number) {
					add(set, other)
				}
			}
		}
		if rf != nil && realOneof(rf) != nil || realOneof(wf) != nil {
			return out
		}
	}
	if at.number == 0 {
		for i := range at.pair.r.Oneofs().Len() {
			if o := at.pair.r.Oneofs().Get(i); !o.IsSynthetic() {
				add(e.beside(at.pair, o, 0)...)
			}
		}
	}
	return out
}

// beside sets what the reader has in a oneof, one setting for each member that the
// writer has too.
func (e *protoEngine) beside(p messagePair, o protoreflect.OneofDescriptor, but protoreflect.FieldNumber) []func(*dynamicpb.Message) {
	var out []func(*dynamicpb.Message)
	for i := range o.Fields().Len() {
		n := o.Fields().Get(i).Number()
		wf := p.w.Fields().ByNumber(n)
		if wf == nil || n == but || len(out) > 10 {
			continue
		}
		if all := e.fieldValues(wf, nil, 0); len(all) > 0 {
			out = append(out, all[0])
		}
	}
	return out
}

// try crosses one message and returns a witness if what is lost is what the
// finding is about.
func (e *protoEngine) try(m *dynamicpb.Message, at element, f *rule.Finding, asJSON bool) *rule.Witness {
	cross := e.cross
	if asJSON {
		cross = e.crossJSON
	}
	data, read, losses := cross(m, at.pair.r)
	for _, l := range losses {
		if e.isAbout(l, at, f) {
			return e.witness(m, data, read, l)
		}
	}
	return nil
}

// isAbout reports whether a loss is at the element of a finding: at its field, in
// what is below it, or anywhere if the message cannot be read at all.
func (e *protoEngine) isAbout(l loss, at element, f *rule.Finding) bool {
	if l.number == 0 && l.message == "" {
		return true
	}
	if (l.kind == unnamed || l.kind == unclosed) && !strings.HasPrefix(f.Rule.ID, "ENUM_VALUE_") && !strings.Contains(f.Rule.ID, "_TYPE") {
		return false
	}
	if l.kind == absent && !strings.Contains(f.Rule.ID, "CARDINALITY") {
		return false
	}
	if l.message != at.pair.w.FullName() {
		return at.number != 0
	}
	return at.number == 0 || l.number == at.number || f.Rule.ID == "FIELD_SAME_ONEOF"
}

func (e *protoEngine) witness(m *dynamicpb.Message, data []byte, read *dynamicpb.Message, l loss) *rule.Witness {
	text, ok := show(m)
	if !ok {
		return nil
	}
	w := &rule.Witness{JSON: text, Data: data, Err: l.err, Comment: l.comment}
	if l.err == "" {
		if w.Read, ok = show(read); !ok {
			return nil
		}
	}
	return w
}

// cross writes a message and reads it. A message that cannot be written crosses.
func (e *protoEngine) cross(m *dynamicpb.Message, reader protoreflect.MessageDescriptor) ([]byte, *dynamicpb.Message, []loss) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil || len(data) > maxBytes {
		return nil, nil, nil
	}
	written := dynamicpb.NewMessage(m.Descriptor())
	if err := proto.Unmarshal(data, written); err != nil {
		return nil, nil, nil
	}
	return e.crossData(data, written, reader)
}

// crossData reads data and compares it with what was written.
func (e *protoEngine) crossData(data []byte, written *dynamicpb.Message, reader protoreflect.MessageDescriptor) ([]byte, *dynamicpb.Message, []loss) {
	read := dynamicpb.NewMessage(reader)
	if err := proto.Unmarshal(data, read); err != nil {
		l := loss{err: plain(err)}
		if hasBadText(written) {
			l.kind = noText
		}
		return data, read, []loss{l}
	}
	c := &comparison{steps: &e.steps}
	c.message(written, read)
	return data, read, c.losses
}

// crossJSON is cross for readers of JSON.
func (e *protoEngine) crossJSON(m *dynamicpb.Message, reader protoreflect.MessageDescriptor) ([]byte, *dynamicpb.Message, []loss) {
	text, ok := show(m)
	if !ok || hasBadText(m) {
		return nil, nil, nil
	}
	read := dynamicpb.NewMessage(reader)
	if err := protojson.Unmarshal([]byte(text), read); err != nil {
		return []byte(text), read, []loss{{err: plain(err)}}
	}
	c := &comparison{steps: &e.steps, byName: true}
	c.message(m, read)
	return []byte(text), read, c.losses
}

// plain takes the mark of the library from an error, in which it hides a space of
// its own.
func plain(err error) string {
	text := strings.TrimSpace(strings.TrimPrefix(err.Error(), "proto:"))
	return strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(text, "\u00a0", " "), "proto:"))
}

// show prints a message as JSON. Text that is no UTF-8 is printed with U+FFFD.
func show(m *dynamicpb.Message) (string, bool) {
	if hasBadText(m) {
		m = proto.Clone(m).(*dynamicpb.Message)
		mend(m)
	}
	return compact(protojson.MarshalOptions{AllowPartial: true}.Marshal(m))
}

// compact takes the spaces out of JSON, which protojson varies.
func compact(text []byte, err error) (string, bool) {
	var out bytes.Buffer
	if err != nil || json.Compact(&out, text) != nil {
		return "", false
	}
	return out.String(), true
}

// eachText calls do with every string of a message until it returns false, and
// puts what it returns in its place.
func eachText(m protoreflect.Message, do func(string) string) {
	change := func(fd protoreflect.FieldDescriptor, v protoreflect.Value) (protoreflect.Value, bool) {
		if fd.Message() != nil && !fd.IsMap() {
			eachText(v.Message(), do)
		}
		if fd.Kind() != protoreflect.StringKind {
			return v, false
		}
		is := do(v.String())
		return protoreflect.ValueOfString(is), is != v.String()
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsList():
			for i := range v.List().Len() {
				if is, changed := change(fd, v.List().Get(i)); changed {
					v.List().Set(i, is)
				}
			}
		case fd.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, held protoreflect.Value) bool {
				if is, changed := change(fd.MapValue(), held); changed {
					v.Map().Set(k, is)
				}
				if fd.MapKey().Kind() == protoreflect.StringKind {
					do(k.String())
				}
				return true
			})
		default:
			if is, changed := change(fd, v); changed {
				m.Set(fd, is)
			}
		}
		return true
	})
}

func hasBadText(m *dynamicpb.Message) bool {
	bad := false
	eachText(m, func(s string) string {
		bad = bad || !utf8.ValidString(s)
		return s
	})
	return bad
}

func mend(m *dynamicpb.Message) {
	eachText(m, func(s string) string { return strings.ToValidUTF8(s, "\ufffd") })
}

// prove begins with each field alone and goes on with random messages of each type.
func (e *protoEngine) prove(i int, r *rand.Rand) (*rule.Witness, bool) {
	if len(e.pairs) == 0 {
		return nil, true // nothing can be sent
	}
	e.steps.left = messageSteps
	edge := e.edge(i)
	if edge.pair.w == nil {
		edge.pair = e.pairs[r.IntN(len(e.pairs))]
		edge.set = func(m *dynamicpb.Message) { e.random(m, r, protoDepth) }
	}
	if edge.pair.r == nil {
		return e.missing(edge.pair), true
	}
	m, ok := newMessage(edge.pair.w, protoDepth, &e.steps)
	if !ok {
		return nil, false
	}
	edge.set(m)
	data, read, losses := e.cross(m, edge.pair.r)
	losses = slices.DeleteFunc(losses, func(l loss) bool { return e.pardoned[l.kind] })
	if len(losses) == 0 {
		return nil, data != nil || proto.Size(m) == 0
	}
	if l := losses[0]; l.message == m.Descriptor().FullName() {
		at := element{edge.pair, l.number}
		for _, less := range e.messages(at) {
			if w := e.try(less, at, &rule.Finding{Rule: &rule.Rule{ID: "FIELD_TYPE"}}, false); w != nil && len(w.Data) <= len(data) {
				return w, true
			}
		}
	}
	return e.witness(m, data, read, losses[0]), true
}

// edge returns the i-th message that has something in one field only.
func (e *protoEngine) edge(i int) protoEdge {
	for len(e.edges) <= i && e.next < len(e.pairs) {
		p := e.pairs[e.next]
		if e.nextField == 0 {
			e.edges = append(e.edges, protoEdge{p, func(*dynamicpb.Message) {}})
		}
		if p.r == nil || e.nextField >= p.w.Fields().Len() {
			e.next, e.nextField = e.next+1, 0
			continue
		}
		wf := p.w.Fields().Get(e.nextField)
		e.nextField++
		for _, set := range e.fieldValues(wf, p.r.Fields().ByNumber(wf.Number()), 1) {
			e.edges = append(e.edges, protoEdge{p, set})
		}
	}
	if i >= len(e.edges) {
		return protoEdge{}
	}
	return e.edges[i]
}
