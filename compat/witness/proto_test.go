package witness_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/anypb" // which a pair imports

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func parseProto(t testing.TB, text string) *protobuf.Schema {
	t.Helper()
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "m.proto", Text: text})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// TestProtoWitnesses holds both laws over random pairs and some fixed ones: each claim
// of unreadable data has a witness that descriptors of another compiler confirm, or a
// reason; and where nothing is found every message crosses.
func TestProtoWitnesses(t *testing.T) {
	t.Parallel()
	l := &protoLaw{tally: newTally()}
	for _, set := range []struct {
		into       *protorules.Set
		categories []string
	}{{&l.all, []string{"WIRE", "WIRE_JSON", "FILE"}}, {&l.usual, []string{"WIRE_JSON"}}} {
		var err error
		if *set.into, _, err = protorules.Select("v2", set.categories, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, pair := range protoFixed {
		l.pair(t, uint64(i), pair.newer, pair.older)
	}
	inShards(t, count(200, 9_000), func(t *testing.T, seed uint64) {
		newText, oldText := protoPair(seed)
		l.pair(t, seed, newText, oldText)
	})
	for _, r := range protoReasons {
		t.Logf("%d without a witness: %s", l.reasons[r.why], r.why)
		if l.reasons[r.why] == 0 {
			t.Errorf("nothing needs the reason %q", r.why)
		}
	}
	l.log(t, 15)
}

type protoLaw struct {
	*tally
	all, usual protorules.Set
}

func (l *protoLaw) pair(t *testing.T, seed uint64, newText, oldText string) {
	newer, older := parseProto(t, newText), parseProto(t, oldText)
	gate := func(set protorules.Set, dir rule.Breaks) []*rule.Finding {
		return append(protorules.Gate(newer, older, set, dir), protorules.Narrowed(newer, older, dir)...)
	}
	var files []protoreflect.FileDescriptor
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		pair := witness.NewPair(newer, older)
		for _, f := range gate(l.all, dir) {
			w, ok := pair.Build(f)
			whom := pair.Whom(f)
			switch {
			case whom&^f.Rule.Breaks != 0 || whom&f.Breaks != f.Breaks:
				t.Errorf("seed %d: %s breaks %d, of which its rule says %d", seed, f.Rule.ID, whom, f.Rule.Breaks)
			case ok:
				l.addTo(l.with, f.Rule.ID)
				if files == nil {
					files = []protoreflect.FileDescriptor{compiled(t, newText), compiled(t, oldText)}
				}
				againstProto(t, f, w, files[0], files[1])
			case f.Rule.Severity == rule.Error && whom&(rule.Readers|rule.OldReaders|rule.JSONReaders) != 0:
				c := protoClaim{f, older.File(), newer.File()}
				if f.Breaks&rule.OldReaders != 0 {
					c.writer, c.reader = c.reader, c.writer
				}
				l.excuse(t, seed, c, newText, oldText)
			}
		}
		if len(gate(l.usual, dir)) > 0 {
			continue
		}
		l.add(&l.crossed)
		// By intent no rule minds that a closed enum gets a value, or that a reader of
		// text that is none refuses it: the specification forbids such text.
		if w := witness.ProveProto(newer, older, dir, messages(), seed); w != nil {
			t.Errorf("seed %d: nothing was found, and a message does not cross: %+v\nnew %s\nold %s", seed, w, newText, oldText)
		}
	}
}

// excuse looks for the reason of a claim that has no witness.
func (l *protoLaw) excuse(t *testing.T, seed uint64, c protoClaim, newText, oldText string) {
	for _, r := range protoReasons {
		if r.applies(c) {
			l.addTo(l.reasons, r.why)
			return
		}
	}
	t.Errorf("seed %d: no witness and no reason: %s %s: %s: %s\nnew %s\nold %s", seed, c.Rule.ID, c.ErrorType, c.Path, c.Message, newText, oldText)
}

// compiled is a file, by another compiler than the witness had and with the
// descriptors of google.golang.org/protobuf.
func compiled(t *testing.T, text string) protoreflect.FileDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"m.proto": text}),
	})}
	files, err := c.Compile(t.Context(), "m.proto")
	if err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.FileOptions{}.New(protodesc.ToFileDescriptorProto(files[0]), protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// againstProto reads a witness with descriptors of another compiler, as its writer
// and as its reader.
func againstProto(t *testing.T, f *rule.Finding, w *rule.Witness, newer, older protoreflect.FileDescriptor) {
	t.Helper()
	writer, reader := older, newer
	if w.Writer == rule.OldReaders {
		writer, reader = newer, older
	}
	only, _, _ := strings.Cut(f.Path, ".")
	asJSON := string(w.Data) == w.JSON && json.Valid(w.Data)
	for i := range writer.Messages().Len() {
		name := writer.Messages().Get(i).Name()
		if writer.Messages().ByName(protoreflect.Name(only)) != nil && string(name) != only {
			continue
		}
		unmarshal := proto.Unmarshal
		if asJSON {
			unmarshal = protojson.Unmarshal
		}
		written := dynamicpb.NewMessage(writer.Messages().Get(i))
		if err := unmarshal(w.Data, written); err != nil || len(written.GetUnknown()) > 0 {
			continue // of the other message
		}
		md := reader.Messages().ByName(name)
		if md == nil || unknownAny(written, reader) {
			if w.Err != "" {
				return
			}
			continue
		}
		read := dynamicpb.NewMessage(md)
		err := unmarshal(w.Data, read)
		if (err != nil) == (w.Err != "") && (err != nil || differ(dump(written), dump(read))) {
			return
		}
	}
	t.Errorf("%s: %s: another library reads it as it was written, or does not: %+v\nwriter %v\nreader %v", f.Rule.ID, f.Message, w,
		protodesc.ToFileDescriptorProto(writer), protodesc.ToFileDescriptorProto(reader))
}

// unknownAny reports whether a message has an Any with a message that a reader has not.
func unknownAny(m protoreflect.Message, reader protoreflect.FileDescriptor) bool {
	unknown := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Any" && !fd.IsList() {
			url := v.Message().Get(fd.Message().Fields().ByName("type_url")).String()
			name, ok := strings.CutPrefix(url, "type.googleapis.com/"+string(reader.Package())+".")
			unknown = !ok || reader.Messages().ByName(protoreflect.Name(name)) == nil
		}
		return !unknown
	})
	return unknown
}

// dump flattens a message into values by the numbers of fields.
func dump(m protoreflect.Message) map[string]string {
	out := map[string]string{}
	fields := m.Descriptor().Fields()
	scalar := func(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
		switch {
		case fd.Enum() != nil:
			if known := fd.Enum().Values().ByNumber(v.Enum()); known != nil {
				return string(known.Name())
			}
			return fmt.Sprint(v.Enum(), " without a name")
		case fd.Kind() == protoreflect.BytesKind:
			return string(v.Bytes())
		}
		return v.String()
	}
	put := func(key string, fd protoreflect.FieldDescriptor, v protoreflect.Value) {
		if fd.Message() == nil {
			out[key] = scalar(fd, v)
			return
		}
		out[key] = "message"
		for k, v := range dump(v.Message()) {
			out[key+"."+k] = v
		}
	}
	for i := range fields.Len() {
		fd := fields.Get(i)
		key := fmt.Sprint(fd.Number())
		switch {
		case fd.IsMap():
			m.Get(fd).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				put(key+"["+k.String()+"]", fd.MapValue(), v)
				return true
			})
		case fd.IsList():
			for j := range m.Get(fd).List().Len() {
				put(fmt.Sprint(key, "[", j, "]"), fd, m.Get(fd).List().Get(j))
			}
		case m.Has(fd), fd.Message() == nil && fd.ContainingOneof() == nil:
			put(key, fd, m.Get(fd))
			if m.Has(fd) {
				out[key+"#"] = "set"
				out[key+"@"] = string(fd.Name())
			}
		}
	}
	return out
}

// differ reports whether something that was written is not what was read, or if there is
// more than was written.
func differ(written, read map[string]string) bool {
	for k, v := range written {
		if is, ok := read[k]; !ok || is != v {
			return true
		}
	}
	for k := range read {
		if _, ok := written[k]; !ok && strings.HasSuffix(k, "]") {
			return true
		}
	}
	return false
}
