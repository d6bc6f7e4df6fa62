package witness_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

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

// noProtoWitness gives the rules whose findings may have no witness, with how many
// in a hundred and why.
var noProtoWitness = map[string]struct {
	share int
	why   string
}{
	"FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED": {80,
		"the danger is a later field of that number: today's data only lands among the unknown fields"},
	"ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED": {100,
		"the danger is a later value of that number; and an enum that no field uses is in no data"},
	"MESSAGE_NO_DELETE": {100,
		"Buf counts the entry of a map, which has the name of its field, as a message: nobody sends it"},
	"MESSAGE_SAME_REQUIRED_FIELDS": {40,
		"a reader that does not know a required field reads the data all the same; the registry counts that as well"},
	"FIELD_SAME_ONEOF": {50,
		"a oneof with one member that the other side knows erases nothing"},
	"FIELD_SAME_TYPE": {10,
		"any other type counts, for the code: one that holds all values, and the entry of a map that was renamed"},
	"FIELD_SAME_CARDINALITY": {40,
		"any other counts, for the code; and the registry counts one value that became many either way"},
	"FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY": {40,
		"the registry counts a label that changed either way: one value reads as a list of one"},
	"FIELD_WIRE_COMPATIBLE_TYPE": {10,
		"Buf compares the names of the entries of a map, which has another after its field was renamed"},
	"FIELD_WIRE_JSON_COMPATIBLE_TYPE": {10,
		"Buf compares the names of the entries of a map, which has another after its field was renamed"},
	"FIELD_WIRE_COMPATIBLE_CARDINALITY": {40,
		"the registry counts a label that changed either way: one value reads as a list of one"},
	"PROTO_ONEOF_FIELD_REMOVED": {10,
		"the registry counts a oneof of which the reader has one member, in no oneof"},
}

func TestProtoWitnesses(t *testing.T) {
	t.Parallel()
	pairs := uint64(200)
	if soak() {
		pairs = 10_000
	}
	all, _, err := protorules.Select("v2", []string{"WIRE", "WIRE_JSON", "FILE"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	usual, _, err := protorules.Select("v2", []string{"WIRE_JSON"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tally := newTally()
	for seed := range pairs {
		newText, oldText := protoPair(seed)
		newer, older := parseProto(t, newText), parseProto(t, oldText)
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			pair := witness.NewPair(newer, older)
			for _, f := range protorules.Gate(newer, older, all, dir) {
				w, ok := pair.Build(f)
				tally.count(f, ok, newText, oldText)
				if ok {
					againstProto(t, f, w, newText, oldText)
				}
			}
			if len(protorules.Gate(newer, older, usual, dir)) > 0 {
				continue
			}
			tally.crossed++
			// Two verdicts are looser than the data, by intent: whole numbers, bool and
			// enums may change into one another, and a closed enum may get a value.
			if w := witness.ProveProto(newer, older, dir, messages(), seed); w != nil {
				t.Errorf("seed %d: nothing was found, and a message does not cross: %+v\nnew %s\nold %s", seed, w, newText, oldText)
			}
		}
	}
	allowed := map[string]int{}
	for id, row := range noProtoWitness {
		allowed[id] = row.share
	}
	tally.check(t, allowed)
}

// compiled is the message of a name, by another compiler than the witness had.
func compiled(t *testing.T, text, name string) protoreflect.MessageDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"m.proto": text}),
	})}
	files, err := c.Compile(t.Context(), "m.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages().ByName(protoreflect.Name(name))
}

// againstProto reads a witness with descriptors of another compiler, as its writer
// and as its reader.
func againstProto(t *testing.T, f *rule.Finding, w *rule.Witness, newText, oldText string) {
	t.Helper()
	writerText, readerText := oldText, newText
	if w.Writer == rule.OldReaders {
		writerText, readerText = newText, oldText
	}
	names := []string{"M", "N"}
	if name, _, _ := strings.Cut(f.Path, "."); name != "E" {
		names = []string{name}
	}
	asJSON := string(w.Data) == w.JSON && json.Valid(w.Data)
	for _, name := range names {
		written, read := dynamicpb.NewMessage(compiled(t, writerText, name)), dynamicpb.NewMessage(compiled(t, readerText, name))
		unmarshal := proto.Unmarshal
		if asJSON {
			unmarshal = protojson.Unmarshal
		}
		if err := unmarshal(w.Data, written); err != nil || len(written.GetUnknown()) > 0 {
			continue // of the other message
		}
		err := unmarshal(w.Data, read)
		if (err != nil) == (w.Err != "") && (err != nil || differ(dump(written), dump(read))) {
			return
		}
	}
	t.Errorf("%s: %s: another library reads it as it was written, or does not: %+v\nwriter %s\nreader %s", f.Rule.ID, f.Message, w, writerText, readerText)
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

// differ reports whether something that was written is not what was read.
func differ(written, read map[string]string) bool {
	for k, v := range written {
		if is, ok := read[k]; !ok || is != v {
			return true
		}
	}
	return false
}
